package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// rest has the instance of so many ranks rest.
func (m *miniCluster) rest(ranks int32) agentapi.DrainReport {
	m.t.Helper()
	return m.drain(agentapi.DrainRequest{Ranks: idset.Range(0, ranks), Rest: true})
}

// awaitRest waits until no job runs, and returns how many wait.
func (m *miniCluster) awaitRest(ranks int32) int {
	m.t.Helper()
	waiting := 0
	m.await(func() string {
		report := m.rest(ranks)
		waiting = report.Waiting
		if !report.Busy.IsEmpty() {
			return fmt.Sprintf("ranks %s are busy", report.Busy)
		}
		return ""
	})
	return waiting
}

// stopAll ends all pods, as the end of the Job does.
func stopAll(ranks []*rank) {
	for _, r := range slices.Backward(ranks) {
		r.Stop()
	}
	for _, r := range ranks {
		r.wantCode(agentapi.ExitStopped)
	}
}

// setCeiling has the next pods know another number of hosts.
func (m *miniCluster) setCeiling(ceiling int32) {
	m.t.Helper()
	m.config.Hosts, m.config.Ceiling = fluxconf.Hosts(m.config.Name, ceiling), ceiling
	m.configureBrokers()
}

// statuses are those of all jobs, by their IDs.
func (r *rank) statuses() map[string]string {
	r.m.t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(r.ask("jobs", "-a", "-no", "{id} {status}")) {
		id, status, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[id] = status
	}
	return all
}

// TestQueueOutlivesARestart: the ceiling is passed. What runs may end, what waits keeps its ID
// and its turn, and what others have stopped or drained stays so.
func TestQueueOutlivesARestart(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(2)
	lead := ranks[0]
	lead.ask("resource", "drain", "3", "bad", "disk")
	done := lead.ask("submit", "true")
	lead.awaitStatus(done, "COMPLETED")
	running := lead.submitHeld("-N2")
	lead.awaitStatus(running.id, "RUN")
	order := filepath.Join(m.shared, "order")
	var pending []string
	for i := range 3 {
		pending = append(pending, lead.ask("submit", "-N2", "sh", "-c", fmt.Sprintf("echo %d >>%s", i, order)))
	}
	held := lead.ask("submit", "--urgency=hold", "true")

	if report := m.rest(2); report.Busy.String() != "0-1" || report.JobCount != 1 || report.Waiting != 4 {
		t.Errorf("the instance rests with %+v", report)
	}
	if got := lead.ask("queue", "status"); !strings.Contains(got, agentapi.StopReason) {
		t.Errorf("flux queue status: %q", got)
	}
	late := lead.ask("submit", "-N1", "true")
	m.release(running)
	if waiting := m.awaitRest(2); waiting != 5 {
		t.Errorf("%d jobs wait, want 5", waiting)
	}
	lead.awaitStatus(running.id, "COMPLETED")
	for _, id := range append(pending, late) {
		lead.awaitStatus(id, "SCHED")
	}
	stopAll(ranks)

	m.setCeiling(8)
	ranks = m.startUp(2)
	lead = ranks[0]
	for _, id := range append(pending, late) {
		lead.awaitStatus(id, "COMPLETED")
	}
	if got := m.read("order"); got != "0\n0\n1\n1\n2\n2\n" {
		t.Errorf("jobs ran in the order %q", got)
	}
	want := map[string]string{done: "COMPLETED", running.id: "COMPLETED", late: "COMPLETED", held: "PRIORITY"}
	for _, id := range pending {
		want[id] = "COMPLETED"
	}
	for id, status := range lead.statuses() {
		if want[id] == "" || want[id] != status && id != held {
			t.Errorf("job %s is %s, want %q", id, status, want[id])
		}
		delete(want, id)
	}
	if len(want) > 0 {
		t.Errorf("jobs are lost: %v", want)
	}
	lead.awaitDrained("3 bad disk")
	lead.ask("job", "urgency", held, "16")
	lead.awaitStatus(held, "COMPLETED")
}

// TestRestThatIsTakenBackStartsOurQueuesAlone: one that an administrator has stopped stays so,
// also over a restart.
func TestRestThatIsTakenBackStartsOurQueuesAlone(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	lead := m.startUp(1)[0]
	m.rest(1)
	waits := lead.ask("submit", "true")
	lead.awaitStatus(waits, "SCHED")
	m.drain(agentapi.DrainRequest{})
	lead.awaitStatus(waits, "COMPLETED")

	lead.ask("queue", "stop", "--all", "-m", "maintenance")
	m.rest(1)
	m.drain(agentapi.DrainRequest{})
	waits = lead.ask("submit", "true")
	m.rest(1)
	stopAll([]*rank{lead})
	lead = m.startUp(1)[0]
	lead.awaitStatus(waits, "SCHED")
	if got := lead.ask("queue", "status"); !strings.Contains(got, "stopped") {
		t.Errorf("flux queue status: %q", got)
	}
	lead.ask("queue", "start", "--all")
	lead.awaitStatus(waits, "COMPLETED")
}

// TestRunningJobsGoBackIntoTheQueue: they begin anew, under another ID, behind what waits.
func TestRunningJobsGoBackIntoTheQueue(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(2)
	lead := ranks[0]
	running := lead.submitHeld("-N2", "--urgency=20")
	lead.awaitStatus(running.id, "RUN")
	waits := lead.ask("submit", "-N2", "true")
	m.rest(2)
	report := m.drain(agentapi.DrainRequest{Ranks: idset.Range(0, 2), Rest: true, Requeue: true, WaitSeconds: 60, Known: idset.Range(0, 2)})
	if !report.Busy.IsEmpty() || report.Waiting != 2 {
		t.Errorf("report %+v, want that 2 wait", report)
	}
	lead.awaitStatus(running.id, "CANCELED")
	stopAll(ranks)

	ranks = m.startUp(2)
	lead = ranks[0]
	var id string
	m.await(func() string {
		for other, status := range lead.statuses() {
			if other != running.id && other != waits {
				id = other
				if status == "RUN" {
					return ""
				}
			}
		}
		return "job " + id + ", which was submitted again, does not run"
	})
	if got := lead.ask("jobs", "-no", "{urgency}", id); got != "20" {
		t.Errorf("its urgency is %s, want 20", got)
	}
	m.release(running)
	lead.awaitStatus(id, "COMPLETED")
	lead.awaitStatus(waits, "COMPLETED")
	if got := lead.statuses(); len(got) != 3 {
		t.Errorf("jobs %v, want 3", got)
	}
}

// sleeps is how often a MiniCluster is put to sleep and woken.
const sleeps = 20

// TestRestGoesOnWithANewLead: one that is killed while it rests comes back with its queue
// started, and is asked again.
func TestRestGoesOnWithANewLead(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	ranks := m.startUp(2)
	lead := ranks[0]
	m.rest(2)
	waits := lead.ask("submit", "-N3", "--job-name=is-kept", "true")
	lead.awaitStatus(waits, "SCHED")
	lead.awaitCheckpoint("is-kept")
	lead.Kill()
	lead = m.start(0)
	lead.awaitOnline("0-1")
	if waiting := m.awaitRest(2); waiting != 1 {
		t.Errorf("%d jobs wait, want 1", waiting)
	}
	m.start(2)
	lead.awaitOnline("0-2")
	lead.awaitStatus(waits, "SCHED")
	m.drain(agentapi.DrainRequest{})
	lead.awaitStatus(waits, "COMPLETED")
}

// TestNoJobIsLostBySleep: a MiniCluster sleeps and wakes again and again, each time at another
// size, with jobs in every state.
func TestNoJobIsLostBySleep(t *testing.T) {
	m := newMiniCluster(t, keepsState(t))
	want := map[string]string{} // how jobs must have ended
	var held []string
	size := 1
	ranks := m.startUp(size)
	for i := range sleeps {
		lead := ranks[0]
		for range 2 {
			want[lead.ask("submit", "true")] = "COMPLETED"
		}
		want[lead.ask("submit", "false")] = "FAILED"
		running := lead.submitHeld(fmt.Sprintf("-N%d", size))
		want[running.id] = "COMPLETED"
		after := lead.ask("submit", "-N1", "--dependency=afterok:"+running.id, "true")
		want[after] = "COMPLETED"
		if i%5 == 0 {
			held = append(held, lead.ask("submit", "--urgency=hold", "true"))
		}
		lead.awaitStatus(running.id, "RUN")
		canceled := lead.ask("submit", "-N4", "true")
		lead.ask("cancel", canceled)
		want[canceled] = "CANCELED"
		want[lead.ask("submit", "-N1", "true")] = "COMPLETED"
		m.rest(int32(size))
		want[lead.ask("submit", "-N1", "true")] = "COMPLETED"
		m.release(running)
		m.awaitRest(int32(size))
		stopAll(ranks)
		size = 1 + (size+i)%3
		ranks = m.startUp(size)
	}
	lead := ranks[0]
	for _, id := range held {
		lead.ask("job", "urgency", id, "16")
		want[id] = "COMPLETED"
	}
	m.await(func() string {
		got := lead.statuses()
		for id, status := range want {
			if got[id] != status {
				return fmt.Sprintf("of %d jobs, %s is %q, want %s", len(want), id, got[id], status)
			}
		}
		if len(got) != len(want) {
			return fmt.Sprintf("%d jobs, want %d", len(got), len(want))
		}
		return ""
	})
	t.Logf("%d jobs over %d sleeps", len(want), sleeps)
}

// enter runs the agent in the container of a rank, as "kubectl exec" does.
func (r *rank) enter(args ...string) string {
	r.m.t.Helper()
	out, err := r.Exec(r.m.environmentOf(r.number), append([]string{agentapi.Program}, args...)...)
	if err != nil {
		r.m.t.Fatalf("gopherlocks-agent %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// TestStateMovesToAnotherName: what a running instance saves, one of another name and size
// goes on with. Every job is in one of the two queues, and in one only.
func TestStateMovesToAnotherName(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(2)
	lead := ranks[0]
	done := lead.ask("submit", "true")
	lead.awaitStatus(done, "COMPLETED")
	running := lead.submitHeld("-N2")
	lead.awaitStatus(running.id, "RUN")
	want := map[string]string{done: "COMPLETED", running.id: "COMPLETED"}
	for i := range 3 {
		want[lead.ask("submit", fmt.Sprintf("-N%d", 1+i), "true")] = "COMPLETED"
	}
	after := lead.ask("submit", "-N1", "--dependency=afterok:"+running.id, "true")
	want[after] = "COMPLETED"
	archive := filepath.Join(m.shared, "state.tar")
	time.AfterFunc(2*time.Second, func() { _ = os.WriteFile(running.file, nil, 0o600) })
	said := lead.enter("save", "--stop", archive)
	for _, part := range []string{"waiting for 1 jobs that run", "saved to " + archive + ": 4 jobs that wait, and 2 that have ended"} {
		if !strings.Contains(said, part) {
			t.Errorf("says %q, want %q", said, part)
		}
	}
	for id, status := range lead.statuses() {
		if id != done && id != running.id && status != "SCHED" {
			t.Errorf("job %s has gone on: %s", id, status)
		}
	}

	other := newMiniCluster(t, func(c *agentapi.Config) {
		c.Name, c.Hosts, c.Ceiling, c.ArchivePath = "other", fluxconf.Hosts("other", 8), 8, archive
	})
	lead = other.startUp(3)[0]
	for id, status := range want {
		lead.awaitStatus(id, status)
	}
	if got := lead.statuses(); len(got) != len(want) {
		t.Errorf("%d jobs, want %d: %v", len(got), len(want), got)
	}
}
