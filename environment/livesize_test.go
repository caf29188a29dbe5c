package environment

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/components/componentstest"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// miniClustersPath is where MiniClusters of the namespace ns are.
const miniClustersPath = "/apis/flux-framework.org/v1alpha2/namespaces/ns/miniclusters/"

// liveMiniCluster is one of size 4.
const liveMiniCluster = `{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "metadata": {"name": "a", "annotations": {"flux-framework.org/pulumi-stack": "` + thisStack + `"}}, "spec": {"size": 4}, "status": {"desired": 4}}`

func TestOnlyPreviewsAskForSizesThatTheyMayChange(t *testing.T) {
	fixed, autoscaled, free := described("ns", "fixed"), described("ns", "autoscaled"), described("ns", "free")
	fixed.Size, autoscaled.Size = pulumi.IntRef(2), pulumi.IntRef(2)
	autoscaled.Autoscale, autoscaled.Resources = &components.AutoscaleArgs{CPUTarget: 50}, map[string]map[string]string{"requests": {"cpu": "1"}}
	queued := described("ns", "queued")
	queued.Size, queued.Flux, queued.QueueAutoscale = pulumi.IntRef(2), true, &components.QueueAutoscaleArgs{}
	// All are asked whose they are, in any case.
	owners := []string{miniClustersPath + "autoscaled", miniClustersPath + "fixed", miniClustersPath + "free", miniClustersPath + "queued"}
	for _, c := range []struct {
		preview bool
		want    []string
	}{
		{true, slices.Insert(slices.Clone(owners), 1, miniClustersPath+"fixed")},
		{false, owners},
	} {
		server := &answering{objects: map[string]string{miniClustersPath + "fixed": liveMiniCluster}}
		if err := declareOn(t, server.start(t), c.preview, fixed, autoscaled, free, queued); err != nil {
			t.Fatal(err)
		}
		if got := server.askedOf(miniClustersPath); !slices.Equal(got, c.want) {
			t.Errorf("preview %t asked for %q, want %q", c.preview, got, c.want)
		}
	}
}

// TestPreviewGoesOnWithoutACluster: one of this machine that was stopped is
// started by the update.
func TestPreviewGoesOnWithoutACluster(t *testing.T) {
	fixed := described("ns", "fixed")
	fixed.Size = pulumi.IntRef(2)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	r := componentstest.NewRecorder()
	r.Outputs["gopherlocks:index:EmbeddedCluster"] = resource.NewPropertyMapFromMap(map[string]any{"kubeconfig": kubeconfigOf(server.URL)})
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := New(ctx, config.Settings{
			ClusterProvider: stackcluster.Embedded, OperatorImage: "operator", AgentImage: "agent", MetricsServerImage: "metrics",
			MiniClusters: []config.MiniCluster{fixed},
		})
		return err
	}, pulumi.WithMocks("gopherlocks", "dev", r), func(run *pulumi.RunInfo) { run.DryRun = true })
	if err != nil {
		t.Errorf("the preview fails: %v", err)
	}
}

// declareOn declares an environment on the cluster of a kubeconfig.
func declareOn(t *testing.T, kubeconfig string, preview bool, miniClusters ...config.MiniCluster) error {
	t.Helper()
	return pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := New(ctx, config.Settings{
			ClusterProvider: stackcluster.Existing, Kubeconfig: kubeconfig, OperatorImage: "operator", AgentImage: "agent",
			MiniClusters: miniClusters,
		})
		return err
	}, pulumi.WithMocks("gopherlocks", "dev", componentstest.NewRecorder()), func(run *pulumi.RunInfo) { run.DryRun = preview })
}

func TestLiveSizeIsReadAndTold(t *testing.T) {
	server := &answering{objects: map[string]string{miniClustersPath + "a": liveMiniCluster}}
	kubeconfig, err := os.ReadFile(server.start(t))
	if err != nil {
		t.Fatal(err)
	}
	live, err := readLiveSize(t.Context(), string(kubeconfig), "ns", "a")
	if err != nil || live != (liveSize{4, 4}) {
		t.Fatalf("live size = %+v, %v", live, err)
	}
	m := described("ns", "a")
	m.Size = pulumi.IntRef(2)
	want := "MiniCluster ns/a: size 4 in the cluster, 2 in the configuration. If this preview updates the MiniCluster, " +
		"it goes from 4 to 2; if not, pulumi up --refresh takes it there"
	if got := live.notice(m); got != want {
		t.Errorf("notice = %q, want %q", got, want)
	}
	m.Size, m.MinSize = nil, 5
	want = "MiniCluster ns/a: size 4 in the cluster is below minSize 5: with this update it grows to 5"
	if got := live.notice(m); got != want {
		t.Errorf("notice = %q, want %q", got, want)
	}
	live.desired = 5
	if got := live.notice(m); got != "" {
		t.Errorf("notice of what the operator does already: %s", got)
	}
}
