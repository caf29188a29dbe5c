package build

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func direct(c api.Container, strict bool) []string {
	return directCommand(c, surroundings{strict: strict, variables: []string{"PORT"}})
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
	equal(t, "words", direct(api.Container{Command: `serve "a b" $(PORT)`}, false), []string{"serve", "a b", "$(PORT)"})
	if words := direct(api.Container{}, false); words != nil {
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
			mustPrint(t, start(t, direct(api.Container{Command: c.command, Commands: c.commands}, c.strict)), c.out, c.code)
		})
	}
}

// mustPrint runs the command, which must end with this output and exit code.
func mustPrint(t *testing.T, command *exec.Cmd, out string, code int) {
	t.Helper()
	printed, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if command.ProcessState.ExitCode() != code {
		t.Errorf("exit code %d, want %d: %v", command.ProcessState.ExitCode(), code, err)
	}
	equal(t, "output", string(printed), out)
}

// TestPostRunsAfterACommandThatIsStopped: the shell must hand the signal on and
// wait for the command, which takes its time.
func TestPostRunsAfterACommandThatIsStopped(t *testing.T) {
	c := api.Container{
		Command:  `sh -c 'trap "echo stopping; exit 5" TERM; echo ready; while :; do sleep 0.01; done'`,
		Commands: api.Commands{Post: "echo post"},
	}
	command := start(t, direct(c, false))
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

// TestShellRunsWhatNeedsOne, with what the lines before have set, and the command's
// code.
func TestShellRunsWhatNeedsOne(t *testing.T) {
	for _, c := range []struct {
		what      string
		container api.Container
		out       string
		code      int
	}{
		{"a pipe", api.Container{Command: "echo a | tr a b"}, "b\n", 0},
		{"lines", api.Container{Command: "a=1\necho $a\nexit 3\n"}, "1\n", 3},
		{"a word of the shell's", api.Container{Command: "exec echo x"}, "x\n", 0},
		{"a command's output", api.Container{Command: "echo $(printf y)"}, "y\n", 0},
		{"what the lines have set", api.Container{Command: "cd .. && f", Commands: api.Commands{Pre: "f() { pwd; echo $a; }; a=2; cd /usr/bin", Post: "echo post"}}, "/usr\n2\npost\n", 0},
		{"what only bash knows", api.Container{Command: `[[ a == a* ]] && echo bash`}, "bash\n", 0},
		{"no command, but post", api.Container{Commands: api.Commands{Init: "a=3", Post: "echo $a; exit 4"}}, "3\n", 4},
		{"no command, but pre", api.Container{Commands: api.Commands{Pre: "echo pre"}}, "pre\n", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			mustPrint(t, start(t, direct(c.container, false)), c.out, c.code)
		})
	}
}

// TestVariablesOfKubernetesAreNoCommands: $(NAME) is a variable where one is known.
func TestVariablesOfKubernetesAreNoCommands(t *testing.T) {
	c := api.Container{Command: "serve $(PORT) $(A) $(B)", Environment: map[string]string{"A": "1"}, Secrets: map[string]api.SecretKey{"B": {}}}
	equal(t, "words", direct(c, false), []string{"serve", "$(PORT)", "$(A)", "$(B)"})
}

func TestNoShellReadsACommandOfTheImagesEntrypoint(t *testing.T) {
	c := api.Container{Command: "--pid $$ > x", NoWrapEntrypoint: true, Commands: api.Commands{Post: "echo post"}}
	equal(t, "words", direct(c, false), []string{"--pid", "$$$$", ">", "x"})
}

// TestContainersBesideFluxFindIt: the view and the socket, once the broker is up.
func TestContainersBesideFluxFindIt(t *testing.T) {
	folder := t.TempDir()
	for _, sub := range []string{"view/bin", "software"} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "view/bin/flux"), []byte("#!/bin/sh\necho flux \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	around := surroundings{flux: &besideFlux{folder, folder, true}}
	words := directCommand(api.Container{Command: "flux proxy ${fluxsocket} $viewroot", Commands: api.Commands{Pre: "pre"}}, around)
	script := strings.ReplaceAll(words[4], "$$", "$")
	wait := "until [ -S '" + folder + "/config/run/flux/local' ]; do sleep 1; done"
	if !strings.Contains(script, "\npre\n"+wait+"\n") {
		t.Errorf("the script does not wait for the broker:\n%s", script)
	}
	// There is no broker here, and /opt is not the test's.
	script = strings.NewReplacer(wait, "true", "\npre\n", "\n", "/opt/", folder+"/opt-").Replace(script)
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	equal(t, "output", string(out), "flux proxy local://"+folder+"/config/run/flux/local "+folder+"/view\n")
	if link, err := os.Readlink(folder + "/opt-software"); err != nil || link != folder+"/software" {
		t.Errorf("link to %q, %v", link, err)
	}
	if words = directCommand(api.Container{Command: "serve --port 80"}, around); len(words) != 3 {
		t.Errorf("a command that needs no shell becomes %q", words)
	}
	for _, without := range []*besideFlux{{mount: folder}, {awaited: true}} {
		script := directCommand(api.Container{Command: "a; b"}, surroundings{flux: without})[4]
		if strings.Contains(script, "/opt") || strings.Contains(script, "until") {
			t.Errorf("without a view and a wait:\n%s", script)
		}
	}
}
