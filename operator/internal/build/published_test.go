package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// apiServer treats MiniClusters as the API server does.
func apiServer(t *testing.T) *crdtest.Server {
	t.Helper()
	crd, err := crdtest.Definition(crds.MiniCluster)
	if err != nil {
		t.Fatal(err)
	}
	server, err := crdtest.New(crd.Spec.Versions[0])
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// published returns the MiniClusters of crds/testdata/published as the API server
// stores them.
func published(t *testing.T) map[string]*api.MiniCluster {
	t.Helper()
	server := apiServer(t)
	files, err := filepath.Glob("../../../crds/testdata/published/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	all := map[string]*api.MiniCluster{}
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := server.Decode(manifest)
		if err != nil {
			t.Fatal(err)
		}
		delete(object, "status")
		stored, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		mc := &api.MiniCluster{}
		if err := json.Unmarshal(stored, mc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = mc
	}
	return all
}

// TestPublishedManifestsCanBeBuilt: what the API takes must not be refused here.
func TestPublishedManifestsCanBeBuilt(t *testing.T) {
	for name, mc := range published(t) {
		t.Run(name, func(t *testing.T) {
			if objects := allObjects(t, mc, mc.Spec.Size, mc.Spec.Size); len(objects) < 2 {
				t.Errorf("%d objects", len(objects))
			}
		})
	}
}

// TestPublishedManifestsMeanTheSame looks at what comes of single fields.
func TestPublishedManifestsMeanTheSame(t *testing.T) {
	all := published(t)
	told := toldConfig(t, all["whole-nodes"], 2, 2)
	if told.Nodes != 2 || told.Tasks != 0 {
		t.Errorf("-N %d -n %d, want -N 2 and no -n", told.Nodes, told.Tasks)
	}
	equal(t, "topology", toldConfig(t, all["tree-of-brokers"], 8, 8).Topology, "kary:2")
	equal(t, "shared memory", builtPod(t, all["shared-memory"]).Spec.Containers[0].VolumeMounts[0].MountPath, "/dev/shm")
	unprivileged := builtPod(t, all["security-contexts"])
	equal(t, "user", *container(t, unprivileged, "unprivileged").SecurityContext.RunAsUser, int64(1000))
	equal(t, "the view's user", *container(t, unprivileged, "flux-view").SecurityContext.RunAsUser, int64(0))
	beside := builtPod(t, all["lines-beside-flux"])
	equal(t, "mounts beside Flux", mountPaths(container(t, beside, "api")), []string{"/mnt/flux"})
	equal(t, "ports", len(container(t, beside, "api").Ports), 1)
}
