package environment

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// TestConfiguredImagesAreThoseOfARegistry: on every kind of cluster, whose nodes
// then pull them, and without any program of this machine.
func TestConfiguredImagesAreThoseOfARegistry(t *testing.T) {
	const registry = "registry.example/team/"
	for _, provider := range []string{stackcluster.Embedded, stackcluster.Kind} {
		t.Run(provider, func(t *testing.T) {
			t.Setenv("PATH", t.TempDir())
			m := described("one", "a")
			m.Image = pulumi.String(registry + "demo@sha256:1")
			r := componentstest.NewRecorder()
			made := resource.NewPropertyMapFromMap(map[string]any{
				"kubeconfig": componentstest.TwoContexts, "endpoint": "https://a:6443", "containerdAddress": "/run/it", "stateDir": "/var/lib/it",
			})
			r.Outputs["gopherlocks:index:EmbeddedCluster"], r.Outputs["gopherlocks:index:KindCluster"] = made, made
			if err := r.Run(func(ctx *pulumi.Context) error {
				_, err := New(ctx, config.Settings{
					ClusterProvider: provider, MetricsServer: preflight.MetricsInstall,
					OperatorImage: registry + "operator@sha256:2", AgentImage: registry + "agent@sha256:3", MetricsServerImage: registry + "metrics:v1",
					QueueMetrics: true, QueueMetricsImage: registry + "queue@sha256:4",
					MiniClusters: []config.MiniCluster{m},
				})
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for name, image := range map[string]string{"operator": registry + "operator@sha256:2", "metrics-server": registry + "metrics:v1", "queue-metrics": registry + "queue@sha256:4"} {
				container := r.Get(t, "kubernetes:apps/v1:Deployment", name).At("spec.template.spec.containers").([]any)[0].(map[string]any)
				if container["image"] != image || container["imagePullPolicy"] == "Never" {
					t.Errorf("%s runs %v, pulled %v", name, container["image"], container["imagePullPolicy"])
				}
			}
			r.Get(t, "gopherlocks:components:Operator", "operator").Want(t, map[string]any{"agentImage": registry + "agent@sha256:3"})
			ranks := r.Get(t, miniClusterObject, "one/a").At("spec.containers").([]any)[0].(map[string]any)
			if ranks["image"] != registry+"demo@sha256:1" {
				t.Errorf("the ranks run %v", ranks["image"])
			}
			for _, key := range r.Keys() {
				if strings.HasPrefix(key, "gopherlocks:index:LocalImage") {
					t.Errorf("%s is made for nothing", key)
				}
			}
		})
	}
}
