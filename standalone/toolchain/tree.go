package main

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// tree is the work tree that the command runs in, with its folders.
type tree struct {
	root  string // Folder of the root go.mod.
	bin   string // Where the programs are linked to.
	state string // State of this tree: kubeconfig, Pulumi's backend.
	cache string // Compiled programs, shared by all trees.
}

const rootModule = "github.com/gopherlocks/gopherlocks"

// findTree looks upwards from the working folder for the project's go.mod.
func findTree() (*tree, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the work tree: %w", err)
	}
	cache, err := cacheDir(os.Getenv)
	if err != nil {
		return nil, err
	}
	for {
		gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(gomod, []byte("module "+rootModule+"\n")) {
			state := filepath.Join(dir, stackcluster.StateFolder)
			return &tree{root: dir, bin: filepath.Join(state, "bin"), state: state, cache: cache}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, fmt.Errorf("no go.mod of %s here or above; run the command inside its work tree", rootModule)
		}
		dir = parent
	}
}

func (t *tree) makeAbsolute() (err error) {
	t.bin, err = filepath.Abs(t.bin)
	if err != nil {
		return fmt.Errorf("resolve the bin folder: %w", err)
	}
	return t.checkFolders()
}

// checkFolders refuses folders that no variable can name: PATH and KUBECONFIG are lists
// with colons between their elements, and know no way to quote one.
func (t *tree) checkFolders() error {
	for _, folder := range []string{t.root, t.bin} {
		if strings.ContainsRune(folder, os.PathListSeparator) {
			return fmt.Errorf("the path %s has a %q, at which PATH and KUBECONFIG are split, so that no program would be found there; "+
				"move the folder, or clone the repository to one without it", folder, os.PathListSeparator)
		}
	}
	return nil
}

// cacheDir returns the folder of compiled programs. getenv is [os.Getenv].
func cacheDir(getenv func(string) string) (string, error) {
	if dir := getenv("GOPHERLOCKS_CACHE"); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("GOPHERLOCKS_CACHE=%s: it must be an absolute path", dir)
		}
		return dir, nil
	}
	if dir := getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "gopherlocks"), nil
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "gopherlocks"), nil
	}
	return "", fmt.Errorf("neither GOPHERLOCKS_CACHE, XDG_CACHE_HOME nor HOME is set; set GOPHERLOCKS_CACHE to a folder for compiled programs")
}

// defaultStack is the stack of `make up`.
const defaultStack = "dev"

// backend returns the URL of Pulumi's state: the user's choice, or in this tree. A
// value from another tree's `make env` is no choice: two clones in one shell must
// not work on the same stacks.
func (t *tree) backend(getenv func(string) string) string {
	url, bin := getenv("PULUMI_BACKEND_URL"), getenv(stackcluster.BinVariable)
	if url != "" && (bin == "" || url != stateBackend(filepath.Dir(bin))) {
		return url
	}
	return stateBackend(t.state)
}

// stateBackend is the backend in a tree's state folder.
func stateBackend(state string) string { return "file://" + filepath.Join(state, "pulumi") }

// project is the name of the Pulumi project, as Pulumi.yaml has it.
const project = "gopherlocks"

// selectedStack returns the name of the stack that `pulumi` is to work on in this tree.
func (t *tree) selectedStack(getenv func(string) string) string {
	return cmp.Or(t.selection(getenv), defaultStack)
}

// selection returns the name of the stack that somebody has selected: by PULUMI_STACK,
// or by `pulumi stack select`. That writes a file named after the project and a hash of
// the path of its Pulumi.yaml (sdk/go/common/workspace, settingsPath).
func (t *tree) selection(getenv func(string) string) string {
	if stack := getenv("PULUMI_STACK"); stack != "" {
		return plainName(stack)
	}
	home := getenv("PULUMI_HOME")
	if home == "" {
		home = filepath.Join(getenv("HOME"), ".pulumi")
	}
	name := fmt.Sprintf("%s-%x-workspace.json", project, sha1.Sum([]byte(filepath.Join(t.root, "Pulumi.yaml"))))
	var selection struct {
		Stacks map[string]string `json:"stacks"` // By the URL of the backend.
	}
	content, err := os.ReadFile(filepath.Join(home, "workspaces", name))
	if err != nil || json.Unmarshal(content, &selection) != nil {
		return ""
	}
	return plainName(selection.Stacks[t.backend(getenv)])
}

// plainName is the name of a stack that may be qualified: organization/project/stack.
func plainName(stack string) string { return stack[strings.LastIndex(stack, "/")+1:] }
