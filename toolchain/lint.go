package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// linter is the module of golangci-lint, in a version that all use. Its key is
// the module's folder: go.mod and go.sum pin it.
func (t *tree) linter() (module, error) {
	dir := filepath.Join(t.root, "toolchain/lint")
	gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return module{}, fmt.Errorf("read the linter's version: %w", err)
	}
	const path = "github.com/golangci/golangci-lint/v2"
	version := requiredVersion(gomod, path)
	return module{
		name:     "lint",
		title:    "golangci-lint " + version,
		dir:      dir,
		ldflags:  stripped + " -X main.version=" + version,
		programs: []program{{name: "golangci-lint", pkg: path + "/cmd/golangci-lint"}},
	}, nil
}

// lint runs golangci-lint over the work tree.
func lint(ctx context.Context, t *tree, args []string) error {
	m, err := t.linter()
	if err != nil {
		return err
	}
	c := cache{t.cache}
	keys, _, err := c.provide(ctx, []module{m})
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"run"}
	}
	name := m.programs[0].name
	cmd := exec.CommandContext(ctx, c.entry(name, keys[name]), args...)
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
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}
