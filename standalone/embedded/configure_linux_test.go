package embedded

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// TestConfigurationIsRenderedAnewWithThePrograms: that of older programs may lack what
// newer ones ask for, such as kubelet's leave to run on control groups of version 1.
func TestConfigurationIsRenderedAnewWithThePrograms(t *testing.T) {
	spec := Spec{Ref: Ref{Name: "a", StateRoot: t.TempDir()}, BinDir: t.TempDir()}
	record := state.Record{Name: spec.Name, Phase: state.PhaseReady, Subnet: netip.MustParsePrefix("10.217.0.0/16")}
	plan, err := network.NewPlan(record.Subnet)
	if err != nil {
		t.Fatal(err)
	}
	// A pause image is made of a real program.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kubelet := filepath.Join(spec.dir().Config(), nodeconfig.KubeletFile)
	if err = errors.Join(
		os.MkdirAll(filepath.Dir(kubelet), 0o700), os.WriteFile(kubelet, []byte("cgroupDriver: cgroupfs\n"), 0o600),
		pki.Write(spec.dir().PKI(), pki.Plan(spec.Name, plan)), os.Symlink(self, filepath.Join(spec.BinDir, pauseProgram)),
	); err != nil {
		t.Fatal(err)
	}
	for _, program := range Programs {
		if program != pauseProgram {
			write(t, filepath.Join(spec.BinDir, program), program)
		}
	}
	if _, err = configure(spec, record, machine{config: nodeconfig.Machine{CgroupV1: true}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(kubelet)
	if err != nil || !strings.Contains(string(content), "failCgroupV1: false") {
		t.Errorf("kubelet's configuration is still %q (%v)", content, err)
	}
	if changed, err := programsChanged(spec.dir(), spec.BinDir); err != nil || changed {
		t.Errorf("the programs are not those that were asked for (%v)", err)
	}
}
