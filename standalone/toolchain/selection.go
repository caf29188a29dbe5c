package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// selectStack makes the stack that `pulumi` is to work on, and selects it, where this
// tree has none yet: after `make env`, pulumi would ask which. A backend of the user's
// is left alone.
func (t *tree) selectStack(ctx context.Context, exports []export) error {
	selected := t.selection(os.Getenv)
	if t.backend(os.Getenv) != stateBackend(t.state) || selected != "" && t.hasStack(selected) {
		return nil
	}
	name := t.selectedStack(os.Getenv)
	args := []string{"stack", "select", "--create", name}
	if os.Getenv("PULUMI_STACK") != "" {
		args = []string{"stack", "init", "--no-select", name} // The variable selects it.
	}
	if err := os.MkdirAll(filepath.Join(t.state, "pulumi"), 0o755); err != nil {
		return fmt.Errorf("make the folder of Pulumi's state: %w", err)
	}
	// env finds pulumi on the PATH of the exports.
	cmd := exec.CommandContext(ctx, "/usr/bin/env", append(append([]string{"pulumi"}, args...), "--non-interactive", "--color=never")...)
	cmd.Dir, cmd.Env = t.root, os.Environ()
	for _, e := range exports {
		cmd.Env = append(cmd.Env, e.name+"="+e.value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("select stack %s: pulumi %s: %w\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// hasStack says whether the tree's own backend has a stack.
func (t *tree) hasStack(name string) bool {
	_, err := os.Stat(filepath.Join(t.state, "pulumi", ".pulumi", "stacks", project, plainName(name)+".json"))
	return err == nil
}
