package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Modules of the linter: golangci-lint, and Kubernetes' build of it, which also has
// the linter of its APIs.
const (
	lintModule    = "github.com/golangci/golangci-lint/v2"
	apiLintModule = "sigs.k8s.io/kube-api-linter"
)

// lint runs golangci-lint over the work tree.
func lint(ctx context.Context, t *tree, args []string) error {
	program, err := t.provideAside(ctx, "lint", "golangci-lint-kube-api-linter", apiLintModule)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"run"}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = t.root
	// It compiles the packages; with the same flags as other builds that is done
	// already.
	cmd.Env = slices.Concat(os.Environ(), buildEnvironment, []string{"GOFLAGS=" + strings.Join(buildFlags, " ")})
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errors.New("the linter has findings; see above")
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}
