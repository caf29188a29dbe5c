package environment

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// stateFolder is that of the project that the program runs in.
func stateFolder() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("folder of the project: %w", err)
	}
	return filepath.Join(folder, stackcluster.StateFolder), nil
}

// kubeconfigFile is where the kubeconfig of a stack's own cluster is kept.
func kubeconfigFile(stack string) (string, error) {
	state, err := stateFolder()
	return stackcluster.KubeconfigFile(state, stack), err
}

// hashLength is how many characters tell checkouts apart.
const hashLength = 6

var notOfName = regexp.MustCompile(`[^a-z0-9]+`)

// proposeName proposes a name for a stack's cluster, after the stack and the folder
// of the project, so that each checkout has a cluster of its own, and an interrupted
// `pulumi up` finds the one that it had begun. Stacks may be called by more than
// clusters may.
func proposeName(stack, folder string) string {
	of := strings.Trim(notOfName.ReplaceAllString(strings.ToLower(stack), "-"), "-")
	of = strings.TrimRight(of[:min(len(of), stackcluster.MaxNameLength-hashLength-1)], "-")
	if of == "" {
		of = "stack"
	}
	// Stacks whose names become the same are told apart likewise.
	what := folder
	if of != stack {
		what += "\x00" + stack
	}
	return fmt.Sprintf("%s-%x", of, sha256.Sum256([]byte(what)))[:len(of)+1+hashLength]
}

// findProgram finds a program that `make tools` has built.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf(`%s is not on PATH; run "make tools" and then eval "$(make -s env)": %w`, name, err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fmt.Errorf("program %s: %w", name, err)
	}
	return path, nil
}
