package agent

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxcli"
	"github.com/gopherlocks/gopherlocks/operator/internal/podstandin"
)

const secretKey = "secret-key-that-nobody-may-see"

// life is a rank that runs in this process, with real processes below it.
type life struct {
	t              *testing.T
	root           string
	stops          chan os.Signal
	stdout, stderr podstandin.Output
	code           chan int
}

func testRoot(t *testing.T) string {
	root := t.TempDir()
	for _, folder := range []string{"bin", "secret", "instance", "opt"} {
		must(t, os.Mkdir(filepath.Join(root, folder), 0o755))
	}
	self, err := os.Executable()
	must(t, err)
	for _, name := range []string{"flux", "gopherlocks-agent"} {
		must(t, os.Symlink(self, filepath.Join(root, "bin", name)))
	}
	c, err := credentials.Derive(make([]byte, credentials.KeySize), credentials.MiniCluster{Name: "sample", UID: root, Created: time.Now()})
	must(t, err)
	for name, text := range map[string]string{
		"curve.cert": secretKey, "token": c.Token, "tls.crt": string(c.CertPEM), "tls.key": string(c.KeyPEM),
	} {
		must(t, os.WriteFile(filepath.Join(root, "secret", name), []byte(text), 0o400))
	}
	t.Setenv(rootVariable, root)
	t.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	return root
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// launch starts a rank with the configuration that change makes.
func launch(t *testing.T, root string, number int32, change func(*agentapi.Config)) *life {
	t.Helper()
	cfg := agentapi.Config{
		Name: "x", Hosts: "x-[0-3]", Ceiling: 4, Mode: agentapi.ModeSubmit,
		BrokerConfig: "[resource]\n", LogLevel: 6, Cores: 1, GraceSeconds: 30,
	}
	change(&cfg)
	text, err := json.Marshal(cfg)
	must(t, err)
	t.Setenv(agentapi.ConfigVariable, string(text))
	t.Setenv(agentapi.RankVariable, strconv.Itoa(int(number)))
	l := &life{t: t, root: root, stops: make(chan os.Signal), code: make(chan int, 1)}
	r := newRank(cfg, number, testPaths(root), &l.stdout, &l.stderr)
	go func() { l.code <- r.run(l.stops) }()
	return l
}

// wait returns the exit code and the termination message.
func (l *life) wait() (int, agentapi.Termination) {
	l.t.Helper()
	select {
	case code := <-l.code:
		var end agentapi.Termination
		text, err := os.ReadFile(filepath.Join(l.root, "termination"))
		must(l.t, err)
		must(l.t, json.Unmarshal(text, &end))
		for _, said := range []string{l.stdout.String(), l.stderr.String(), string(text)} {
			for _, name := range []string{"curve.cert", "token", "tls.key"} {
				secret, err := os.ReadFile(filepath.Join(l.root, "secret", name))
				must(l.t, err)
				if strings.Contains(said, strings.TrimSpace(string(secret))) {
					l.t.Errorf("%s was printed", name)
				}
			}
		}
		return code, end
	case <-time.After(20 * time.Second):
		l.t.Fatalf("the rank does not end; stderr:\n%s", l.stderr.String())
	}
	panic("not reached")
}

// until waits for condition.
func (l *life) until(what string, condition func() bool) {
	l.t.Helper()
	for end := time.Now().Add(15 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("no %s; stderr:\n%s", what, l.stderr.String())
		}
	}
}

func (l *life) untilUp() {
	l.t.Helper()
	l.until("joining", func() bool { return strings.Contains(l.stderr.String(), "is up") })
}

func TestLeadEndsWithItsCommand(t *testing.T) {
	for command, want := range map[string]struct {
		exit int
		code int32
	}{
		"echo 'hello  world'": {0, 0},
		"sh -c 'exit 3'":      {3, 3},
		"sh -c 'exit 137'":    {agentapi.ExitCommand, 137},
		"sh -c 'kill -9 $$'":  {agentapi.ExitCommand, 137},
	} {
		t.Run(command, func(t *testing.T) {
			l := launch(t, testRoot(t), 0, func(c *agentapi.Config) { c.Command = command })
			exit, end := l.wait()
			if exit != want.exit || end.Command == nil || end.Command.ExitCode != want.code {
				t.Errorf("exit code %d with %+v, want %d with %d; stderr:\n%s", exit, end.Command, want.exit, want.code, l.stderr.String())
			}
			if strings.Contains(command, "hello") && l.stdout.String() != "hello  world\n" {
				t.Errorf("stdout %q", l.stdout.String())
			}
		})
	}
}

func TestLeadWritesWhatItsBrokerReads(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 0, func(c *agentapi.Config) {
		c.Command, c.Timed, c.Cores, c.StateDir = "true", true, 3, filepath.Join(root, "state")
	})
	if exit, _ := l.wait(); exit != 0 {
		t.Fatalf("exit code %d", exit)
	}
	r, err := os.ReadFile(filepath.Join(root, "flux/R"))
	must(t, err)
	if text := string(r); !strings.Contains(text, `"core":"0-2"`) || !strings.Contains(text, "x-[0-3]") {
		t.Errorf("R is %s", r)
	}
	curve, err := os.Stat(filepath.Join(root, "flux/curve.cert"))
	must(t, err)
	if curve.Mode().Perm() != 0o600 {
		t.Errorf("mode of the certificate is %v", curve.Mode())
	}
	if !exists(filepath.Join(root, "state")) {
		t.Error("the state folder was not made; the broker would remove its own")
	}
	if !strings.Contains(l.stderr.String(), "real 0.") {
		t.Errorf("no time in %s", l.stderr.String())
	}
}

func TestQuietPrintsTheCommandsOutputOnly(t *testing.T) {
	l := launch(t, testRoot(t), 0, func(c *agentapi.Config) {
		c.Quiet, c.Pre, c.Post, c.Command = true, "echo pre; echo pre >&2; false", "echo post", "echo hello"
	})
	if exit, _ := l.wait(); exit != 0 || l.stdout.String() != "hello\npost\n" || l.stderr.String() != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q", exit, l.stdout.String(), l.stderr.String())
	}
}

// TestQuietFollowerPrintsNothing: not even what its broker says of itself, such as
// that it was stopped because the command has ended on the lead before it joined.
func TestQuietFollowerPrintsNothing(t *testing.T) {
	l := launch(t, testRoot(t), 1, func(c *agentapi.Config) {
		c.Quiet, c.Wrap = true, `sh,-c,echo early; echo early >&2; exec "$@",sh`
	})
	l.until("broker", func() bool { return readInstance("pid") != "" })
	l.stops <- syscall.SIGTERM
	if exit, _ := l.wait(); exit != agentapi.ExitStopped || l.stdout.String() != "" || l.stderr.String() != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q", exit, l.stdout.String(), l.stderr.String())
	}
}

func TestLeadStoppedFromOutsideIsNoEndedCommand(t *testing.T) {
	for _, mode := range []agentapi.Mode{agentapi.ModeInteractive, agentapi.ModeLauncher} {
		t.Run(string(mode), func(t *testing.T) {
			root := testRoot(t)
			l := launch(t, root, 0, func(c *agentapi.Config) {
				c.Mode, c.Post = mode, "echo post"
				if mode == agentapi.ModeLauncher {
					c.Command = "sleep 1000"
				}
			})
			l.untilUp()
			l.stops <- syscall.SIGTERM
			if exit, end := l.wait(); exit != agentapi.ExitStopped || end.Command != nil {
				t.Errorf("exit code %d, termination %+v", exit, end)
			}
			if l.stdout.String() != "post\n" {
				t.Errorf("commands.post printed %q", l.stdout.String())
			}
		})
	}
}

func TestFollowerComesBackWhenTheLeadWasGone(t *testing.T) {
	l := launch(t, testRoot(t), 2, func(*agentapi.Config) {})
	l.untilUp()
	first := readInstance("pid")
	pid, err := strconv.Atoi(first)
	must(t, err)
	must(t, syscall.Kill(pid, syscall.SIGUSR1))
	l.until("second broker", func() bool { return readInstance("pid") != first })
	l.until("second joining", func() bool { return strings.Count(l.stderr.String(), "is up") == 2 })
	l.stops <- syscall.SIGTERM
	if exit, _ := l.wait(); exit != agentapi.ExitStopped {
		t.Errorf("exit code %d", exit)
	}
}

func TestFollowerDrainsAndWaitsForItsJobs(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 1, func(c *agentapi.Config) { c.Post = "echo post" })
	l.untilUp()
	writeInstance("allocated", "0-1")
	l.stops <- syscall.SIGTERM
	l.until("drain", func() bool { return readInstance("drained") == "drained=1 gopherlocks: pod is being stopped" })
	if left := readInstance("left"); left != "" {
		t.Error("the broker has left while its job ran")
	}
	writeInstance("allocated", "0")
	exit, end := l.wait()
	if exit != agentapi.ExitStopped || end.Message == "" {
		t.Errorf("exit code %d, termination %+v", exit, end)
	}
	if left := readInstance("left"); !strings.Contains(left, "gopherlocks:") {
		t.Errorf("the broker left %q", left)
	}
	if l.stdout.String() != "post\n" {
		t.Errorf("commands.post printed %q", l.stdout.String())
	}
}

func TestSecondSIGTERMEndsTheWaitForJobs(t *testing.T) {
	l := launch(t, testRoot(t), 1, func(*agentapi.Config) {})
	l.untilUp()
	writeInstance("allocated", "1")
	l.stops <- syscall.SIGTERM
	l.until("drain", func() bool { return readInstance("drained") != "" })
	l.stops <- syscall.SIGTERM
	if exit, _ := l.wait(); exit != agentapi.ExitStopped || readInstance("left") == "" {
		t.Errorf("exit code %d, the broker left %q", exit, readInstance("left"))
	}
}

func TestFollowerIsKilledBeforeItsTimeIsOver(t *testing.T) {
	l := launch(t, testRoot(t), 1, func(c *agentapi.Config) {
		c.GraceSeconds = 4
		c.Prefix = `sh -c 'trap "" TERM; "$@" & while :; do sleep 1; done' sh`
	})
	l.untilUp()
	begin := time.Now()
	l.stops <- syscall.SIGTERM
	if exit, _ := l.wait(); exit != agentapi.ExitStopped || time.Since(begin) > 4*time.Second {
		t.Errorf("exit code %d after %v", exit, time.Since(begin))
	}
}

func TestReturningRankIsUndrained(t *testing.T) {
	root := testRoot(t)
	writeInstance("drained", "drained=1 gopherlocks: scaling down")
	l := launch(t, root, 1, func(*agentapi.Config) {})
	l.until("undraining", func() bool { return readInstance("drained") == "" })
	l.stops <- syscall.SIGTERM
	l.wait()
}

func TestStrictEndsTheRankWhenACommandFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		number int32
		change func(*agentapi.Config)
		exit   int
		starts int
	}{
		{"lead", 0, func(c *agentapi.Config) { c.Strict, c.BrokerPre = true, "exit 5" }, 5, 0},
		{"follower", 1, func(c *agentapi.Config) { c.Strict, c.WorkerPre = true, "exit 5" }, agentapi.ExitTryAgain, 0},
		{"other rank's command", 0, func(c *agentapi.Config) { c.Strict, c.WorkerPre = true, "exit 5" }, 0, 1},
		{"not strict", 0, func(c *agentapi.Config) { c.Init = "exit 5" }, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := launch(t, testRoot(t), test.number, func(c *agentapi.Config) {
				c.Command, c.Post = "true", "echo post"
				test.change(c)
			})
			exit, end := l.wait()
			if exit != test.exit || strings.Count(readInstance("starts"), "\n") != test.starts {
				t.Errorf("exit code %d (%+v), want %d; brokers started:\n%s", exit, end, test.exit, readInstance("starts"))
			}
			if l.stdout.String() != "post\n" {
				t.Errorf("commands.post printed %q", l.stdout.String())
			}
		})
	}
}

func TestStopInterruptsACommandAndPostStillRuns(t *testing.T) {
	l := launch(t, testRoot(t), 1, func(c *agentapi.Config) {
		c.Init, c.Pre, c.Post = "echo init; exec sleep 1000", "echo pre", "echo post"
	})
	l.until("init", func() bool { return l.stdout.String() != "" })
	l.stops <- syscall.SIGTERM
	if exit, _ := l.wait(); exit != agentapi.ExitStopped || l.stdout.String() != "init\npost\n" {
		t.Errorf("exit code %d, stdout %q", exit, l.stdout.String())
	}
}

func TestUnusableRankSaysWhy(t *testing.T) {
	t.Run("no flux", func(t *testing.T) {
		root := testRoot(t)
		must(t, os.Remove(filepath.Join(root, "bin/flux")))
		t.Setenv("PATH", filepath.Join(root, "bin"))
		exit, end := launch(t, root, 1, func(*agentapi.Config) {}).wait()
		if exit != agentapi.ExitUnusable || !strings.Contains(end.Message, filepath.Join(root, "bin")) {
			t.Errorf("exit code %d, %+v", exit, end)
		}
	})
	t.Run("configuration refused", func(t *testing.T) {
		exit, end := launch(t, testRoot(t), 1, func(c *agentapi.Config) { c.BrokerConfig = refusedTOML }).wait()
		if exit != agentapi.ExitUnusable || !strings.Contains(end.Message, "invalid TOML") {
			t.Errorf("exit code %d, %+v", exit, end)
		}
	})
}

// What another try may mend must not end with ExitUnusable, which ends the Job.
func TestOnlyWhatLastsMakesARankUnusable(t *testing.T) {
	root := testRoot(t)
	program := filepath.Join(root, "bin", "flux")
	version := func(ctx context.Context, script string) error {
		must(t, os.Remove(program))
		must(t, os.WriteFile(program, []byte(script), 0o700))
		_, err := fluxcli.CheckVersion(ctx, program, os.Environ())
		return err
	}
	slow, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, failure := range map[string]struct {
		err  error
		want bool
	}{
		"too slow":         {version(slow, "#!/bin/sh\nexec sleep 60\n"), false},
		"killed":           {version(t.Context(), "#!/bin/sh\nkill -KILL $$\n"), false},
		"no processes":     {&fluxcli.CommandError{Err: &os.SyscallError{Syscall: "fork", Err: syscall.EAGAIN}}, false},
		"file server":      {&os.PathError{Op: "stat", Path: "/opt/view", Err: syscall.ESTALE}, false},
		"broken":           {version(t.Context(), "#!/bin/sh\nexit 1\n"), true},
		"no program":       {version(t.Context(), "#!/no/such/shell\n"), true},
		"too old":          {version(t.Context(), "#!/bin/sh\necho 'commands: 0.30.0'\n"), true},
		"not understood":   {version(t.Context(), "#!/bin/sh\necho hello\n"), true},
		"read-only folder": {&os.LinkError{Op: "symlink", Err: syscall.EROFS}, true},
	} {
		if failure.err == nil {
			t.Errorf("%s: no error", name)
		} else if got := lasts(failure.err); got != failure.want {
			t.Errorf("%s: lasts(%v) = %v, want %v", name, failure.err, got, failure.want)
		}
	}
}
