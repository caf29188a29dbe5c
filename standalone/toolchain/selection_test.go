package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// newTree is a fresh folder of the project, with nothing but Pulumi's own files, and a
// user who has never run Pulumi.
func newTree(t *testing.T) *tree {
	t.Helper()
	if _, err := exec.LookPath("pulumi"); err != nil {
		t.Skip("no pulumi on PATH: run the tests by `make test`")
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "Pulumi.yaml"), []byte("name: gopherlocks\nruntime: go\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PULUMI_HOME": t.TempDir(), "PULUMI_BACKEND_URL": "", stackcluster.BinVariable: "", "PULUMI_CONFIG_PASSPHRASE": "",
	} {
		t.Setenv(name, value)
	}
	unset(t, "PULUMI_STACK")
	state := filepath.Join(root, stackcluster.StateFolder)
	return &tree{root: root, state: state, bin: filepath.Join(state, "bin")}
}

// unset removes a variable for the test: Pulumi takes an empty PULUMI_STACK for a name.
func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "")
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

// pulumi runs the real one with what `make env` has printed.
func (t *tree) pulumi(test *testing.T, args ...string) (string, error) {
	test.Helper()
	cmd := exec.CommandContext(test.Context(), "pulumi", append(args, "--non-interactive")...)
	cmd.Dir, cmd.Env = t.root, append(os.Environ(), "PULUMI_BACKEND_URL="+stateBackend(t.state), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (t *tree) exports() []export {
	return environment(t, stackcluster.Choice{Provider: stackcluster.Embedded}, t.selectedStack(os.Getenv), os.LookupEnv)
}

func TestStackOfAFreshFolderIsSelected(t *testing.T) {
	tree := newTree(t)
	if err := tree.selectStack(t.Context(), tree.exports()); err != nil {
		t.Fatal(err)
	}
	if out, err := tree.pulumi(t, "stack", "--show-name"); err != nil || out != defaultStack {
		t.Errorf("selected: %s (%v), want %s", out, err, defaultStack)
	}
	if out, err := tree.pulumi(t, "stack", "select", "--create", "flux"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := tree.selectStack(t.Context(), tree.exports()); err != nil {
		t.Fatal(err)
	}
	if out, _ := tree.pulumi(t, "stack", "--show-name"); out != "flux" {
		t.Errorf("the user's selection has become %s", out)
	}
}

// TestStackThatAVariableNamesIsThere, and what is selected stays so.
func TestStackThatAVariableNamesIsThere(t *testing.T) {
	tree := newTree(t)
	t.Setenv("PULUMI_STACK", "flux")
	if err := tree.selectStack(t.Context(), tree.exports()); err != nil {
		t.Fatal(err)
	}
	if out, err := tree.pulumi(t, "stack", "--show-name"); err != nil || out != "flux" {
		t.Errorf("by the variable: %s (%v)", out, err)
	}
	unset(t, "PULUMI_STACK")
	if got := tree.selection(os.Getenv); got != "" {
		t.Errorf("selected besides: %s", got)
	}
}

func TestStacksOfTheUsersBackendAreLeftAlone(t *testing.T) {
	tree := newTree(t)
	theirs := t.TempDir()
	t.Setenv("PULUMI_BACKEND_URL", "file://"+theirs)
	if err := tree.selectStack(t.Context(), tree.exports()); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(theirs); err != nil || len(entries) > 0 {
		t.Errorf("the backend has %v (%v)", entries, err)
	}
}

func TestFolderWithAColonIsRefused(t *testing.T) {
	for _, tree := range []*tree{{root: "/a:b", bin: "/a:b/bin"}, {root: "/a", bin: "/b:c"}} {
		err := tree.checkFolders()
		if err == nil || !strings.Contains(err.Error(), `has a ':', at which PATH and KUBECONFIG are split`) || !strings.Contains(err.Error(), "move the folder") {
			t.Errorf("%s: %v", tree.root, err)
		}
	}
	if err := (&tree{root: `/a "b", c\`, bin: "/d"}).checkFolders(); err != nil {
		t.Error(err)
	}
}
