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

// lintModule is the module of the linter.
const lintModule = "github.com/golangci/golangci-lint/v2"

// lint runs golangci-lint over the work tree.
func lint(ctx context.Context, t *tree, args []string) error {
	program, err := t.provideAside(ctx, "lint", "golangci-lint", lintModule)
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
