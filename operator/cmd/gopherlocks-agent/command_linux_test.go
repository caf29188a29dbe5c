package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func TestLeadEndsWithItsCommandInEachMode(t *testing.T) {
	script := "echo one\nsh -c 'echo two; exit 3'\n"
	tests := []struct {
		name   string
		change func(*agentapi.Config)
		output string
		code   int
		told   int32 // in the termination message
	}{
		{"submit", func(c *agentapi.Config) {
			c.Mode, c.Command, c.Nodes, c.Tasks = agentapi.ModeSubmit, "echo 'hello  world'", 2, 2
		}, "hello  world\nhello  world\n", 0, 0},
		{"submit that fails", func(c *agentapi.Config) {
			c.Mode, c.Command, c.Tasks = agentapi.ModeSubmit, "sh -c 'echo out; exit 3'", 1
		}, "out\n", 3, 3},
		{"submit that ends with a code of ours", func(c *agentapi.Config) {
			c.Mode, c.Command, c.Tasks = agentapi.ModeSubmit, "sh -c 'exit 143'", 1
		}, "", agentapi.ExitCommand, 143},
		{"submit by flux run", func(c *agentapi.Config) {
			c.Mode, c.Command, c.Tasks, c.SubmitCommand = agentapi.ModeSubmit, "echo run", 1, "flux run"
		}, "run\n", 0, 0},
		{"launcher", func(c *agentapi.Config) {
			c.Mode, c.Command = agentapi.ModeLauncher, "flux run -N2 echo $((1+1)); exit 4"
		}, "2\n2\n", 4, 4},
		{"batch", func(c *agentapi.Config) {
			c.Mode, c.Command, c.Nodes, c.Tasks = agentapi.ModeBatch, script, 2, 2
		}, "one\ntwo\n", 3, 3},
		{"raw batch", func(c *agentapi.Config) {
			c.Mode, c.BatchRaw, c.Tasks, c.Command = agentapi.ModeBatch, true, 1, "#!/bin/sh\necho raw; exit 5"
		}, "raw\n", 5, 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := newMiniCluster(t, func(c *agentapi.Config) { c.Quiet = true; test.change(c) })
			m.start(1)
			lead := m.start(0)
			end := lead.wantCode(test.code)
			if end.Command == nil || end.Command.ExitCode != test.told {
				t.Errorf("termination message %q, want the code %d", lead.Termination(), test.told)
			}
			// Quiet: nothing but what the application prints, which of two jobs
			// comes in any order.
			if got := sorted(lead.Stdout()); got != sorted(test.output) {
				t.Errorf("stdout %q, want %q", got, test.output)
			}
			if got := lead.Stderr(); got != "" {
				t.Errorf("stderr %q, want nothing", got)
			}
		})
	}
}

func sorted(lines string) string {
	return strings.Join(slices.Sorted(strings.Lines(lines)), "")
}

func TestFollowersComeBackAfterTheCommandUntilTheyAreStopped(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) { c.Mode, c.Command, c.Tasks = agentapi.ModeSubmit, "true", 1 })
	follower := m.start(1)
	m.start(0).wantCode(0)
	// Its broker leaves with the lead. An exit with 0 would complete its index.
	follower.awaitSaid("starting the broker again", 1)
	follower.Stop()
	follower.wantCode(agentapi.ExitStopped)
}

func TestLoudRanksSayWhatTheyDo(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Tasks, c.Timed = agentapi.ModeSubmit, 1, true
		c.Pre, c.BrokerPre, c.Post = "echo pre", "echo brokerPre", "echo post"
	})
	// An instance that ends at once may be gone before the agent has seen it up.
	job := heldJob{file: m.shared + "/release"}
	m.config.Command = "sh -c 'until [ -e " + job.file + " ]; do sleep 0.05; done; echo hello'"
	lead := m.start(0)
	lead.awaitSaid("rank 0 is up", 1)
	m.release(job)
	lead.wantCode(0)
	if want := "pre\nbrokerPre\nhello\npost\n"; lead.Stdout() != want {
		t.Errorf("stdout %q, want %q", lead.Stdout(), want)
	}
	for _, want := range []string{"started the broker", "real "} {
		if !strings.Contains(lead.Stderr(), want) {
			t.Errorf("stderr does not say %q", want)
		}
	}
}

func TestBatchWritesTheOutputOfItsJobsToTheLogsFolder(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Tasks, c.Command = agentapi.ModeBatch, 1, "echo one\nsh -c 'echo two >&2'\n"
	})
	m.config.Logs = m.shared + "/logs"
	m.start(0).wantCode(0)
	for file, want := range map[string]string{"job-0.out": "one\n", "job-1.err": "two\n"} {
		if got := m.read(fmt.Sprintf("logs/%s", file)); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}

func TestQuietRanksPrintNothingWhenTheyAreStopped(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) { c.Quiet = true })
	ranks := m.startUp(2)
	if got := ranks[0].ask("run", "-N2", "echo", "ran"); got != "ran\nran" {
		t.Errorf("a job on both ranks printed %q", got)
	}
	for _, rank := range []*rank{ranks[1], ranks[0]} {
		rank.Stop()
		rank.wantCode(agentapi.ExitStopped)
		if said := rank.Stdout() + rank.Stderr(); said != "" {
			t.Errorf("rank %d has printed %q", rank.number, said)
		}
	}
}

func TestConfigurationThatFluxRefusesIsToldAndNotTriedAgain(t *testing.T) {
	for number := range 2 {
		m := newMiniCluster(t, func(*agentapi.Config) {})
		m.config.BrokerConfig = "refuse me"
		end := m.start(number).wantCode(agentapi.ExitUnusable)
		if !strings.Contains(end.Message, "flux refuses the brokers' configuration") || !strings.Contains(end.Message, "broker.toml") {
			t.Errorf("rank %d says %q", number, end.Message)
		}
	}
}

// TestDebuggingSaysMore is for what people switch on to find a fault.
func TestDebuggingSaysMore(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Command, c.Tasks, c.Debug, c.Zeromq = agentapi.ModeSubmit, "echo hello", 1, true, true
	})
	lead := m.start(0)
	lead.wantCode(0)
	if !strings.Contains(lead.Stdout(), "hello\n") {
		t.Errorf("stdout %q", lead.Stdout())
	}
}

func TestPrefixRunsAroundTheCommand(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Command, c.Prefix = agentapi.ModeLauncher, "sh -c 'echo prefix $OF_THE_PREFIX'", "env OF_THE_PREFIX=works"
		c.Quiet = true
	})
	lead := m.start(0)
	lead.wantCode(0)
	if got := lead.Stdout(); got != "prefix works\n" {
		t.Errorf("stdout %q", got)
	}
}

// TestJobsHaveWhatCommandsLeave: variables, PATH and folder, as if all were one script.
func TestJobsHaveWhatCommandsLeave(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Nodes, c.Tasks, c.Quiet = agentapi.ModeSubmit, 2, 2, true
		c.Init, c.Pre = "LEVEL=gold", "export PATH=/opt/site/bin:$PATH\ncd /var/tmp"
		c.Command = `sh -c 'echo "$LEVEL in $(pwd) with ${PATH%%:*}"'`
		c.Post = `echo "post $LEVEL in $(pwd)"`
	})
	m.start(1)
	lead := m.start(0)
	lead.wantCode(0)
	const each = "gold in /var/tmp with /opt/site/bin\n"
	if got := lead.Stdout(); got != each+each+"post gold in /var/tmp\n" {
		t.Errorf("stdout %q", got)
	}
}

// TestResourcesOfPreAreScheduled: R with GPUs that nobody else knows of.
func TestResourcesOfPreAreScheduled(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Pre = `printf '%s' '{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-2","gpu":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["'"$hosts"'"]}}' > ${viewroot}/etc/flux/system/R`
	})
	lead := m.startUp(2)[0]
	if got := lead.ask("run", "-N2", "-n2", "-c3", "-g2", "echo", "ran"); got != "ran\nran" {
		t.Errorf("a job with 3 cores and 2 GPUs on each of two ranks printed %q", got)
	}
}

func TestGPUsAreScheduled(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) { c.GPUs = 1 })
	lead := m.startUp(1)[0]
	if got := lead.ask("run", "-g1", "echo", "ran"); got != "ran" {
		t.Errorf("a job with a GPU printed %q", got)
	}
	if output, err := lead.try("run", "-g2", "echo", "ran"); err == nil || !strings.Contains(strings.ToLower(err.Error()), "unsatisfiable") {
		t.Errorf("a job with more GPUs than a rank has: %q, %v", output, err)
	}
}

// TestJobsThatCanNeverFitAreRefused when they are submitted, and those that wait for
// ranks are not.
func TestJobsThatCanNeverFitAreRefused(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	lead := m.startUp(1)[0]
	if output, err := lead.try("submit", "-N5", "true"); err == nil || !strings.Contains(strings.ToLower(err.Error()), "unsatisfiable") {
		t.Errorf("a job of five nodes, of four that there can be: %q, %v", output, err)
	}
	job := lead.ask("submit", "-N4", "true")
	lead.awaitStatus(job, "SCHED")
}

// TestBatchJobsOnFollowersFindTheLogsFolder, which is each pod's own.
func TestBatchJobsOnFollowersFindTheLogsFolder(t *testing.T) {
	m := newMiniCluster(t, func(c *agentapi.Config) {
		c.Mode, c.Nodes, c.Tasks, c.Quiet = agentapi.ModeBatch, 2, 2, true
		c.OptionFlags, c.Command = "--exclusive", "-c2 -N1 -n1 true\n-c2 -N1 -n1 true\n"
		c.Logs = agentapi.Folder + "/logs"
	})
	m.start(1)
	lead := m.start(0)
	lead.wantCode(0)
	if said := lead.Stdout() + lead.Stderr(); strings.Contains(said, "No such file") {
		t.Errorf("the lead has printed %q", said)
	}
}
