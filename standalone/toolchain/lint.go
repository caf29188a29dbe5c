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

// Modules of the linter: golangci-lint, and Kubernetes' build of it, which has the
// linter of its APIs besides.
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
	// It has the packages compiled: with the same flags, they are already.
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
