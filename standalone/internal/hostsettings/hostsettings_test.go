package hostsettings

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// machine is a registry over plain files instead of the kernel's settings.
type machine struct {
	*testing.T
	Registry
}

func newMachine(t *testing.T) machine {
	root := t.TempDir()
	m := machine{t, Registry{
		Folder: filepath.Join(root, "registry"), Sysctl: filepath.Join(root, "sys"), Interfaces: filepath.Join(root, "net"),
	}}
	m.set(forwarding, "0\n")
	m.set(panicSetting, "0\n")
	return m
}

const panicSetting = "kernel/panic"

func (m machine) set(name, value string) {
	m.Helper()
	path := filepath.Join(m.Sysctl, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		m.Fatal(err)
	}
}

// runKubelet does what a kubelet does.
func (m machine) runKubelet() {
	m.Helper()
	m.set(panicSetting, "10")
}

func (m machine) addBridge() {
	m.Helper()
	if err := os.MkdirAll(filepath.Join(m.Interfaces, "docker0", "bridge"), 0o755); err != nil {
		m.Fatal(err)
	}
}

func (m machine) use() string {
	m.Helper()
	dir := m.TempDir()
	if err := m.Use(m.Context(), dir); err != nil {
		m.Fatal(err)
	}
	return dir
}

func (m machine) claim(subnet string) (string, []netip.Prefix) {
	m.Helper()
	dir := m.TempDir()
	var seen []netip.Prefix
	err := m.Claim(m.Context(), dir, func(claimed []netip.Prefix) (netip.Prefix, error) {
		seen = claimed
		return netip.MustParsePrefix(subnet), nil
	})
	if err != nil {
		m.Fatal(err)
	}
	return dir, seen
}

func (m machine) release(dir string) {
	m.Helper()
	if err := m.Release(m.Context(), dir); err != nil {
		m.Fatal(err)
	}
}

func (m machine) requireSetting(name, want string) {
	m.Helper()
	data, err := os.ReadFile(filepath.Join(m.Sysctl, name))
	if err != nil {
		m.Fatal(err)
	}
	if got := string(data); got != want && got != want+"\n" {
		m.Errorf("%s is %q, want %q", name, got, want)
	}
}

func (m machine) requireOriginal() {
	m.Helper()
	m.requireSetting(forwarding, "0")
	m.requireSetting(panicSetting, "0")
	if _, err := os.Stat(m.Folder); !errors.Is(err, os.ErrNotExist) {
		m.Errorf("the registry is still there: %v", err)
	}
}

func TestLastClusterRestoresTheMachinesSettings(t *testing.T) {
	m := newMachine(t)
	first, _ := m.claim("10.200.0.0/16")
	m.requireSetting(forwarding, "1")
	m.runKubelet()
	second, _ := m.claim("10.201.0.0/16")
	m.release(first)
	m.requireSetting(forwarding, "1")
	m.requireSetting(panicSetting, "10")
	m.release(second)
	m.requireOriginal()
}

func TestSettingsComeBackInWhateverOrderClusterAndEngineComeAndGo(t *testing.T) {
	for name, order := range map[string]struct{ clusterFirst, clusterGoesFirst bool }{
		"the engine within the cluster's life":  {clusterFirst: true},
		"the engine after the cluster's end":    {clusterFirst: true, clusterGoesFirst: true},
		"the cluster within the engine's life":  {clusterGoesFirst: true},
		"the cluster after the engine has gone": {},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			var cluster, engine string
			come := []func(){
				func() { engine = m.use() },
				func() { cluster, _ = m.claim("10.200.0.0/16") },
			}
			if order.clusterFirst {
				come[0], come[1] = come[1], come[0]
			}
			for _, one := range come {
				one()
				m.runKubelet()
			}
			m.requireSetting(forwarding, "1")
			if order.clusterGoesFirst {
				m.release(cluster)
				// The engine has no need of it.
				m.requireSetting(forwarding, "0")
				m.requireSetting(panicSetting, "10")
				m.release(engine)
			} else {
				m.release(engine)
				m.requireSetting(forwarding, "1")
				m.requireSetting(panicSetting, "10")
				m.release(cluster)
			}
			m.requireOriginal()
		})
	}
}

func TestEngineLeavesForwardingToOthers(t *testing.T) {
	m := newMachine(t)
	engine := m.use()
	m.requireSetting(forwarding, "0")
	// The administrator's doing.
	m.set(forwarding, "1")
	m.release(engine)
	m.requireSetting(forwarding, "1")
}

func TestEngineThatStartsAgainIsTheSameUser(t *testing.T) {
	m := newMachine(t)
	engine := m.use()
	m.runKubelet()
	if err := m.Use(t.Context(), engine); err != nil {
		t.Fatal(err)
	}
	m.release(engine)
	m.requireOriginal()
}

func TestForwardingStaysOnForTheBridgesOfOthers(t *testing.T) {
	m := newMachine(t)
	cluster, _ := m.claim("10.200.0.0/16")
	m.runKubelet()
	// Docker starts and finds forwarding on.
	m.addBridge()
	m.release(cluster)
	m.requireSetting(forwarding, "1")
	m.requireSetting(panicSetting, "0")
	if _, err := os.Stat(m.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the registry is still there: %v", err)
	}
}

func TestBridgesOfOurEngineDelayTheEndOfForwarding(t *testing.T) {
	m := newMachine(t)
	cluster, _ := m.claim("10.200.0.0/16")
	engine := m.use()
	m.addBridge()
	m.release(cluster)
	m.requireSetting(forwarding, "1")
	// The engine removes its networks before it goes.
	if err := os.RemoveAll(m.Interfaces); err != nil {
		t.Fatal(err)
	}
	m.release(engine)
	m.requireOriginal()
}

func TestClaimKnowsTheBlocksOfOthers(t *testing.T) {
	m := newMachine(t)
	m.use()
	_, none := m.claim("10.200.0.0/16")
	_, others := m.claim("10.201.0.0/16")
	if len(none) != 0 || len(others) != 1 || others[0] != netip.MustParsePrefix("10.200.0.0/16") {
		t.Errorf("the first saw %v, the second %v", none, others)
	}
}

func TestClusterWhoseStateWasLostDoesNotKeepTheSettings(t *testing.T) {
	for name, end := range map[string]func(m machine, lost, kept string){
		"another goes":   func(m machine, _, kept string) { m.release(kept) },
		"both go":        func(m machine, lost, kept string) { m.release(lost); m.release(kept) },
		"it goes last":   func(m machine, lost, kept string) { m.release(kept); m.release(lost) },
		"another's lost": func(m machine, _, kept string) { m.lose(kept); m.release(kept) },
		"a third comes in between": func(m machine, _, kept string) {
			third, claimed := m.claim("10.202.0.0/16")
			if len(claimed) != 1 {
				m.Errorf("claimed are %v", claimed)
			}
			m.release(kept)
			m.release(third)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			lost, _ := m.claim("10.200.0.0/16")
			kept, _ := m.claim("10.201.0.0/16")
			m.runKubelet()
			m.lose(lost)
			end(m, lost, kept)
			m.requireOriginal()
		})
	}
}

func (m machine) lose(dir string) {
	m.Helper()
	if err := os.RemoveAll(dir); err != nil {
		m.Fatal(err)
	}
}

func TestWhatCouldNotBeRestoredIsTriedAgain(t *testing.T) {
	m := newMachine(t)
	cluster, _ := m.claim("10.200.0.0/16")
	m.runKubelet()
	setting, aside := filepath.Join(m.Sysctl, panicSetting), filepath.Join(m.Sysctl, "aside")
	if err := os.Rename(setting, aside); err != nil {
		t.Fatal(err)
	}
	if err := m.Release(t.Context(), cluster); err == nil {
		t.Error("no error says that the setting is missing")
	}
	if err := os.Rename(aside, setting); err != nil {
		t.Fatal(err)
	}
	m.release(cluster)
	m.requireOriginal()
}

func TestForwardingThatSomeoneTurnedOffIsNoticed(t *testing.T) {
	m := newMachine(t)
	m.claim("10.200.0.0/16")
	m.set(forwarding, "0\n")
	if on, err := m.Forwards(); err != nil || on {
		t.Errorf("forwarding is on: %t (%v)", on, err)
	}
	if err := m.EnableForwarding(); err != nil {
		t.Fatal(err)
	}
	if on, err := m.Forwards(); err != nil || !on {
		t.Errorf("forwarding is on: %t (%v)", on, err)
	}
}

func TestRefusedClaimChangesNothing(t *testing.T) {
	m := newMachine(t)
	refused := errors.New("no block is free")
	err := m.Claim(t.Context(), t.TempDir(), func([]netip.Prefix) (netip.Prefix, error) {
		return netip.Prefix{}, refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	m.requireOriginal()
}
