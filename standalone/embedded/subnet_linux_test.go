package embedded

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/hostsettings"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func TestTakenSubnetIsRefusedWithWhatCanBeDone(t *testing.T) {
	subnet := netip.MustParsePrefix("10.217.0.0/16")
	record := state.Record{Name: "a", Phase: state.PhaseCreating, Subnet: subnet}
	// The routes of a VPN.
	wide := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("10.0.0.0/8")}
	if got, err := pickSubnet(record, wide, nil); err != nil || got != subnet {
		t.Errorf("beside %v, the subnet is %s (%v)", wide, got, err)
	}
	other := netip.MustParsePrefix("10.217.3.0/24")
	for phase, want := range map[state.Phase]string{state.PhaseCreating: "input subnet", state.PhaseReady: "remove the cluster"} {
		record.Phase = phase
		for name, pick := range map[string]func() (netip.Prefix, error){
			"a network": func() (netip.Prefix, error) { return pickSubnet(record, []netip.Prefix{other}, nil) },
			"a block":   func() (netip.Prefix, error) { return pickSubnet(record, nil, []netip.Prefix{other}) },
		} {
			if got, err := pick(); err == nil || !strings.Contains(err.Error(), other.String()) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: the subnet is %s (%v), without %q", phase, name, got, err, want)
			}
		}
	}
}

// TestNodeRunsOnWhereItsSubnetIsTaken has a cluster with only a lock for a node.
// Its subnet is the machine's loopback.
func TestNodeRunsOnWhereItsSubnetIsTaken(t *testing.T) {
	original := hostsettings.Machine
	hostsettings.Machine.Folder = filepath.Join(t.TempDir(), "registry")
	defer func() { hostsettings.Machine = original }()

	spec := Spec{Ref: Ref{Name: "a", StateRoot: t.TempDir()}, BinDir: t.TempDir(), HPASyncPeriod: time.Second}
	for _, program := range Programs {
		write(t, filepath.Join(spec.BinDir, program), program)
	}
	record := state.Record{Name: spec.Name, Phase: state.PhaseReady, Subnet: netip.MustParsePrefix("127.0.0.0/8")}
	if err := errors.Join(os.MkdirAll(spec.StateDir(), 0o700), state.Save(spec.dir(), record)); err != nil {
		t.Fatal(err)
	}
	lock, err := flock.Hold(t.Context(), spec.dir().NodeLock())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()

	var steps []string
	_, err = converge(t.Context(), spec, record, machine{}, func(message string) { steps = append(steps, message) })
	if err == nil || !strings.Contains(err.Error(), "subnet 127.0.0.0/8") || len(steps) > 0 {
		t.Errorf("the error is %v, after the steps %q", err, steps)
	}
}
