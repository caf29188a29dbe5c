package environment

import (
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/components/componentstest"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

const (
	miniClusterObject = "kubernetes:flux-framework.org/v1alpha2:MiniCluster"
	hpaObject         = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
)

// onExisting is an environment on an existing cluster that is empty, with the given
// MiniClusters.
func onExisting(t *testing.T, miniClusters ...config.MiniCluster) *componentstest.Recorder {
	t.Helper()
	return onAnswering(t, &answering{}, existingSettings(miniClusters...))
}

// existingSettings are those of a stack that leaves metrics-server to others.
func existingSettings(miniClusters ...config.MiniCluster) config.Settings {
	return config.Settings{
		ClusterProvider: stackcluster.Existing, MetricsServer: preflight.MetricsSkip,
		OperatorImage: "operator", AgentImage: "agent", MiniClusters: miniClusters,
	}
}

// onAnswering is an environment on the cluster of a server.
func onAnswering(t *testing.T, server *answering, s config.Settings) *componentstest.Recorder {
	t.Helper()
	s.Kubeconfig = server.start(t)
	return componentstest.Declare(t, func(ctx *pulumi.Context) error {
		e, err := New(ctx, s)
		if err == nil && len(e.MiniClusters) != len(s.MiniClusters) {
			t.Errorf("%d MiniClusters, want %d", len(e.MiniClusters), len(s.MiniClusters))
		}
		return err
	})
}

func described(namespace, name string) config.MiniCluster {
	return config.MiniCluster{MiniClusterArgs: components.MiniClusterArgs{
		Name: name, Namespace: pulumi.String(namespace), MinSize: 1, MaxSize: 4, Image: pulumi.String("image"),
	}}
}

func TestMiniClustersShareNamespaces(t *testing.T) {
	a, b, c := described("one", "a"), described("one", "b"), described("two", "a")
	b.Autoscale, b.Resources = &components.AutoscaleArgs{CPUTarget: 50}, map[string]map[string]string{"requests": {"cpu": "1"}}
	b.Protect = true
	r := onExisting(t, a, b, c)
	for name, namespace := range map[string]string{"one/a": "one", "one/b": "one", "two/a": "two"} {
		r.Get(t, miniClusterObject, name).Want(t, map[string]any{"metadata.namespace": namespace, "metadata.name": name[len("one/"):]})
		dependencies := r.Get(t, components.MiniClusterType, name).RPC.GetDependencies()
		if !slices.ContainsFunc(dependencies, func(urn string) bool { return strings.HasSuffix(urn, "core/v1:Namespace::"+namespace) }) {
			t.Errorf("%s does not wait for its namespace: %q", name, dependencies)
		}
		// So it goes before the operator, without which it could not.
		before := r.Get(t, "kubernetes:core/v1:Namespace", namespace).RPC.GetDependencies()
		if !slices.ContainsFunc(before, func(urn string) bool { return strings.HasSuffix(urn, "apps/v1:Deployment::operator") }) {
			t.Errorf("namespace %s does not wait for the operator: %q", namespace, before)
		}
	}
	if r.Has(hpaObject, "one/a-hpa") || !r.Has(hpaObject, "one/b-hpa") {
		t.Error("the HPA is not that of b alone")
	}
	for name, protect := range map[string]bool{"one/a": false, "one/b": true, "two/a": false} {
		if got := r.Get(t, components.MiniClusterType, name).RPC.GetProtect(); got != protect {
			t.Errorf("%s: protect %t, want %t", name, got, protect)
		}
	}
	if !r.Get(t, "kubernetes:core/v1:Namespace", "one").RPC.GetProtect() || r.Get(t, "kubernetes:core/v1:Namespace", "two").RPC.GetProtect() {
		t.Error("protected is not exactly the namespace of a protected MiniCluster")
	}
	if r.Has("gopherlocks:components:MetricsServer", "metrics-server") {
		t.Error("metrics-server is installed where the settings say that there is one")
	}
}

// TestStacksOfOneMiniClusterKeepTheirObjects: such a stack knows the MiniCluster
// as NAME, and the namespace as a part of it.
func TestStacksOfOneMiniClusterKeepTheirObjects(t *testing.T) {
	r := onExisting(t, described("flux-operator", "flux-sample"), described("flux-operator", "new"), described("other", "flux-sample"))
	if former := r.Get(t, components.MiniClusterType, "flux-operator/flux-sample").FormerNames(); !slices.Equal(former, []string{"flux-sample"}) {
		t.Errorf("former names of the MiniCluster = %q", former)
	}
	former := r.Get(t, "kubernetes:core/v1:Namespace", "flux-operator").FormerNames()
	want := "flux-sample-namespace of urn:pulumi:dev::gopherlocks::gopherlocks:components:MiniCluster::flux-sample"
	if !slices.Contains(former, want) {
		t.Errorf("former names of the namespace = %q, want %q among them", former, want)
	}
	// An alias leads to one resource only.
	if former := r.Get(t, components.MiniClusterType, "other/flux-sample").FormerNames(); len(former) != 0 {
		t.Errorf("another MiniCluster of the name was formerly %q", former)
	}
	if former := r.Get(t, "kubernetes:core/v1:Namespace", "other").FormerNames(); len(former) != 0 {
		t.Errorf("another namespace was formerly %q", former)
	}
}
