package components

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// TestConfiguredImagesAreThoseOfARegistry: on every kind of cluster, whose nodes
// then pull them, and without any program of this machine.
func TestConfiguredImagesAreThoseOfARegistry(t *testing.T) {
	const registry = "registry.example/team/"
	for _, provider := range []string{config.ProviderEmbedded, config.ProviderKind} {
		t.Run(provider, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			m := described("one", "a")
			m.Image = registry + "demo@sha256:1"
			r := newRecorder()
			made := resource.NewPropertyMapFromMap(map[string]any{
				"kubeconfig": kubeconfig, "endpoint": "https://a:6443", "containerdAddress": "/run/it", "stateDir": "/var/lib/it",
			})
			r.outputs["gopherlocks:index:EmbeddedCluster"], r.outputs["gopherlocks:index:KindCluster"] = made, made
			if err := r.run(func(ctx *pulumi.Context) error {
				_, err := NewEnvironment(ctx, config.Settings{
					ClusterProvider: provider, MetricsServer: preflight.MetricsInstall,
					OperatorImage: registry + "operator@sha256:2", AgentImage: registry + "agent@sha256:3", MetricsServerImage: registry + "metrics:v1",
					MiniClusters: []config.MiniCluster{m},
				})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for name, image := range map[string]string{"operator": registry + "operator@sha256:2", metricsServerName: registry + "metrics:v1"} {
				container := r.get(t, "kubernetes:apps/v1:Deployment", name).at("spec.template.spec.containers").([]any)[0].(map[string]any)
				if container["image"] != image || container["imagePullPolicy"] == "Never" {
					t.Errorf("%s runs %v, pulled %v", name, container["image"], container["imagePullPolicy"])
				}
			}
			r.get(t, "gopherlocks:components:Operator", "operator").want(t, map[string]any{"agentImage": registry + "agent@sha256:3"})
			ranks := r.get(t, miniClusterObject, "one/a").at("spec.containers").([]any)[0].(map[string]any)
			if ranks["image"] != registry+"demo@sha256:1" {
				t.Errorf("the ranks run %v", ranks["image"])
			}
			for _, key := range r.keys() {
				if strings.HasPrefix(key, "gopherlocks:index:LocalImage") {
					t.Errorf("%s is made for nothing", key)
				}
			}
		})
	}
}
