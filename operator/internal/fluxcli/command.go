package fluxcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// CommandTimeout is how long a command may take. On an idle machine they take 0.2
// to 0.6 s.
const CommandTimeout = 10 * time.Second

// CommandError is a command of Flux that did not succeed.
type CommandError struct {
	// Args of the command, without "flux".
	Args []string
	// Stderr is what it printed there, shortened.
	Stderr string
	// Err is why: an *exec.ExitError, or that the command could not start.
	Err error
}

// Error names the command, how it ended and what it said.
func (e *CommandError) Error() string {
	text := fmt.Sprintf("flux %s: %v", strings.Join(e.Args, " "), e.Err)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// Unwrap is why the command did not succeed.
func (e *CommandError) Unwrap() error { return e.Err }

// run runs a command with the environment env, and returns what it printed on stdout.
func run(ctx context.Context, program string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, CommandTimeout, fmt.Errorf("no answer within %v", CommandTimeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append([]string{}, env...) // nil would be this process's own
	// A child that holds the pipes open must not hold us.
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", &CommandError{Args: args, Stderr: shorten(stderr.String()), Err: err}
	}
	return stdout.String(), nil
}

// shorten leaves of an output what fits a message. The end of it is kept: Flux
// says there what went wrong.
func shorten(output string) string {
	const most = 1000 // bytes
	output = strings.TrimSpace(output)
	if len(output) > most {
		output = "…" + strings.ToValidUTF8(output[len(output)-most:], "")
	}
	return output
}

// Exited says whether err is of a command that ran and ended by itself with another
// code than 0: it was neither killed nor too slow.
func Exited(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.Exited()
}
