package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func TestJobWaitsForARankThatComesLater(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	m.start(1) // a follower may be there before its lead
	lead := m.start(0)
	lead.awaitOnline("0-1")
	job := lead.ask("submit", "-N3", "true")
	lead.awaitStatus(job, "SCHED")
	m.awaitQueue(`running 0 pending 1 held 0 wanted 3 busy "" idle 0-1`)
	m.start(2)
	lead.awaitOnline("0-2")
	lead.awaitStatus(job, "COMPLETED")
	m.awaitQueue(`running 0 pending 0 held 0 wanted 0 busy "" idle 0-2`)
}

// TestShrinkingThroughTheEndpointLosesNoJob is the agent's part of a resize from 4
// to 2 and back.
func TestShrinkingThroughTheEndpointLosesNoJob(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(4)
	lead := ranks[0]
	lead.ask("resource", "drain", "0", "not", "now")
	job := lead.submitHeld("-N3") // on 1 to 3
	lead.awaitStatus(job.id, "RUN")

	report := m.drain(agentapi.DrainRequest{Ranks: idset.Range(2, 4)})
	if report.Busy.String() != "2-3" || report.JobCount != 1 || len(report.Jobs) != 1 || report.Jobs[0] != job.id {
		t.Errorf("ranks 2-3 with the job %s are reported as %+v", job.id, report)
	}
	lead.awaitDrained("0 not now\n2-3 " + endpoint.ReasonShrink)
	waiting := lead.ask("submit", "-N2", "true")
	m.release(job)
	for !report.Busy.IsEmpty() {
		report = m.drain(agentapi.DrainRequest{Ranks: idset.Range(2, 4), WaitSeconds: 30, Known: report.Busy})
	}
	lead.awaitStatus(job.id, "COMPLETED")
	lead.awaitStatus(waiting, "SCHED")

	// The Job's controller stops the pods, and starts others when it grows again.
	for _, rank := range ranks[2:] {
		rank.Stop()
		rank.wantCode(agentapi.ExitStopped)
	}
	lead.awaitOnline("0-1")
	m.start(2)
	m.start(3)
	lead.awaitOnline("0-3")
	lead.awaitDrained("0 not now") // an administrator's stays
	lead.awaitStatus(waiting, "COMPLETED")
}

func TestACanceledShrinkUndrains(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	lead := m.startUp(2)[0]
	if report := m.drain(agentapi.DrainRequest{Ranks: idset.Range(1, 4)}); !report.Busy.IsEmpty() { // 2 and 3 have not come yet
		t.Errorf("ranks 1-3 run nothing, and are reported as %+v", report)
	}
	lead.awaitDrained("1-3 " + endpoint.ReasonShrink)
	var report agentapi.DrainReport
	if status, err := m.request(http.MethodPut, agentapi.PathDrain, "another", agentapi.DrainRequest{}, &report); status != http.StatusUnauthorized {
		t.Errorf("with another token: %d, %v, want 401", status, err)
	}
	lead.awaitDrained("1-3 " + endpoint.ReasonShrink)
	m.drain(agentapi.DrainRequest{})
	lead.awaitDrained("")
	if got := lead.ask("run", "-N2", "echo", "ran"); got != "ran\nran" {
		t.Errorf("a job on both ranks printed %q", got)
	}
}

// stopFollowerAtWork stops a follower while a job runs on it and on the lead, and
// waits until it has drained itself.
func stopFollowerAtWork(t *testing.T) (m *miniCluster, lead, follower *rank, job heldJob) {
	t.Helper()
	m = newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(2)
	lead, follower = ranks[0], ranks[1]
	job = lead.submitHeld("-N2")
	lead.awaitStatus(job.id, "RUN")
	follower.Stop()
	lead.awaitDrained("1 " + endpoint.ReasonStopping)
	return m, lead, follower, job
}

func TestFollowerStoppedFromOutsideWaitsForItsJob(t *testing.T) {
	m, lead, follower, job := stopFollowerAtWork(t)
	if follower.Ended() {
		t.Error("the rank has gone while its job ran")
	}
	m.release(job)
	lead.awaitStatus(job.id, "COMPLETED")
	follower.wantCode(agentapi.ExitStopped)
	lead.awaitOnline("0")
	m.start(1)
	lead.awaitOnline("0-1")
	lead.awaitDrained("")
}

func TestFollowerStoppedInAHurryLeavesItsJob(t *testing.T) {
	_, lead, follower, job := stopFollowerAtWork(t)
	follower.Stop() // again
	follower.wantCode(agentapi.ExitStopped)
	lead.awaitStatus(job.id, "FAILED")
	lead.awaitOnline("0")
}

func TestKilledFollowerIsNoticedAndComesBack(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	ranks := m.startUp(3)
	lead := ranks[0]
	job := lead.submitHeld("-N3")
	lead.awaitStatus(job.id, "RUN")
	ranks[2].Kill()
	lead.awaitOnline("0-1")
	lead.awaitStatus(job.id, "FAILED")
	m.start(2)
	lead.awaitOnline("0-2")
	if got := lead.ask("run", "-N3", "hostname"); len(strings.Fields(got)) != 3 {
		t.Errorf("a job on three ranks printed %q", got)
	}
}

func TestFollowerWithoutALeadEndsAtOnce(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	follower := m.start(1)
	follower.awaitSaid("started the broker", 1)
	follower.Stop()
	follower.wantCode(agentapi.ExitStopped)
	if strings.Contains(follower.Stderr(), "draining this rank") {
		t.Error("a rank that is in no instance has tried to drain itself, which takes all of its time")
	}
}
