package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// The clusters that the suite runs on: values of clusterProvider.
const (
	embedded = "embedded"
	kind     = "kind"
)

// providerVariable is the variable of the environment that chooses one.
const providerVariable = "GOPHERLOCKS_CLUSTER"

func chosenProvider(t testing.TB) string {
	t.Helper()
	switch chosen := os.Getenv(providerVariable); chosen {
	case "", embedded:
		return embedded
	case kind:
		return kind
	default:
		t.Fatalf("%s=%s: the suite runs on %q or %q", providerVariable, chosen, embedded, kind)
		return ""
	}
}

// choice is the argument of make for the suite's cluster, also on a machine that
// would choose another. A stack that has a cluster does not need it.
func (w *workspace) choice() string { return "CLUSTER=" + w.provider }

// testClusterStays makes this machine look like one that would choose the other
// cluster.
func testClusterStays(t *testing.T, w *workspace) {
	if got := strings.TrimSpace(w.run(t, "pulumi", "stack", "output", "clusterProvider")); got != w.provider {
		t.Errorf("the stack says that it is on %q, want %q", got, w.provider)
	}
	other := map[string]string{embedded: kind, kind: embedded}[w.provider]
	elsewhere := &workspace{dir: w.dir, env: append(slices.Clone(w.env), "GOPHERLOCKS_CLUSTER_PROVIDER="+other)}
	elsewhere.run(t, "pulumi", "preview", "--expect-no-changes")

	if w.provider == kind {
		elsewhere.env = append(elsewhere.env, "DOCKER_HOST=unix:///nowhere")
	} else {
		elsewhere.env = append(elsewhere.env, "PATH="+folderOf(t, "docker", "#!/bin/sh\n")+":"+os.Getenv("PATH"))
	}
	for command, want := range map[string]string{
		"cluster": "clusterProvider: " + w.provider + ", because stack dev is made for it\n",
		"env":     "export GOPHERLOCKS_CLUSTER_PROVIDER='" + w.provider + "'\n",
	} {
		if said := elsewhere.run(t, "make", "-s", command); !strings.Contains(said, want) {
			t.Errorf("make %s says %q, want %q", command, said, want)
		}
	}
}

// testNothingIsLost: a lost kubeconfig comes back, a moved checkout keeps its
// cluster, and an impossible choice changes nothing.
func testNothingIsLost(t *testing.T, w *workspace) {
	nodes := w.run(t, "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.uid}")
	kubeconfig := filepath.Join(w.dir, ".gopherlocks/kubeconfig.dev")
	if err := os.Remove(kubeconfig); err != nil {
		t.Fatal(err)
	}
	w.run(t, "make", "up")
	if now := w.run(t, "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.uid}"); now != nodes {
		t.Errorf("nodes were %q and are %q", nodes, now)
	}
	if said := w.fail(t, "make", "up", "CLUSTER=existing"); !strings.Contains(said, "CLUSTER=existing cannot be, and stack dev keeps the cluster that it has") {
		t.Errorf("make up CLUSTER=existing says %s", said)
	}
	if said := w.run(t, "make", "-s", "cluster"); !strings.Contains(said, "clusterProvider: "+w.provider+", because stack dev is made for it\n") {
		t.Errorf("after a wish that cannot be, make cluster says %q", said)
	}

	moved := &workspace{dir: w.dir + "-moved", env: slices.Clone(w.env), provider: w.provider}
	if err := os.Rename(w.dir, moved.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Rename(moved.dir, w.dir); err != nil {
			t.Error(err)
		}
		w.run(t, "make", "up") // The kubeconfig has moved too.
	})
	moved.env = slices.DeleteFunc(moved.env, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "PULUMI_") || slices.Contains(ofTrees, name)
	})
	moved.env = append(moved.env, exports(moved.run(t, "sh", "-c", `eval "$(make -s env STACK=dev)" && env -0`))...)
	out := moved.run(t, "make", "up")
	for _, change := range []string{"created", "replaced", "deleted"} {
		if strings.Contains(out, " "+change) {
			t.Errorf("make up in another folder has %s something:\n%s", change, out)
		}
	}
	if now := moved.run(t, "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.uid}"); now != nodes {
		t.Errorf("nodes were %q and are %q in another folder", nodes, now)
	}
}

// folderOf makes a folder with one program.
func folderOf(t *testing.T, name, script string) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// configureProvider gives the stack what the suite needs of its cluster.
func (w *workspace) configureProvider(t testing.TB) {
	t.Helper()
	if w.provider != kind {
		return
	}
	// Docker would make it too, but only once there is a cluster.
	if err := os.MkdirAll(w.programsDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	w.run(t, "pulumi", "config", "set", "--path", "kindMounts[0].hostPath", w.programsDir())
}

// watchMachine checks that the machine is in the end as it is now. This includes
// the container engine that `make tools` may start.
func (w *workspace) watchMachine(t testing.TB) {
	t.Helper()
	before := observeMachine(t)
	t.Cleanup(func() {
		if w.provider == kind {
			w.run(t, "go", "run", "./standalone/kind", "down")
		}
		after := observeMachine(t)
		if w.provider == kind && !w.hasOwnEngine() {
			// An engine of the machine keeps kind's network, and the settings of
			// the kernel that its nodes have changed.
			for _, kept := range []string{"interfaces", "iptables", "cgroups", "sysctls"} {
				delete(after, kept)
				delete(before, kept)
			}
		}
		before.compare(t, after)
	})
}

// hasOwnEngine tells whether the container engine was started because no other
// works.
func (w *workspace) hasOwnEngine() bool {
	return slices.Contains(w.env, "DOCKER_HOST="+containerengine.OwnHost)
}

// observeCluster lists what a cluster could leave behind. Its container engine, if
// it has one, still runs.
func (w *workspace) observeCluster(t testing.TB) machine {
	t.Helper()
	seen := observeMachine(t)
	if w.provider != kind {
		return seen
	}
	// These belong to the engine, which also keeps kind's network.
	maps.DeleteFunc(seen, func(what string, _ []string) bool {
		return slices.Contains([]string{"interfaces", "iptables", "cgroups", "folders", "sysctls"}, what)
	})
	seen["containers"] = strings.Fields(w.run(t, "docker", "ps", "--all", "--format", "{{.Names}}"))
	seen["volumes"] = strings.Fields(w.run(t, "docker", "volume", "ls", "--quiet"))
	return seen
}

// killProgram kills a program of this test's cluster on all nodes where it runs.
// There must be at least one. Other clusters are left alone.
func (w *workspace) killProgram(t *testing.T, program string) {
	t.Helper()
	if w.provider != kind {
		stateDir := strings.TrimSpace(w.run(t, "pulumi", "stack", "output", "stateDir"))
		w.run(t, "pkill", "-KILL", "-f", "^"+stateDir+"/bin/"+program+" ")
		return
	}
	killed := 0
	for _, node := range w.nodes(t) {
		if _, _, err := w.try("docker", "exec", node, "pkill", "-KILL", "-f", "^([^ ]*/)?"+program+" "); err == nil {
			killed++
		}
	}
	if killed == 0 {
		t.Fatalf("no node of %v runs %s", w.nodes(t), program)
	}
}

// nodes are the names of the cluster's nodes. With kind their containers have the
// same names.
func (w *workspace) nodes(t testing.TB) []string {
	t.Helper()
	return strings.Fields(w.run(t, "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"))
}

// resolveOnNode follows symbolic links as nodes have them. It returns "" if the
// path does not exist.
func (w *workspace) resolveOnNode(t testing.TB, path string) string {
	t.Helper()
	if w.provider != kind {
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			return ""
		}
		return resolved
	}
	resolved, _, err := w.try("docker", "exec", w.nodes(t)[0], "readlink", "-e", path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(resolved)
}
