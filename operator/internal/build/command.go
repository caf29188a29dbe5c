package build

import (
	"fmt"
	"strings"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/argv"
)

// directCommand returns the words of a container's command that no instance of
// Flux runs: the command itself, or a shell that runs it between the lines of
// commands. There are none without a command. path names the container.
func directCommand(path string, c api.Container, strict bool) ([]string, error) {
	words, err := argv.Split(c.Command)
	if err != nil {
		return nil, fmt.Errorf("%s.command: %w", path, err)
	}
	var before []string
	for _, line := range []string{c.Commands.Init, c.Commands.Pre, c.Commands.ServicePre} {
		if line != "" {
			before = append(before, line)
		}
	}
	after := c.Commands.Post
	if len(before) == 0 && after == "" {
		return words, nil
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s.command: commands of the container are set, which need a command that they run around", path)
	}
	// Kubernetes replaces $(NAME) and $$ in a container's command. In the script
	// they are the shell's, so that dollar signs are doubled; the words of the
	// command are as Kubernetes wants them.
	script := strings.ReplaceAll(shellScript(before, after, strict), "$", "$$")
	return append([]string{"/bin/sh", "-c", script, "sh"}, words...), nil
}

// shellScript returns a script that runs its arguments as a command between
// before and after.
func shellScript(before []string, after string, strict bool) string {
	var lines []string
	if strict && len(before) > 0 {
		lines = append(lines, "set -e")
	}
	lines = append(lines, before...)
	if after == "" {
		return strings.Join(append(lines, `exec "$@"`), "\n")
	}
	// The shell must outlive the command. It may be process 1, which only the
	// signals that it traps can stop: it hands them on, also one that came before it
	// knew the command's number, and waits again, since a signal ends "wait" before
	// the command has ended.
	return strings.Join(append(lines,
		`set +e`,
		`command= stopped=`,
		`trap 'stopped=1; [ -z "$command" ] || kill -TERM "$command"' TERM INT`,
		`"$@" &`,
		`command=$!`,
		`[ -z "$stopped" ] || kill -TERM "$command"`,
		`wait "$command"`,
		`code=$?`,
		`while kill -0 "$command" 2>/dev/null; do wait "$command"; code=$?; done`,
		after,
		`exit "$code"`), "\n")
}
