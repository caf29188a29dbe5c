package kind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster"
)

// EngineEnv is the environment variable by which kind's own command line lets
// its users choose the engine.
const EngineEnv = "KIND_EXPERIMENTAL_PROVIDER"

// engine is the command line of a container engine. kind's library runs the
// same one.
type engine struct {
	// program is docker, nerdctl, finch or podman.
	program string
	// option makes kind's library use the same engine.
	option cluster.ProviderOption
	run    runFunc
}

// runFunc runs a program and returns its standard output. An error of it has
// the program's standard error in its text.
type runFunc func(ctx context.Context, stdin io.Reader, program string, args ...string) (string, error)

// candidates are the engines in kind's order, and how `PROGRAM -v` begins.
var candidates = []struct {
	program, greeting string
	option            func() cluster.ProviderOption
}{
	{"docker", "Docker version", cluster.ProviderWithDocker},
	{"nerdctl", "nerdctl version", func() cluster.ProviderOption { return cluster.ProviderWithNerdctl("nerdctl") }},
	{"finch", "finch version", func() cluster.ProviderOption { return cluster.ProviderWithNerdctl("finch") }},
	{"podman", "podman version", cluster.ProviderWithPodman},
}

// detectEngine finds the engine as kind does: the chosen one, else the first
// whose program answers as itself. (Podman also answers to the name docker.)
func detectEngine(ctx context.Context, chosen string, run runFunc) (engine, error) {
	for _, candidate := range candidates {
		if chosen != "" && chosen != candidate.program {
			continue
		}
		greeting, err := run(ctx, nil, candidate.program, "-v")
		if err == nil && strings.HasPrefix(greeting, candidate.greeting) {
			return engine{program: candidate.program, option: candidate.option(), run: run}, nil
		}
		if chosen != "" {
			return engine{}, fmt.Errorf("%s=%s, and `%s -v` does not answer as it should (%s): install it, or unset %s",
				EngineEnv, chosen, chosen, errorOr(err, greeting), EngineEnv)
		}
	}
	if chosen != "" {
		return engine{}, fmt.Errorf("%s=%s: no such engine; take docker, nerdctl, finch or podman, or unset it", EngineEnv, chosen)
	}
	return engine{}, errors.New("no container engine: neither docker, nerdctl nor podman is on PATH. " +
		"Install Docker Engine, https://docs.docker.com/engine/install/, and run the command again")
}

func errorOr(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", strings.TrimSpace(text))
}

// CheckEngine says what to do about a container engine that is not there or
// does not work; nil when clusters can be made on it.
func CheckEngine(ctx context.Context) error {
	engine, err := detectEngine(ctx, os.Getenv(EngineEnv), runProgram)
	if err != nil {
		return err
	}
	return engine.check(ctx)
}

// check says what to do about an engine that does not work.
func (e engine) check(ctx context.Context) error {
	_, err := e.do(ctx, "info")
	if err == nil {
		return nil
	}
	return explainEngine(e.program, os.Getenv("DOCKER_HOST"), err)
}

// explainEngine turns what `PROGRAM info` has said into the next step.
func explainEngine(program, host string, err error) error {
	text := strings.ToLower(err.Error())
	where := ""
	if program == "docker" && host != "" {
		where = " at DOCKER_HOST=" + host
	}
	switch {
	case strings.Contains(text, "permission denied"):
		return fmt.Errorf("%s is there%s, and this user has no permission to use it: run `sudo usermod -aG docker $USER` "+
			"and log in again, or use rootless mode (https://docs.docker.com/engine/security/rootless/): %w", program, where, err)
	case strings.Contains(text, "cannot connect"), strings.Contains(text, "is the docker daemon running"),
		strings.Contains(text, "connection refused"), strings.Contains(text, "no such file or directory"):
		return fmt.Errorf("%s is installed and not running%s: start it with `sudo systemctl start docker`, or Docker Desktop, "+
			"`podman machine start` or the like: %w", program, where, err)
	default:
		return fmt.Errorf("%s does not work%s; `%s info` must succeed first: %w", program, where, program, err)
	}
}

// do runs the engine's command line.
func (e engine) do(ctx context.Context, args ...string) (string, error) {
	return e.run(ctx, nil, e.program, args...)
}

// lines runs the engine's command line and splits what it prints.
func (e engine) lines(ctx context.Context, args ...string) ([]string, error) {
	output, err := e.do(ctx, args...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(output, func(r rune) bool { return r == '\n' }), nil
}

// runProgram is the runFunc of real programs.
func runProgram(ctx context.Context, stdin io.Reader, program string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Stdin, command.Stdout, command.Stderr = stdin, &stdout, &stderr
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if said := strings.TrimSpace(stderr.String()); said != "" {
			return "", fmt.Errorf("%s %s: %w: %s", program, args[0], err, said)
		}
		return "", fmt.Errorf("%s %s: %w", program, args[0], err)
	}
	return stdout.String(), nil
}
