package e2e

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// show logs what kubectl prints for the documentation.
func (w *workspace) show(t *testing.T, args ...string) {
	t.Helper()
	t.Logf("kubectl %s\n%s", strings.Join(args, " "), w.run(t, "kubectl", append([]string{"-n", namespace}, args...)...))
}

// command is one that runs beside the test.
type command struct {
	cmd    *exec.Cmd
	output bytes.Buffer
}

// start starts a command. When the test ends first, it is killed.
func (w *workspace) start(t *testing.T, name string, args ...string) *command {
	t.Helper()
	c := &command{cmd: exec.CommandContext(t.Context(), "/usr/bin/env", append([]string{name}, args...)...)}
	c.cmd.Dir, c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = w.dir, w.env, &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// wait waits for its end, which must be a success, and returns what it printed.
func (c *command) wait(t *testing.T) string {
	t.Helper()
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(c.cmd.Args, " "), err, &c.output)
	}
	return c.output.String()
}
