package components

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
)

// askedCluster is an API server that has MiniClusters of size 4, and the paths
// that it was asked for.
func askedCluster(t *testing.T) (kubeconfig string, asked func() []string) {
	t.Helper()
	var mu sync.Mutex
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		paths = append(paths, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "metadata": {"name": "a"}, "spec": {"size": 4}}`)
	}))
	t.Cleanup(server.Close)
	return kubeconfigOf(server.URL), func() []string {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(paths)
		return paths
	}
}

func kubeconfigOf(url string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: it
clusters: [{name: it, cluster: {server: %q}}]
contexts: [{name: it, context: {cluster: it, user: it}}]
users: [{name: it}]
`, url)
}

func TestOnlyPreviewsAskForTheSizesThatTheConfigurationOwns(t *testing.T) {
	fixed, autoscaled, free := described("ns", "fixed"), described("ns", "autoscaled"), described("ns", "free")
	fixed.Size, autoscaled.Size = pulumi.IntRef(2), pulumi.IntRef(2)
	autoscaled.Autoscale, autoscaled.CPUTarget, autoscaled.Resources = true, 50, config.Resources{"requests": {"cpu": "1"}}
	for _, c := range []struct {
		preview bool
		want    []string
	}{
		{true, []string{"/apis/flux-framework.org/v1alpha2/namespaces/ns/miniclusters/fixed"}},
		{false, nil},
	} {
		kubeconfig, asked := askedCluster(t)
		if err := declareOn(t, kubeconfig, c.preview, fixed, autoscaled, free); err != nil {
			t.Fatal(err)
		}
		if got := asked(); !slices.Equal(got, c.want) {
			t.Errorf("preview %t asked for %q, want %q", c.preview, got, c.want)
		}
	}
}

func TestPreviewGoesOnWithoutTheCluster(t *testing.T) {
	fixed := described("ns", "fixed")
	fixed.Size = pulumi.IntRef(2)
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if err := declareOn(t, kubeconfigOf(server.URL), true, fixed); err != nil {
		t.Errorf("the preview fails: %v", err)
	}
}

// declareOn declares an environment on the cluster of a kubeconfig.
func declareOn(t *testing.T, kubeconfig string, preview bool, miniClusters ...config.MiniCluster) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	return pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := NewEnvironment(ctx, config.Settings{
			ClusterProvider: config.ProviderExisting, Kubeconfig: path, OperatorImage: "operator", AgentImage: "agent",
			MiniClusters: miniClusters,
		})
		return err
	}, pulumi.WithMocks("gopherlocks", "dev", newRecorder()), func(run *pulumi.RunInfo) { run.DryRun = preview })
}

func TestLiveSizeIsReadAndTold(t *testing.T) {
	kubeconfig, _ := askedCluster(t)
	live, err := readLiveSize(t.Context(), kubeconfig, "ns", "a")
	if err != nil || live != 4 {
		t.Fatalf("live size = %d, %v", live, err)
	}
	m := described("ns", "a")
	m.Size = pulumi.IntRef(2)
	want := "MiniCluster ns/a: size 4 in the cluster, 2 in the configuration. If this preview updates the MiniCluster, " +
		"it goes from 4 to 2; if not, pulumi up --refresh takes it there"
	if got := sizeNotice(m, live); got != want {
		t.Errorf("notice = %q, want %q", got, want)
	}
}
