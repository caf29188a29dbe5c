package build

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func direct(t *testing.T, c api.Container, strict bool) []string {
	t.Helper()
	words, err := directCommand("services[0]", c, strict)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

// start runs words as Kubernetes would, which makes $ of $$.
func start(t *testing.T, words []string) *exec.Cmd {
	t.Helper()
	for i, word := range words {
		words[i] = strings.ReplaceAll(word, "$$", "$")
	}
	command := exec.CommandContext(t.Context(), words[0], words[1:]...)
	command.Env = []string{"PATH=/usr/bin:/bin"}
	return command
}

func TestCommandAloneNeedsNoShell(t *testing.T) {
	equal(t, "words", direct(t, api.Container{Command: `serve "a b" $(PORT)`}, false), []string{"serve", "a b", "$(PORT)"})
	if words := direct(t, api.Container{}, false); words != nil {
		t.Errorf("no command becomes %q", words)
	}
}

func TestLinesRunAroundTheCommand(t *testing.T) {
	around := api.Commands{Init: "echo init", Pre: "export A=1; echo pre", ServicePre: "echo service", Post: "echo post"}
	for _, c := range []struct {
		what     string
		commands api.Commands
		command  string
		strict   bool
		out      string
		code     int
	}{
		{"in order, with the command's code", around, `sh -c 'echo "command $A $1"; exit 3' sh 'a  b'`, false, "init\npre\nservice\ncommand 1 a  b\npost\n", 3},
		{"without post", api.Commands{Pre: "echo pre"}, "sh -c 'exit 4'", false, "pre\n", 4},
		{"a line that fails", api.Commands{Pre: "false", Post: "echo post"}, "echo command", false, "command\npost\n", 0},
		{"a line that fails, strict", api.Commands{Pre: "false", Post: "echo post"}, "echo command", true, "", 1},
		{"a command that fails, strict", api.Commands{Pre: "true", Post: "echo post"}, "false", true, "post\n", 1},
		{"a shell's own dollars", api.Commands{Pre: `a=$(echo x); echo "$a" $#`}, "true", false, "x 1\n", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			command := start(t, direct(t, api.Container{Command: c.command, Commands: c.commands}, c.strict))
			out, err := command.Output()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if command.ProcessState.ExitCode() != c.code {
				t.Errorf("exit code %d, want %d: %v", command.ProcessState.ExitCode(), c.code, err)
			}
			equal(t, "output", string(out), c.out)
		})
	}
}

// TestPostRunsAfterACommandThatIsStopped: the shell must hand the signal on and
// wait for the command, which takes its time.
func TestPostRunsAfterACommandThatIsStopped(t *testing.T) {
	c := api.Container{
		Command:  `sh -c 'trap "echo stopping; exit 5" TERM; echo ready; while :; do sleep 0.01; done'`,
		Commands: api.Commands{Post: "echo post"},
	}
	command := start(t, direct(t, c, false))
	out := &bytes.Buffer{}
	ready := make(chan struct{})
	command.Stdout = writer(func(p []byte) (int, error) {
		if out.Len() == 0 {
			close(ready)
		}
		return out.Write(p)
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	<-ready
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // its code is looked at
	if code := command.ProcessState.ExitCode(); code != 5 {
		t.Errorf("exit code %d, want the command's 5", code)
	}
	equal(t, "output", out.String(), "ready\nstopping\npost\n")
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestCommandThatCannotRunIsRefused(t *testing.T) {
	_, err := directCommand("containers[1]", api.Container{Command: "a | b"}, false)
	mustRefuse(t, err, "containers[1].command:", "'|'")
	_, err = directCommand("services[0]", api.Container{Commands: api.Commands{Post: "x"}}, false)
	mustRefuse(t, err, "services[0].command:", "need a command")
}
