package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// workspace is a copy of the work tree, as a clone of it would be, with the
// environment that `make env` gives.
type workspace struct {
	dir string
	env []string
	// provider is the clusterProvider that the suite runs on.
	provider string
}

// newWorkspace copies all files that git would keep, runs `make tools` there and
// reads the environment. After the test the machine must be as it was before, so a
// test that makes a cluster must remove it.
func newWorkspace(t testing.TB) *workspace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for the cluster; run make test-e2e or test-kind as root")
	}
	w := &workspace{dir: filepath.Join(t.TempDir(), "gopherlocks"), env: cleanEnvironment(), provider: chosenProvider(t)}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// Files that were deleted and not yet committed are listed too.
	w.run(t, "sh", "-c", fmt.Sprintf("target=$PWD; cd %q; git ls-files -z --cached --others --exclude-standard | "+
		`tar -c --null --ignore-failed-read -T - | tar -x -C "$target"`, root))
	// As in a clone, git shows what has changed since.
	w.run(t, "git", "init", "--quiet")
	w.run(t, "git", "add", "--all")
	w.watchMachine(t)
	w.run(t, "make", "tools", w.choice())
	w.env = append(w.env, exports(w.run(t, "sh", "-c", `eval "$(make -s env `+w.choice()+`)" && env -0`))...)
	return w
}

// makeStack readies the stack of make up, which `make env` has made and selected,
// without making anything in it.
func (w *workspace) makeStack(t testing.TB) {
	t.Helper()
	if stack := strings.TrimSpace(w.run(t, "pulumi", "stack", "--show-name")); stack != "dev" {
		t.Fatalf("stack %q is selected in a fresh folder, want dev", stack)
	}
	w.configureProvider(t)
	// From here on git shows what a test changes.
	w.run(t, "git", "add", "--all")
}

// ofTrees are variables that a workspace must not inherit. `make env` sets some of
// them, besides Pulumi's. The others choose the cluster of this suite; a workspace
// is told its cluster as users do it.
var ofTrees = []string{
	"KUBECONFIG", "GOPHERLOCKS_BIN", "GOPHERLOCKS_CLUSTER_PROVIDER", "GOPHERLOCKS_CLUSTER_REASON", "GOPHERLOCKS_KIND_NODE_IMAGE", providerVariable,
	"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "CLUSTER",
}

// cleanEnvironment is this process's environment without what `make env` of
// another work tree has put there.
func cleanEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "PULUMI_") && !slices.Contains(ofTrees, name) {
			kept = append(kept, variable)
		}
	}
	return kept
}

func exports(dump string) []string {
	return strings.Split(strings.TrimRight(dump, "\x00"), "\x00")
}

// run runs a command in the workspace and returns what it printed on standard
// output. The test ends when it fails.
func (w *workspace) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, errOut, err := w.try(name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, errOut)
	}
	return out
}

// fail runs a command that must fail, and returns all that it printed.
func (w *workspace) fail(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, errOut, err := w.try(name, args...)
	if err == nil {
		t.Fatalf("%s %s succeeded:\n%s\n%s", name, strings.Join(args, " "), out, errOut)
	}
	return out + errOut
}

func (w *workspace) try(name string, args ...string) (out, errOut string, err error) {
	var stdout, stderr bytes.Buffer
	// The program is looked up in the workspace's PATH, not in this process's.
	cmd := exec.Command("/usr/bin/env", append([]string{name}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// get reads one object as JSON.
func (w *workspace) get(t testing.TB, into any, args ...string) {
	t.Helper()
	out := w.run(t, "kubectl", append([]string{"get", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("kubectl get %s: %v", strings.Join(args, " "), err)
	}
}

// eventually waits until condition returns "". Otherwise condition says what is
// missing.
func eventually(t testing.TB, limit time.Duration, condition func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		missing := condition()
		if missing == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s still: %s", limit, missing)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
