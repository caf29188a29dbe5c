package components

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// stateFolder holds what belongs to one checkout of the project; git ignores
// it. `make env` points KUBECONFIG into it.
const stateFolder = ".gopherlocks"

// embeddedArgs names the embedded cluster of a stack after the stack and the
// folder of the project, so that each checkout has a cluster of its own, and
// an interrupted `pulumi up` finds the one that it had begun.
func embeddedArgs(stack, name string) (*EmbeddedArgs, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("folder of the project: %w", err)
	}
	if name == "" {
		name = fmt.Sprintf("%s-%x", stack, sha256.Sum256([]byte(folder)))[:len(stack)+1+6]
	}
	return &EmbeddedArgs{Name: name, KubeconfigFile: filepath.Join(folder, stateFolder, "kubeconfig")}, nil
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
