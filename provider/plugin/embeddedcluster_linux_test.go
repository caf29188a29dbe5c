package plugin

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/gopherlocks/gopherlocks/provider/internal/state"
)

func TestImportedKubeconfigOfAnEmbeddedClusterIsSecret(t *testing.T) {
	dir := state.NewDir(t.TempDir(), "demo")
	if err := os.MkdirAll(filepath.Dir(dir.AdminKubeconfig()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.AdminKubeconfig(), []byte("a kubeconfig"), 0o600); err != nil {
		t.Fatal(err)
	}
	// As a cluster leaves it whose node does not run.
	err := state.Save(dir, state.Record{Name: "demo", Phase: state.PhaseReady, Subnet: netip.MustParsePrefix("10.200.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	server := newProvider(t)
	server.requireSecretKubeconfig(server.read("EmbeddedCluster", string(dir), property.Map{}, property.Map{}).Properties)
}
