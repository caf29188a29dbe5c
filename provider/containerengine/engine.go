// Package containerengine finds the container engine that clusters of kind run
// on. The toolchain, which decides what is compiled, and the plugin, which makes
// the clusters, must not disagree about it: both ask here.
//
// The engine is the one that KIND_EXPERIMENTAL_PROVIDER names, or the first in
// the order of kind's library that works. kind itself takes the first that is
// installed, and then fails where that one is stopped.
package containerengine

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Variable is the environment variable by which kind's own command line lets
// its users choose the engine.
const Variable = "KIND_EXPERIMENTAL_PROVIDER"

// The toolchain starts an engine if none of the machine works. It does not count as
// the machine's own, though it may be reached in the same way.
const (
	// OwnDir is its folder.
	OwnDir = "/var/lib/gopherlocks-docker"
	// OwnHost is the DOCKER_HOST that reaches it.
	OwnHost = "unix://" + OwnDir + "/docker.sock"
)

// Docker is the kind of engine at OwnHost.
const Docker = "docker"

// answerTimeout bounds how long one engine may take to say that it works.
const answerTimeout = 20 * time.Second

// candidates are the engines in the order of kind's library, and how `PROGRAM -v`
// begins: podman also answers to the name docker.
var candidates = []struct {
	program, greeting string
	onlyChosen        bool
}{
	{program: Docker, greeting: "Docker version"},
	{program: "nerdctl", greeting: "nerdctl version"},
	{program: "finch", greeting: "finch version"},
	{program: "podman", greeting: "podman version"},
	{program: "nerdctl.lima", greeting: "nerdctl version", onlyChosen: true},
}

// Engine is the command line of a container engine of a machine.
type Engine struct {
	Machine
	Program string
}

// Find returns the engine to use. Its error is a *NoneError where there is none.
func (m Machine) Find(ctx context.Context) (Engine, error) {
	none := &NoneError{Chosen: m.Getenv(Variable)}
	for _, candidate := range candidates {
		if none.Chosen != candidate.program && (none.Chosen != "" || candidate.onlyChosen) {
			continue
		}
		engine := Engine{Machine: m, Program: candidate.program}
		err := engine.installed(ctx, candidate.greeting)
		if err == nil {
			err = engine.Check(ctx)
		}
		if err == nil {
			return engine, nil
		}
		if ctx.Err() != nil {
			return Engine{}, ctx.Err()
		}
		none.Causes = append(none.Causes, Cause{candidate.program, err})
	}
	return Engine{}, none
}

// Installed returns the engine of a program that answers as itself. The engine need
// not work.
func (m Machine) Installed(ctx context.Context, program string) (Engine, bool) {
	for _, candidate := range candidates {
		if candidate.program == program {
			engine := Engine{Machine: m, Program: program}
			return engine, engine.installed(ctx, candidate.greeting) == nil
		}
	}
	return Engine{}, false
}

func (e Engine) installed(ctx context.Context, greeting string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	said, err := e.Do(ctx, "-v")
	if err == nil && !strings.HasPrefix(said, greeting) {
		return fmt.Errorf("`%s -v` says %q, as another program does", e.Program, strings.TrimSpace(said))
	}
	return err
}

// Check says what to do about an engine that does not work.
func (e Engine) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := e.Do(ctx, "info")
	if err == nil {
		return nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s does not answer within %s; `%s info` must succeed first: %w", e.Program, answerTimeout, e.Program, err)
	}
	return explain(e.Program, e.Getenv("DOCKER_HOST"), err)
}

// Do runs the engine's command line and returns its standard output. An error
// has its standard error in its text.
func (e Engine) Do(ctx context.Context, args ...string) (string, error) {
	return e.Run(ctx, nil, e.Program, args...)
}

// hints say how to start an installed engine, and how to let a user use it.
var hints = map[string]struct{ start, permit string }{
	Docker: {
		"start it with `sudo systemctl start docker`, or Docker Desktop",
		"run `sudo usermod -aG docker $USER` and log in again, or use rootless mode (https://docs.docker.com/engine/security/rootless/)",
	},
	"nerdctl": {"start it with `sudo systemctl start containerd`", "use rootless mode (https://rootlesscontaine.rs)"},
	"finch":   {"start it with `finch vm start`, on Linux `sudo systemctl start finch`", "run the command as root"},
	"podman": {
		"start it with `podman machine start`, on Linux `systemctl --user start podman.socket`",
		"run the command as root, or set Podman up for this user (https://github.com/containers/podman/blob/main/docs/tutorials/rootless_tutorial.md)",
	},
	"nerdctl.lima": {"start it with `limactl start`", "look at `limactl list`"},
}

// explain turns what `PROGRAM info` has said into the next step.
func explain(program, host string, err error) error {
	text := strings.ToLower(err.Error())
	contains := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	where, start := "", hints[program].start
	if program == Docker && host != "" {
		where = " at DOCKER_HOST=" + host
		if host == OwnHost {
			start = "`make tools CLUSTER=kind` starts it again"
		}
	}
	switch {
	case contains("permission denied"):
		return fmt.Errorf("%s is there%s, and this user has no permission to use it: %s: %w", program, where, hints[program].permit, err)
	case contains("cannot connect", "daemon running", "daemon is running", "connection refused", "no such file or directory"):
		return fmt.Errorf("%s is installed and not running%s: %s: %w", program, where, start, err)
	default:
		return fmt.Errorf("%s does not work%s; `%s info` must succeed first: %w", program, where, program, err)
	}
}

// isMissing says that an engine's program is not on PATH.
func isMissing(err error) bool { return errors.Is(err, exec.ErrNotFound) }
