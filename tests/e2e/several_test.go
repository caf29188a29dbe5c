package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// testSeveralMiniClusters puts a second MiniCluster beside the first, of the
// same name in another namespace, and takes it away again.
func testSeveralMiniClusters(t *testing.T, w *workspace) {
	first, pods := fmt.Sprintf("name=%s", cluster), w.podUIDs(t)
	second := []string{
		"name=" + cluster, "namespace=people", "autoscale=false", "minSize=1", "maxSize=2", "protect=true",
	}
	w.describe(t, []string{first}, second)
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.run(t, "kubectl", "wait", "minicluster", cluster, "-n", "people", "--for=jsonpath={.status.ready}=1", "--timeout=60s")
	w.mustHaveKept(t, pods)

	// It must be identified neither by its place in the list nor by its path.
	w.describe(t, second, []string{first})
	w.run(t, "pulumi", "preview", "--expect-no-changes")

	w.describe(t, []string{first})
	if said := w.fail(t, "pulumi", "up", "--yes", "--skip-preview"); !strings.Contains(said, "protect") {
		t.Errorf("removing a protected entry says %s", said)
	}
	w.run(t, "kubectl", "get", "minicluster", cluster, "-n", "people")

	second[len(second)-1] = "protect=false"
	w.describe(t, []string{first}, second)
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	// What others run in the namespace goes with it, and does not keep it.
	image := w.run(t, "kubectl", "get", "minicluster", cluster, "-n", "people", "-o", "jsonpath={.spec.containers[0].image}")
	applyMiniClusterIn(t, w, "people", "theirs", image)
	w.run(t, "kubectl", "wait", "minicluster", "theirs", "-n", "people", "--for=jsonpath={.status.ready}=1", "--timeout=60s")
	w.run(t, "pulumi", "config", "rm", "miniClusters")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	if left := w.run(t, "kubectl", "get", "namespace", "people", "--ignore-not-found", "-o", "name"); left != "" {
		t.Errorf("left behind: %s", left)
	}
	w.mustHaveKept(t, pods)
}

// describe writes the list of MiniClusters anew, of fields of the form
// name=value.
func (w *workspace) describe(t *testing.T, entries ...[]string) {
	t.Helper()
	if _, _, err := w.try("pulumi", "config", "get", "miniClusters"); err == nil {
		w.run(t, "pulumi", "config", "rm", "miniClusters")
	}
	for i, entry := range entries {
		for _, field := range entry {
			name, value, _ := strings.Cut(field, "=")
			w.run(t, "pulumi", "config", "set", "--path", fmt.Sprintf("miniClusters[%d].%s", i, name), value)
		}
	}
}
