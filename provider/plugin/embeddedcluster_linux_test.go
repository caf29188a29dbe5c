package plugin

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/gopherlocks/gopherlocks/standalone/embedded/embeddedtest"
)

func TestImportedKubeconfigOfAnEmbeddedClusterIsSecret(t *testing.T) {
	folder := embeddedtest.Stopped(t, "a kubeconfig")
	server := newProvider(t)
	server.requireSecretKubeconfig(server.read("EmbeddedCluster", folder, property.Map{}, property.Map{}).Properties)
}
