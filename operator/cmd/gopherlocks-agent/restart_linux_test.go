package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func (m *miniCluster) read(name string) string {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.shared, name))
	m.must(err)
	return string(text)
}

// keepsState gives the lead a folder that outlives its pod.
func keepsState(t *testing.T) func(*agentapi.Config) {
	folder := t.TempDir()
	return func(c *agentapi.Config) { c.StateDir = filepath.Join(folder, "state") }
}

func TestStoppedLeadComesBackWithItsQueueAndDrains(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(3)
	lead := ranks[0]
	lead.ask("resource", "drain", "2", "bad", "disk")
	done := lead.ask("submit", "true")
	lead.awaitStatus(done, "COMPLETED")
	running := lead.submitHeld("-N2")
	lead.awaitStatus(running.id, "RUN")
	pending := lead.ask("submit", "-N2", "true")
	lead.awaitStatus(pending, "SCHED")

	lead.Stop()
	if end := lead.wantCode(agentapi.ExitStopped); end.Command != nil {
		t.Errorf("a lead stopped from outside says that its command has ended: %q", lead.Termination())
	}
	lead = m.start(0) // with another address
	lead.awaitOnline("0-2")
	for _, follower := range ranks[1:] {
		if follower.Ended() {
			t.Errorf("rank %d has ended with its lead", follower.number)
		}
	}
	lead.awaitDrained("2 bad disk")
	lead.awaitStatus(done, "COMPLETED")
	lead.awaitStatus(running.id, "CANCELED")
	lead.awaitStatus(pending, "COMPLETED")
}

func TestKilledLeadComesBackWithItsQueue(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(2)
	lead := ranks[0]
	running := lead.submitHeld("-N2", "--job-name=is-lost")
	lead.awaitStatus(running.id, "RUN")
	pending := lead.ask("submit", "-N3", "--job-name=is-kept", "true")
	lead.awaitStatus(pending, "SCHED")
	lead.awaitCheckpoint("is-kept")
	lead.awaitCheckpoint("is-lost")
	m.awaitQueue(`running 1 pending 1 held 0 wanted 4 busy "0-1"`)
	lead.Kill()
	lead = m.start(0)
	ranks[1].awaitSaid("starting the broker again", 1)
	lead.awaitOnline("0-1")
	lead.awaitStatus(running.id, "FAILED")
	lead.awaitStatus(pending, "SCHED")
	m.awaitQueue(`running 0 pending 1 held 0 wanted 3 busy "" idle 0-1`)
	m.start(2)
	lead.awaitStatus(pending, "COMPLETED")
}

func TestKilledLeadWithoutStateStartsAnew(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(2)
	ranks[0].ask("submit", "-N3", "true")
	ranks[0].Kill()
	lead := m.start(0)
	lead.awaitOnline("0-1")
	if got := lead.ask("jobs", "-a", "-no", "{id}"); got != "" {
		t.Errorf("jobs %q, want none", got)
	}
}

func TestBrokerOfAFollowerIsStartedAgain(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(2)
	lead, follower := ranks[0], ranks[1]
	follower.awaitSaid("rank 1 is up", 1)
	m.must(syscall.Kill(follower.brokerPID(), syscall.SIGKILL))
	follower.awaitSaid("rank 1 is up", 2)
	lead.awaitOnline("0-1")
	if got := lead.ask("run", "-N2", "echo", "ran"); got != "ran\nran" {
		t.Errorf("a job on both ranks printed %q", got)
	}
	if follower.Ended() {
		t.Error("the pod has ended with its broker")
	}
}

// TestTasksEndWithAKilledBroker: Flux gives the rank to the next job.
func TestTasksEndWithAKilledBroker(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(2)
	lead, follower := ranks[0], ranks[1]
	follower.awaitSaid("rank 1 is up", 1)
	// What only this task has in its command line.
	mark := fmt.Sprintf("%d.25", 300+os.Getpid())
	job := lead.ask("submit", "-N2", "-n2", "sleep", mark)
	lead.awaitStatus(job, "RUN")
	m.await(func() string { return missing(2, sleepers(t, mark)) })
	m.must(syscall.Kill(follower.brokerPID(), syscall.SIGKILL))
	follower.awaitSaid("rank 1 is up", 2)
	lead.awaitStatus(job, "FAILED")
	m.await(func() string { return missing(0, sleepers(t, mark)) })
}

func missing(want, got int) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("%d tasks run, want %d", got, want)
}

// sleepers counts the processes "sleep TIME" of this machine.
func sleepers(t *testing.T, time string) (count int) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && string(text) == "sleep\x00"+time+"\x00" {
			count++
		}
	}
	return count
}

func TestArchiveIsWrittenAndRestored(t *testing.T) {
	folder := t.TempDir()
	archive := filepath.Join(folder, "archives", "state.tgz")
	m := newMiniCluster(t, func(c *agentapi.Config) { c.ArchivePath = archive })
	lead := m.start(0)
	lead.awaitOnline("0")
	done := lead.ask("submit", "true")
	lead.awaitStatus(done, "COMPLETED")
	pending := lead.ask("submit", "-N2", "true")
	lead.awaitStatus(pending, "SCHED")
	lead.Stop()
	lead.wantCode(agentapi.ExitStopped)
	if info, err := os.Stat(archive); err != nil || info.Size() == 0 {
		t.Fatalf("the archive: %v, %v", info, err)
	}

	lead = m.start(0)
	lead.awaitOnline("0")
	lead.awaitStatus(done, "COMPLETED")
	lead.awaitStatus(pending, "SCHED")
	m.start(1)
	lead.awaitStatus(pending, "COMPLETED") // its queue has been started

	// A dump that fails leaves it as it is.
	before, err := os.ReadFile(archive)
	m.must(err)
	m.must(os.Mkdir(filepath.Join(filepath.Dir(archive), ".new-state.tgz"), 0o700))
	lead.Stop()
	lead.wantCode(agentapi.ExitStopped)
	lead.awaitSaid("stays as it was", 1)
	if after, err := os.ReadFile(archive); err != nil || !bytes.Equal(after, before) {
		t.Errorf("an archive of %d bytes became one of %d: %v", len(before), len(after), err)
	}
}

// TestArchiveBringsBackNoDrainsOfOurs: of pods that were stopped with their lead,
// when another lead is lost while the pods that took their place live on.
func TestArchiveBringsBackNoDrainsOfOurs(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "state.tgz")
	m := newMiniCluster(t, func(c *agentapi.Config) { c.ArchivePath = archive })
	ranks := m.startUp(3)
	lead := ranks[0]
	lead.ask("resource", "drain", "3", "bad", "disk")
	for _, follower := range ranks[1:] {
		follower.Stop()
		follower.wantCode(agentapi.ExitStopped)
	}
	lead.awaitDrained("1-2 " + endpoint.ReasonStopping + "\n3 bad disk")
	lead.Stop()
	lead.wantCode(agentapi.ExitStopped)

	lead = m.startUp(3)[0]
	lead.awaitDrained("3 bad disk")
	lead.Kill()
	lead = m.start(0)
	lead.awaitOnline("0-2")
	lead.awaitDrained("3 bad disk")
	if got := lead.ask("run", "-N3", "echo", "ran"); got != "ran\nran\nran" {
		t.Errorf("a job on all ranks printed %q", got)
	}
}

// TestShrinkGoesOnWithANewLead: what the operator wishes of it stays, also when the
// ranks that are to go join after that.
func TestShrinkGoesOnWithANewLead(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(3)
	ranks[2].awaitSaid("is up", 1)
	m.drain(agentapi.DrainRequest{Ranks: idset.Range(1, 3)})
	ranks[0].awaitDrained("1-2 " + endpoint.ReasonShrink)
	ranks[2].signalAgent(syscall.SIGSTOP) // which starts no broker until it goes on
	ranks[0].Stop()                       // and saves the drains
	ranks[0].wantCode(agentapi.ExitStopped)
	lead := m.start(0)
	m.drain(agentapi.DrainRequest{Ranks: idset.Range(2, 3)})
	ranks[2].signalAgent(syscall.SIGCONT)
	ranks[2].awaitSaid("is up", 2)
	lead.awaitOnline("0-2")
	lead.awaitDrained("2 " + endpoint.ReasonShrink)
	lead.awaitStatus(lead.ask("submit", "-N2", "true"), "COMPLETED")
	lead.awaitStatus(lead.ask("submit", "-N3", "true"), "SCHED")
}

// awaitCheckpoint waits until the state folder holds the job of a name: the
// broker's checkpoint is as old as fluxconf lets it be.
func (r *rank) awaitCheckpoint(jobName string) {
	r.m.t.Helper()
	file := filepath.Join(r.m.t.TempDir(), "checkpoint.tar") // not compressed
	r.m.await(func() string {
		if _, err := r.try("dump", "--quiet", "--checkpoint", file); err != nil {
			return err.Error() // there may be none yet
		}
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte(jobName)) {
			return fmt.Sprintf("the last checkpoint does not have the job %s: %v", jobName, err)
		}
		return ""
	})
}

// signalAgent signals what watches over the rank's broker.
func (r *rank) signalAgent(s syscall.Signal) {
	r.m.t.Helper()
	agents := r.Processes(agentapi.Program + " rank")
	if len(agents) == 0 {
		r.m.t.Fatal("no process is the agent")
	}
	for _, pid := range agents {
		r.m.must(syscall.Kill(pid, s))
	}
}

// brokers finds the processes that are the rank's broker: one, while it runs.
func (r *rank) brokers() []int {
	r.m.t.Helper()
	// The keeper's command line holds that of its broker.
	keepers := r.Processes("gopherlocks-agent keep ")
	return slices.DeleteFunc(r.Processes("broker --config-path="), func(pid int) bool { return slices.Contains(keepers, pid) })
}

// brokerPID finds the broker of the rank.
func (r *rank) brokerPID() int {
	r.m.t.Helper()
	brokers := r.brokers()
	if len(brokers) != 1 {
		r.m.t.Fatalf("processes %v are the broker, want one", brokers)
	}
	return brokers[0]
}
