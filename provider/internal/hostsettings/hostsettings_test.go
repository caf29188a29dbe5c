package hostsettings

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/internal/state"
)

// machine is a registry over plain files instead of the kernel's settings.
type machine struct {
	*testing.T
	Registry
}

func newMachine(t *testing.T) machine {
	root := t.TempDir()
	m := machine{t, Registry{Folder: filepath.Join(root, "registry"), Sysctl: filepath.Join(root, "sys")}}
	for name, value := range map[string]string{forwarding: "0", "kernel/panic": "0"} {
		path := filepath.Join(m.Sysctl, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m machine) claim(subnet string) (state.Dir, []netip.Prefix) {
	m.Helper()
	dir := state.Dir(m.TempDir())
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

func (m machine) release(dir state.Dir) {
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

func TestLastClusterRestoresTheMachinesSettings(t *testing.T) {
	m := newMachine(t)
	first, _ := m.claim("10.200.0.0/16")
	m.requireSetting(forwarding, "1")
	// As kubelet does while the first cluster runs.
	if err := os.WriteFile(filepath.Join(m.Sysctl, "kernel/panic"), []byte("10"), 0o644); err != nil {
		t.Fatal(err)
	}
	second, _ := m.claim("10.201.0.0/16")
	m.release(first)
	m.requireSetting(forwarding, "1")
	m.requireSetting("kernel/panic", "10")
	m.release(second)
	m.requireSetting(forwarding, "0")
	m.requireSetting("kernel/panic", "0")
	if _, err := os.Stat(m.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the registry is still there: %v", err)
	}
}

func TestClaimKnowsTheBlocksOfOthers(t *testing.T) {
	m := newMachine(t)
	first, none := m.claim("10.200.0.0/16")
	_, others := m.claim("10.201.0.0/16")
	if len(none) != 0 || len(others) != 1 || others[0] != netip.MustParsePrefix("10.200.0.0/16") {
		t.Errorf("the first saw %v, the second %v", none, others)
	}
	if prefix, ok := m.Claimed(first); !ok || prefix != others[0] {
		t.Errorf("the first one's claim is %s, %t", prefix, ok)
	}
}

func TestClusterWhoseStateWasLostDoesNotKeepTheSettings(t *testing.T) {
	m := newMachine(t)
	lost, _ := m.claim("10.200.0.0/16")
	kept, _ := m.claim("10.201.0.0/16")
	if err := os.RemoveAll(string(lost)); err != nil {
		t.Fatal(err)
	}
	// Any change of the registry forgets the lost one.
	m.claim("10.202.0.0/16")
	if _, ok := m.Claimed(lost); ok {
		t.Error("the lost cluster is still registered")
	}
	if _, ok := m.Claimed(kept); !ok {
		t.Error("the other cluster is no longer registered")
	}
}

func TestRefusedClaimChangesNothing(t *testing.T) {
	m := newMachine(t)
	refused := errors.New("no block is free")
	err := m.Claim(t.Context(), state.Dir(t.TempDir()), func([]netip.Prefix) (netip.Prefix, error) {
		return netip.Prefix{}, refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("the error is %v", err)
	}
	m.requireSetting(forwarding, "0")
	if _, err := os.Stat(m.Folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a registry: %v", err)
	}
}
