package embedded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/provider/localimage"
	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/kubeapi"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/node"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// testCluster is a cluster under test.
type testCluster struct {
	t       *testing.T
	spec    Spec
	cluster Cluster
	api     *kubeapi.Client
}

func newTestCluster(t *testing.T, spec Spec) *testCluster {
	c := &testCluster{t: t, spec: spec}
	t.Cleanup(func() { c.delete(t) })
	return c
}

func (c *testCluster) progress(message string) { c.t.Logf("%s: %s", c.spec.Name, message) }

func (c *testCluster) create() {
	c.t.Helper()
	began := time.Now()
	cluster, err := Create(c.t.Context(), c.spec, c.progress)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Logf("created in %s", time.Since(began).Round(time.Millisecond))
	c.cluster = cluster
	c.api, err = kubeapi.NewAdmin(cluster.Endpoint, filepath.Join(cluster.StateDir, "pki"))
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *testCluster) delete(t *testing.T) {
	t.Helper()
	if err := Delete(context.WithoutCancel(t.Context()), c.spec.Ref, c.progress); err != nil {
		t.Error(err)
	}
	if _, err := Inspect(c.spec.Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("the deleted cluster is still found: %v", err)
	}
}

func (c *testCluster) requireKubeconfigCopy() {
	c.t.Helper()
	data, err := os.ReadFile(c.spec.KubeconfigFile)
	if err != nil {
		c.t.Fatal(err)
	}
	info, err := os.Stat(c.spec.KubeconfigFile)
	if err != nil {
		c.t.Fatal(err)
	}
	if string(data) != string(c.cluster.Kubeconfig) || info.Mode().Perm() != 0o600 {
		c.t.Errorf("the copy of the kubeconfig has mode %s or other content", info.Mode())
	}
}

func (c *testCluster) loadProbe(t *testing.T) localimage.Image {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name, content, err := localimage.ReadBinary(self)
	if err != nil {
		t.Fatal(err)
	}
	image, err := localimage.Build("localhost/gopherlocks/probe", images.Spec{
		BinaryName: name, Binary: content, Args: []string{probeCommand},
	})
	if err != nil {
		t.Fatal(err)
	}
	store := localimage.Store{Address: c.cluster.ContainerdAddress}
	if err := store.Load(t.Context(), image); err != nil {
		t.Fatal(err)
	}
	if digest, err := store.Digest(t.Context(), image.Reference); err != nil || digest != image.Digest {
		t.Fatalf("containerd has digest %q (%v), not %q", digest, err, image.Digest)
	}
	return image
}

func buildPod(name string, image localimage.Image, restartPolicy string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"restartPolicy": restartPolicy,
			"containers":    []any{map[string]any{"name": "main", "image": image.Reference, "imagePullPolicy": "Never"}},
		},
	}
}

func (c *testCluster) apply(t *testing.T, path string, object any) {
	t.Helper()
	if err := c.api.Apply(t.Context(), path, object); err != nil {
		t.Fatal(err)
	}
}

func (c *testCluster) processes(t *testing.T) []int {
	t.Helper()
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	config := nodeconfig.Cluster{
		Record: state.Record{Name: c.spec.Name}, Link: network.LinkName(c.spec.StateDir()),
	}
	pids, err := cgroup.NewBranch(hierarchies, config.CgroupName()).Processes()
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func (c *testCluster) report(t *testing.T) node.Report {
	t.Helper()
	report, err := node.LoadReport(c.spec.dir())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (c *testCluster) uid(t *testing.T, path string) string {
	t.Helper()
	var object struct{ Metadata struct{ UID string } }
	if err := c.api.Get(t.Context(), path, &object); err != nil {
		t.Fatal(err)
	}
	return object.Metadata.UID
}

// await waits until check succeeds, for at most a minute.
func (c *testCluster) await(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v", what, err)
		case <-ticker.C:
		}
	}
}
