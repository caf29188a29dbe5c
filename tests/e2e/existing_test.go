package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOnAnExistingCluster installs everything into another stack's cluster, and
// leaves it as it was. It gets a kubeconfig and a context, and its user has only
// the permissions that the program asks for.
func TestOnAnExistingCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("an existing cluster is the same to a stack, whoever keeps it")
	}
	w := newWorkspace(t)
	w.env = append(w.env, "PULUMI_CONFIG_PASSPHRASE=a passphrase") // of the secrets
	kubeconfig := filepath.Join(w.dir, "theirs.kubeconfig")
	images := makeTheirCluster(t, w, kubeconfig)
	w.env = append(w.env, "KUBECONFIG="+kubeconfig)
	admitInstaller(t, w)
	w.run(t, "kubectl", "apply", "-f", "tests/e2e/testdata/existing/metrics.yaml")
	w.run(t, "kubectl", "create", "namespace", namespace)
	namespaces := w.run(t, "kubectl", "get", "namespaces", "-o", "name")

	w.run(t, "pulumi", "stack", "init", "mine")
	set := func(arguments ...string) {
		t.Helper()
		w.run(t, "pulumi", append([]string{"config", "set"}, arguments...)...)
	}
	set("clusterProvider", "existing")
	set("kubeconfig", kubeconfig)
	if said := w.fail(t, "pulumi", "up", "--yes", "--skip-preview"); !strings.Contains(said, "gopherlocks:operatorImage: is not set") {
		t.Errorf("without images the program does not ask for them: %s", said)
	}
	set("operatorImage", images["operator"])
	set("agentImage", images["agent"])
	set("image", images["demo-workload"])
	set("autoscale", "false")
	set("--secret", "registryCredentials", `{"auths": {"registry.example": {"auth": "bmFtZTpoaWRkZW4="}}}`)
	set("context", "elsewhere")
	if said := w.fail(t, "pulumi", "preview"); !strings.Contains(said, `gopherlocks:context: "elsewhere" is not in`) || !strings.Contains(said, `"theirs"`) {
		t.Errorf("a context that is not there is not named, or what is there instead: %s", said)
	}
	set("context", "theirs")
	said := w.fail(t, "pulumi", "preview")
	if want := "create, get, list, patch, watch customresourcedefinitions.apiextensions.k8s.io (cluster-wide)"; !strings.Contains(said, want) {
		t.Errorf("the preview does not say that %q is missing: %s", want, said)
	}
	grant(t, w, said)

	out := w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	for _, notice := range []string{
		"metrics-server is left alone: the API server itself serves v1beta1.metrics.k8s.io",
		"namespace " + namespace + " is not of this stack: pulumi destroy will leave it",
	} {
		if !strings.Contains(out, notice) {
			t.Errorf("pulumi up does not say %q:\n%s", notice, out)
		}
	}
	w.waitForSize(t, 2)
	set("size", "3")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 3)
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")
	testAnotherWay(t, w, kubeconfig)
	testPullSecrets(t, w)
	testObjectsOfOthers(t, w)
	colleague := applyMiniCluster(t, w, "colleague", images["demo-workload"])
	w.run(t, "kubectl", "wait", "minicluster", "colleague", "-n", "default", "--for=condition=Ready", "--timeout=120s")
	w.run(t, "pulumi", "destroy", "--yes", "--skip-preview")
	if now := w.run(t, "kubectl", "get", "namespaces", "-o", "name"); now != namespaces {
		t.Errorf("namespaces were %q and are %q", namespaces, now)
	}
	if now := w.uidOf(t, "colleague"); now != colleague {
		t.Errorf("the MiniCluster of a colleague was %s and is %q", colleague, now)
	}
	// The documentation removes the last part in this way.
	w.run(t, "kubectl", "delete", "crd", "miniclusters.flux-framework.org")
	testTakeOver(t, w, images["demo-workload"])
}

// makeTheirCluster makes a cluster by a stack of its own, and returns the images
// that it holds.
func makeTheirCluster(t *testing.T, w *workspace, kubeconfig string) (images map[string]string) {
	t.Helper()
	w.run(t, "mkdir", "-p", ".gopherlocks/pulumi")
	run := func(args ...string) string {
		t.Helper()
		return w.run(t, "pulumi", append([]string{"-C", "tests/e2e/testdata/cluster"}, args...)...)
	}
	run("stack", "init", "theirs")
	run("config", "set", "name", fmt.Sprintf("existing-%d", os.Getpid()))
	run("config", "set", "kubeconfigFile", kubeconfig)
	run("config", "set", "clusterProvider", w.provider)
	t.Cleanup(func() { run("destroy", "--yes", "--skip-preview") })
	run("up", "--yes", "--skip-preview")
	if err := json.Unmarshal([]byte(run("stack", "output", "--json")), &images); err != nil {
		t.Fatal(err)
	}
	return images
}

// admitInstaller adds a context "theirs" with a user who may do nothing. It is not
// the current context.
func admitInstaller(t *testing.T, w *workspace) {
	t.Helper()
	current := strings.TrimSpace(w.run(t, "kubectl", "config", "current-context"))
	cluster := strings.TrimSpace(w.run(t, "kubectl", "config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.cluster}"))
	w.run(t, "kubectl", "create", "serviceaccount", "installer", "-n", "default")
	token := strings.TrimSpace(w.run(t, "kubectl", "create", "token", "installer", "-n", "default", "--duration=2h"))
	w.run(t, "kubectl", "config", "set-credentials", "installer", "--token="+token)
	w.run(t, "kubectl", "config", "set-context", "theirs", "--cluster="+cluster, "--user=installer")
	w.run(t, "kubectl", "config", "rename-context", current, "administrator")
}

// permissionLine is a line of what the program lists as missing.
var permissionLine = regexp.MustCompile(`(?m)^\s*((?:[a-z]+, )*[a-z]+) ([a-z]+)((?:\.[a-z0-9.-]+)?)(?:/([a-z:-]+))? \((?:cluster-wide|namespaces? [a-z, -]+)\)`)

// grant gives the installer the permissions that the message asks an administrator
// for.
func grant(t *testing.T, w *workspace, message string) {
	t.Helper()
	rules := []map[string]any{}
	for _, found := range permissionLine.FindAllStringSubmatch(message, -1) {
		rule := map[string]any{
			"verbs": strings.Split(found[1], ", "), "resources": []string{found[2]}, "apiGroups": []string{strings.TrimPrefix(found[3], ".")},
		}
		if found[4] != "" {
			rule["resourceNames"] = []string{found[4]}
		}
		rules = append(rules, rule)
	}
	if len(rules) < 10 {
		t.Fatalf("only %d permissions are in: %s", len(rules), message)
	}
	role := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "installer"}, "rules": rules,
	}
	content, err := json.Marshal(role)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "role.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, "kubectl", "apply", "-f", file)
	w.run(t, "kubectl", "create", "clusterrolebinding", "installer", "--clusterrole=installer", "--serviceaccount=default:installer")
}

// testAnotherWay: objects in the cluster do not change if another entry of the
// kubeconfig leads there.
func testAnotherWay(t *testing.T, w *workspace, kubeconfig string) {
	t.Helper()
	pods := w.podUIDs(t)
	name := strings.TrimSpace(w.run(t, "kubectl", "config", "view", "--minify", "-o", "jsonpath={.contexts[0].context.cluster}"))
	w.run(t, "kubectl", "config", "set-cluster", name, "--tls-server-name=kubernetes")
	if out := w.run(t, "pulumi", "preview", "--diff"); strings.Contains(out, "replace") || !strings.Contains(out, "pulumi:providers:kubernetes") {
		t.Errorf("with another entry of the same cluster, the preview is not one change of the provider:\n%s", out)
	}
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.mustHaveKept(t, pods)
}

// testPullSecrets: the credentials reach the cluster, and are not in the state.
func testPullSecrets(t *testing.T, w *workspace) {
	t.Helper()
	for _, in := range []string{"gopherlocks-system", namespace} {
		if got := w.run(t, "kubectl", "get", "secret", "gopherlocks-registry", "-n", in, "-o", `jsonpath={.data.\.dockerconfigjson}`); got == "" {
			t.Errorf("no credentials in namespace %s", in)
		}
	}
	pulls := w.run(t, "kubectl", "get", "pods", "-n", namespace, "-o", "jsonpath={.items[*].spec.imagePullSecrets[*].name}")
	if !slices.Contains(strings.Fields(pulls), "gopherlocks-registry") {
		t.Errorf("ranks pull with %q", pulls)
	}
	if state := w.run(t, "pulumi", "stack", "export"); strings.Contains(state, "bmFtZTpoaWRkZW4") {
		t.Error("the credentials are in the state")
	}
}

// testObjectsOfOthers: an object is not taken over only because it has the name of
// a declared one.
func testObjectsOfOthers(t *testing.T, w *workspace) {
	t.Helper()
	annotation := []string{"annotate", "--overwrite", "minicluster", cluster, "-n", namespace}
	const key = "flux-framework.org/pulumi-stack"
	w.run(t, "kubectl", append(annotation, key+"-")...)
	said := w.fail(t, "pulumi", "preview")
	if want := "miniclusters.flux-framework.org " + namespace + "/" + cluster + " is there already and bears no stack's name"; !strings.Contains(said, want) {
		t.Errorf("the preview does not say %q: %s", want, said)
	}
	// The command in the message hands it to the stack.
	command := regexp.MustCompile(`kubectl (annotate .*) \(ObjectExists\)`).FindStringSubmatch(said)
	if command == nil {
		t.Fatalf("the preview does not say what to do: %s", said)
	}
	w.run(t, "kubectl", strings.Fields(command[1])...)
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")
}

// applyMiniCluster makes a MiniCluster by kubectl, in the namespace default, and
// returns its UID.
func applyMiniCluster(t *testing.T, w *workspace, name, image string) (uid string) {
	t.Helper()
	applyMiniClusterIn(t, w, "default", name, image)
	return w.uidOf(t, name)
}

func applyMiniClusterIn(t *testing.T, w *workspace, namespace, name, image string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".json")
	content := fmt.Sprintf(`{"apiVersion": "flux-framework.org/v1alpha2", "kind": "MiniCluster", "metadata": {"name": %q, "namespace": %q},
		"spec": {"size": 1, "flux": {"enabled": false}, "containers": [{"image": %q}]}}`, name, namespace, image)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		_, errOut, err := w.try("kubectl", "apply", "-f", file)
		if err != nil {
			return errOut
		}
		return ""
	})
}

func (w *workspace) uidOf(t *testing.T, name string) string {
	t.Helper()
	return w.run(t, "kubectl", "get", "minicluster", name, "-n", "default", "-o", "jsonpath={.metadata.uid}")
}

// testTakeOver takes over from a Flux Operator. That happens only on request, and
// only if that operator does not run. What is taken over outlives the stack.
func testTakeOver(t *testing.T, w *workspace, image string) {
	t.Helper()
	manifests := "tests/e2e/testdata/existing/fluxoperator.yaml"
	w.run(t, "kubectl", "apply", "-f", manifests)
	w.run(t, "kubectl", "wait", "--for=condition=Established", "crd/miniclusters.flux-framework.org", "--timeout=60s")
	was := applyMiniCluster(t, w, "theirs", image)
	said := w.fail(t, "pulumi", "preview")
	for _, want := range []string{
		"with 1 MiniCluster, is not Gopherlocks'", "pulumi config set takeOverCRD true",
		"kubectl scale deployment -n operator-system operator-controller-manager --replicas=0",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("beside the Flux Operator the preview does not say %q: %s", want, said)
		}
	}
	w.run(t, "kubectl", "scale", "deployment", "-n", "operator-system", "operator-controller-manager", "--replicas=0")
	w.run(t, "pulumi", "config", "set", "takeOverCRD", "true")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.run(t, "kubectl", "wait", "minicluster", "theirs", "-n", "default", "--for=condition=Ready", "--timeout=120s")
	w.run(t, "pulumi", "config", "rm", "takeOverCRD") // Not needed once it is ours.
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")
	w.run(t, "pulumi", "destroy", "--yes", "--skip-preview")
	if is := w.uidOf(t, "theirs"); is != was {
		t.Errorf("their MiniCluster was %s and is %s", was, is)
	}
}
