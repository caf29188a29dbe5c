// Package pulumicli runs the real Pulumi on a project of one stack, whose program is the
// test's own executable.
package pulumicli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// commandTimeout ends a command that hangs: one takes a second or, where it waits for
// ranks, some more. An update that waits for what never comes would take ten minutes.
const commandTimeout = time.Minute

// Project is a Pulumi project with one stack, in a folder of the test's, which is its
// backend too.
type Project struct {
	Dir string
	// Env is that of Run.
	Env []string
}

// New makes a project of a name, and its stack "test". It skips the test where Pulumi is
// not on PATH.
func New(t testing.TB, name string) *Project {
	t.Helper()
	for _, tool := range []string{"pulumi", "pulumi-resource-kubernetes"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s on PATH: run the tests by `make test`", tool)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &Project{Dir: t.TempDir()}
	content := fmt.Sprintf("name: %s\nruntime: {name: go, options: {binary: %q}}\n", name, self)
	if err := os.WriteFile(filepath.Join(p.Dir, "Pulumi.yaml"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	p.Env = append(os.Environ(), "PULUMI_HOME="+t.TempDir(), "PULUMI_BACKEND_URL=file://"+p.Dir, "PULUMI_STACK=test",
		"PULUMI_CONFIG_PASSPHRASE=", "PULUMI_SKIP_UPDATE_CHECK=true", "KUBECONFIG=",
		"PULUMI_OPTION_POLICY_PACK=", "PULUMI_OPTION_POLICY_PACK_CONFIG=")
	if out, err := p.Run(t.Context(), "stack", "init", "test"); err != nil {
		t.Fatalf("make the stack: %v\n%s", err, out)
	}
	return p
}

// Run runs a command of Pulumi, and returns what it printed.
func (p *Project) Run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pulumi", append(args, "--non-interactive", "--color=never")...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Dir, cmd.Env = p.Dir, p.Env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
