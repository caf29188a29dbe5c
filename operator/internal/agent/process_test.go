package agent

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// supervised runs script below the agent as a process of its own.
func supervised(t *testing.T, how, script string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(filepath.Join(testRoot(t), "bin/gopherlocks-agent"), how, "/bin/sh", "-c", script)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, bufio.NewReader(out)
}

func exitCode(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestPlainEndsWithItsCommand(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0": 0, "exit 7": 7,
		"exit 255": agentapi.ExitCommand, "kill -KILL $$": agentapi.ExitCommand, "kill -TERM $$": agentapi.ExitCommand,
	} {
		cmd, _ := supervised(t, "plain", script)
		if got := exitCode(t, cmd); got != want {
			t.Errorf("%s: exit code %d, want %d", script, got, want)
		}
	}
}

func TestPlainStoppedFromOutsideNeverSucceeds(t *testing.T) {
	cmd, out := supervised(t, "plain", `trap 'echo stopped; exit 0' TERM; echo up; while :; do sleep 0.01; done`)
	wantLine(t, out, "up")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	wantLine(t, out, "stopped")
	if got := exitCode(t, cmd); got != agentapi.ExitStopped {
		t.Errorf("exit code %d, want %d", got, agentapi.ExitStopped)
	}
}

// TestSignalBeforeTheCommandReachesIt: a pod may be stopped while its broker is being
// started.
func TestSignalBeforeTheCommandReachesIt(t *testing.T) {
	signals := make(chan os.Signal, 64)
	signals <- syscall.SIGTERM
	signal.Notify(signals, syscall.SIGCHLD)
	defer signal.Stop(signals)
	status, stopped, err := superviseBy(signals, []string{"/bin/sleep", "60"}, supervision{ignore: []os.Signal{syscall.SIGTERM}})
	if err != nil || !stopped || status.Signal() != syscall.SIGTERM {
		t.Errorf("%s, stopped %v, %v; want the command ended by SIGTERM", statusText(status), stopped, err)
	}
}

func TestPlainForwardsOtherSignals(t *testing.T) {
	cmd, out := supervised(t, "plain", `trap 'echo reloaded; exit 0' HUP; echo up; while :; do sleep 0.01; done`)
	wantLine(t, out, "up")
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	wantLine(t, out, "reloaded")
	if got := exitCode(t, cmd); got != 0 {
		t.Errorf("exit code %d, want 0", got)
	}
}

// TestOrphansAreReaped has the command see its orphan vanish from the table of
// processes: a zombie would stay there.
func TestOrphansAreReaped(t *testing.T) {
	cmd, out := supervised(t, "reaping",
		`orphan=$(sh -c 'sleep 0.05 >/dev/null & echo $!'); while kill -0 $orphan 2>/dev/null; do sleep 0.01; done; echo gone; exit 3`)
	wantLine(t, out, "gone")
	if got := exitCode(t, cmd); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
}

func wantLine(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	line, err := out.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) || strings.TrimSpace(line) != want {
		t.Fatalf("line %q, %v, want %q", line, err, want)
	}
}

func TestReadinessIsTheBrokersLivenessTheAgents(t *testing.T) {
	h := newHealth()
	get := func(path string) int {
		answer := httptest.NewRecorder()
		h.server.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Code
	}
	for _, ready := range []bool{false, true, false} {
		h.setReady(ready)
		want := http.StatusServiceUnavailable
		if ready {
			want = http.StatusOK
		}
		if got := get("/readyz"); got != want {
			t.Errorf("ready %v: /readyz answers %d, want %d", ready, got, want)
		}
		if got := get("/healthz"); got != http.StatusOK {
			t.Errorf("ready %v: /healthz answers %d", ready, got)
		}
	}
}

func TestReadConfigNamesWhatIsWrong(t *testing.T) {
	good := agentapi.Config{Name: "x", Hosts: "x-[0-3]", Ceiling: 4, Mode: agentapi.ModeSubmit, BrokerConfig: "a=1"}
	for name, test := range map[string]struct {
		change func(*agentapi.Config)
		rank   string
		want   string // part of the error; empty: none
	}{
		"good":           {func(*agentapi.Config) {}, "3", ""},
		"rank too large": {func(*agentapi.Config) {}, "4", `GOPHERLOCKS_RANK: "4" must be a rank from 0 to 3`},
		"no rank":        {func(*agentapi.Config) {}, "", "GOPHERLOCKS_RANK"},
		"mode":           {func(c *agentapi.Config) { c.Mode = "x" }, "0", `mode "x" must be one of`},
		"size":           {func(c *agentapi.Config) { c.Ceiling = 0 }, "0", "ceiling 0 must be at least 1"},
		"broker config":  {func(c *agentapi.Config) { c.BrokerConfig = "" }, "0", "brokerConfig must not be empty"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			test.change(&cfg)
			text, err := json.Marshal(cfg)
			must(t, err)
			_, _, err = readConfig(func(v string) string {
				return map[string]string{agentapi.ConfigVariable: string(text), agentapi.RankVariable: test.rank}[v]
			})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestUnknownArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"x"}, {"install"}, {"plain", "--"}, {"plain", "x", "y"}, {"rank", "1"}} {
		if code, err := dispatch(args); code != exitUsage || err == nil {
			t.Errorf("%q: code %d, error %v", args, code, err)
		}
	}
}

func TestCrashedFollowerIsReplacedAndNeverComplete(t *testing.T) {
	for code, want := range map[int]int{0: 75, 2: 75, 69: 69, 75: 75, 137: 137, 139: 75, 143: 143} {
		if got := rankExitCode(code, false); got != want {
			t.Errorf("follower: code %d becomes %d, want %d", code, got, want)
		}
		if got := rankExitCode(code, true); got != code {
			t.Errorf("lead: code %d becomes %d", code, got)
		}
	}
}
