package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// needBash is for lines that only bash understands.
func needBash(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash on this machine")
	}
}

// TestCommandsAreOneScript: what lines leave is there for all that comes after them.
func TestCommandsAreOneScript(t *testing.T) {
	needBash(t)
	root := testRoot(t)
	l := launch(t, root, 0, func(c *agentapi.Config) {
		c.Mode, c.Quiet = agentapi.ModeLauncher, true
		c.Init = "level=gold; cd " + root + "/opt; umask 027; ulimit -n 77"
		c.Pre = "export PATH=" + root + "/opt:$PATH\ngreet() { echo \"hello $1 from $(pwd)\"; }\ntwo='a  b\nc'"
		c.BrokerPre = `level="$level and silver"`
		c.Command = `greet "$level"; umask; ulimit -n; echo "$two"; echo "${PATH%%:*}"; [[ -d / ]] && echo bash`
		c.Post = `echo "after $level in $(pwd)"`
	})
	if exit, _ := l.wait(); exit != 0 {
		t.Fatalf("exit code %d", exit)
	}
	opt := filepath.Join(root, "opt")
	want := "hello gold and silver from " + opt + "\n0027\n77\na  b\nc\n" + opt + "\nbash\nafter gold and silver in " + opt + "\n"
	if got := l.stdout.String(); got != want {
		t.Errorf("the command printed\n%s\nwant\n%s\nstderr %s", got, want, l.stderr.String())
	}
}

// TestLinesThatEndTheShellLeaveTheirState: by exit, or because a command fails under
// "set -e".
func TestLinesThatEndTheShellLeaveTheirState(t *testing.T) {
	for name, lines := range map[string]string{
		"exit":             "level=gold; exit 3",
		"a failure":        "set -e; level=gold; false; level=lead",
		"a trap of theirs": "level=gold; trap 'echo bye' EXIT",
		"a backslash":      "level=gold \\",
		"a comment":        "level=gold # for all",
	} {
		t.Run(name, func(t *testing.T) {
			l := launch(t, testRoot(t), 0, func(c *agentapi.Config) {
				c.Pre, c.Mode, c.Command = lines, agentapi.ModeLauncher, `echo "level $level"`
			})
			if exit, _ := l.wait(); exit != 0 || !strings.Contains(l.stdout.String(), "level gold\n") {
				t.Errorf("exit code %d, stdout %q, stderr %s", exit, l.stdout.String(), l.stderr.String())
			}
		})
	}
}

// TestLinesThatNoShellUnderstandsLeaveWhatWas: the rank goes on, and says so.
func TestLinesThatNoShellUnderstandsLeaveWhatWas(t *testing.T) {
	l := launch(t, testRoot(t), 0, func(c *agentapi.Config) {
		c.Init, c.Pre = "level=gold", "if"
		c.Mode, c.Command = agentapi.ModeLauncher, `echo "level $level"`
	})
	if exit, _ := l.wait(); exit != 0 || l.stdout.String() != "level gold\n" || !strings.Contains(l.stderr.String(), "commands.pre failed with exit code 2") {
		t.Errorf("exit code %d, stdout %q, stderr %s", exit, l.stdout.String(), l.stderr.String())
	}
}

func TestStrictEndsAtTheFirstFailure(t *testing.T) {
	needBash(t)
	for _, lines := range []string{"false; true", "false | true", "echo $unset; true"} {
		l := launch(t, testRoot(t), 0, func(c *agentapi.Config) { c.Strict, c.Pre, c.Command = true, lines, "true" })
		if exit, end := l.wait(); exit == 0 || !strings.Contains(end.Message, "commands.pre failed") {
			t.Errorf("%s: exit code %d, %+v", lines, exit, end)
		}
	}
}

// TestWithoutBashLinesRunInSh: then functions cannot be handed on, but all else is.
func TestWithoutBashLinesRunInSh(t *testing.T) {
	root := testRoot(t)
	for _, name := range []string{"sh", "env", "cat", "chmod"} {
		program, err := exec.LookPath(name)
		must(t, err)
		must(t, os.Symlink(program, filepath.Join(root, "bin", name)))
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	l := launch(t, root, 0, func(c *agentapi.Config) {
		c.Mode, c.Pre, c.Command = agentapi.ModeLauncher, "level=gold; cd "+root+"/opt", `echo "$level in $(pwd)${BASH_VERSION}"`
	})
	if exit, _ := l.wait(); exit != 0 || l.stdout.String() != "gold in "+root+"/opt\n" {
		t.Errorf("exit code %d, stdout %q, stderr %s", exit, l.stdout.String(), l.stderr.String())
	}
}

// TestScriptIsTheCommand: variables in it are replaced when it is written, as the Flux
// Operator's users know.
func TestScriptIsTheCommand(t *testing.T) {
	l := launch(t, testRoot(t), 0, func(c *agentapi.Config) {
		c.Mode, c.Init = agentapi.ModeLauncher, "level=gold"
		c.Script = "for i in 1 2; do\n  echo \"$level \\$i\"\ndone\nexit 4"
	})
	if exit, _ := l.wait(); exit != 4 || l.stdout.String() != "gold 1\ngold 2\n" {
		t.Errorf("exit code %d, stdout %q, stderr %s", exit, l.stdout.String(), l.stderr.String())
	}
}
