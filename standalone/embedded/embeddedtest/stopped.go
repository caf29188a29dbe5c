// Package embeddedtest makes what embedded clusters leave on a machine, for tests.
package embeddedtest

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Stopped returns the folder of a cluster with a stopped node and the given
// kubeconfig of its administrator.
func Stopped(t testing.TB, kubeconfig string) string {
	t.Helper()
	dir := state.NewDir(t.TempDir(), "demo")
	if err := os.MkdirAll(filepath.Dir(dir.AdminKubeconfig()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.AdminKubeconfig(), []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	err := state.Save(dir, state.Record{Name: "demo", Phase: state.PhaseReady, Subnet: netip.MustParsePrefix("10.200.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	return string(dir)
}
