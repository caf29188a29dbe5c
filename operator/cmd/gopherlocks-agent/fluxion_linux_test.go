package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// TestFluxionGivesTheLowestRanksFirst, so that the highest are idle and can go, also after a job
// has left a hole. A job that is larger than what is up waits. Tried with Fluxion 0.54.
func TestFluxionGivesTheLowestRanksFirst(t *testing.T) {
	m := newMiniCluster(t, func(*agentapi.Config) {})
	lead := m.startUp(3)[0]
	// The stand-in has no modules at all.
	if modules, err := lead.try("module", "list"); err != nil || !strings.Contains(modules, "sched-fluxion-qmanager") {
		t.Skip("this Flux has no Fluxion: build flux-sched, and install it beside flux-core (CONTRIBUTING.md)")
	}
	place := func(options ...string) (heldJob, string) {
		t.Helper()
		job := lead.submitHeld(options...)
		lead.awaitStatus(job.id, "RUN")
		return job, lead.ask("jobs", "-no", "{ranks}", job.id)
	}
	var jobs []heldJob
	for rank := range 3 {
		job, got := place("-N1", "--exclusive")
		if jobs = append(jobs, job); got != fmt.Sprint(rank) {
			t.Errorf("job %d runs on rank %s", rank, got)
		}
	}
	larger := lead.ask("submit", "-N4", "true")
	m.release(jobs[0])
	lead.awaitStatus(jobs[0].id, "COMPLETED")
	lead.awaitStatus(larger, "SCHED")
	for _, core := range []string{"0", "0"} { // Each rank has two.
		job, got := place("-n1")
		if jobs = append(jobs, job); got != core {
			t.Errorf("a job of one core runs on rank %s, want %s", got, core)
		}
	}
	m.start(3)
	for _, job := range jobs[1:] {
		m.release(job)
	}
	lead.awaitStatus(larger, "COMPLETED")
}
