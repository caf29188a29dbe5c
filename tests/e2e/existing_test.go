package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnAnExistingCluster installs everything into a cluster that another stack
// keeps, by its kubeconfig and context alone, and leaves it as it was.
func TestOnAnExistingCluster(t *testing.T) {
	w := newWorkspace(t)
	kubeconfig := filepath.Join(w.dir, "theirs.kubeconfig")
	w.run(t, "mkdir", "-p", ".gopherlocks/pulumi")
	theirs := []string{"pulumi", "-C", "tests/e2e/testdata/cluster"}
	run := func(args ...string) string {
		t.Helper()
		all := append(append([]string{}, theirs...), args...)
		return w.run(t, all[0], all[1:]...)
	}
	run("stack", "init", "theirs")
	run("config", "set", "name", fmt.Sprintf("existing-%d", os.Getpid()))
	run("config", "set", "kubeconfigFile", kubeconfig)
	run("config", "set", "clusterProvider", w.provider)
	t.Cleanup(func() { run("destroy", "--yes", "--skip-preview") })
	run("up", "--yes", "--skip-preview")
	var images map[string]string
	if err := json.Unmarshal([]byte(run("stack", "output", "--json")), &images); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "KUBECONFIG="+kubeconfig)
	namespaces := w.run(t, "kubectl", "get", "namespaces", "-o", "name")
	current := strings.TrimSpace(w.run(t, "kubectl", "config", "current-context"))
	w.run(t, "kubectl", "config", "rename-context", current, "theirs")
	w.run(t, "kubectl", "config", "unset", "current-context")

	w.run(t, "pulumi", "stack", "init", "mine")
	set := func(key, value string) { t.Helper(); w.run(t, "pulumi", "config", "set", key, value) }
	set("clusterProvider", "existing")
	set("kubeconfig", kubeconfig)
	if said := w.fail(t, "pulumi", "up", "--yes", "--skip-preview"); !strings.Contains(said, "gopherlocks:operatorImage: is not set") {
		t.Errorf("without images the program does not ask for them: %s", said)
	}
	set("operatorImage", images["operator"])
	set("agentImage", images["agent"])
	set("image", images["demo-workload"])
	set("metricsServer", "false")
	set("autoscale", "false")
	set("context", "elsewhere")
	if said := w.fail(t, "pulumi", "up", "--yes", "--skip-preview"); !strings.Contains(said, `gopherlocks:context: "elsewhere" is not in`) {
		t.Errorf("a context that is not there is not named: %s", said)
	}
	set("context", "theirs")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.run(t, "kubectl", "config", "use-context", "theirs")
	w.waitForSize(t, 2)
	set("size", "3")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 3)
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")
	w.run(t, "pulumi", "destroy", "--yes", "--skip-preview")
	if now := w.run(t, "kubectl", "get", "namespaces", "-o", "name"); now != namespaces {
		t.Errorf("namespaces were %q and are %q", namespaces, now)
	}
	if now := w.run(t, "kubectl", "get", "crds", "-o", "name"); strings.Contains(now, "flux-framework.org") {
		t.Errorf("the definition is still there: %s", now)
	}
}
