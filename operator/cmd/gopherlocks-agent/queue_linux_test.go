package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

// shortIdleTime is the idle time of tests that wait for it.
const shortIdleTime = 2 * time.Second

func TestIdleInstanceGrowsAtOnceForAJobAndShrinksAfterIt(t *testing.T) {
	s := newScaled(t, 4, shortIdleTime, true)
	lead := s.lead()
	first := lead.ask("submit", "-N4", "true")
	lead.awaitStatus(first, "COMPLETED")
	s.awaitSizes(4, 1)

	// What comes last of all gets the lowest ranks, so that the others can go.
	large := lead.submitHeld("-N4")
	lead.awaitStatus(large.id, "RUN")
	nodes, cores := lead.submitHeld("-N1"), lead.submitHeld("-n1")
	s.awaitReport("two jobs that wait", func(r agentapi.QueueReport) bool { return r.Pending == 2 })
	s.release(large)
	lead.awaitStatus(nodes.id, "RUN")
	lead.awaitStatus(cores.id, "RUN")
	s.awaitSizes(4, 1, 4, 2)
	for _, job := range []heldJob{nodes, cores} {
		s.release(job)
		lead.awaitStatus(job.id, "COMPLETED")
	}
	s.awaitSizes(4, 1, 4, 2, 1)
}

func TestJobsThatWaitForSomethingElseThanRanksDoNotGrowTheSize(t *testing.T) {
	s := newScaled(t, 4, shortIdleTime, true)
	lead := s.lead()
	held := func(n int) {
		t.Helper()
		s.awaitReport(fmt.Sprintf("%d jobs held", n), func(r agentapi.QueueReport) bool { return r.Held == n && r.Pending == 0 })
	}
	first := lead.ask("submit", "--urgency=0", "-N2", "true")
	second := lead.ask("submit", "--dependency=afterany:"+first, "-N4", "true")
	held(2)
	lead.ask("queue", "stop", "--all")
	third := lead.ask("submit", "-n1", "true")
	held(3)
	lead.ask("job", "urgency", first, "default")
	fourth := lead.ask("submit", "-n1", "true")
	held(4)
	s.awaitSizes()

	// What does not wait any more counts; the second job does not yet.
	lead.ask("queue", "start", "--all")
	lead.awaitStatus(second, "COMPLETED")
	for _, job := range []string{first, third, fourth} {
		lead.awaitStatus(job, "COMPLETED")
	}
	if sizes := s.decidedSizes(); sizes[0] == 4 || !slices.Contains(sizes, 4) {
		t.Errorf("sizes %v, want less than 4 first, and 4 for the job that waited for another one", sizes)
	}
}

// TestGrowthInAShrinkUndrains: ranks that were to go, and have work, stay.
func TestGrowthInAShrinkUndrains(t *testing.T) {
	s := newScaled(t, 4, shortIdleTime, true)
	lead := s.lead()
	job := lead.submitHeld("-N4")
	lead.awaitStatus(job.id, "RUN")
	s.setMax(2)
	lead.awaitDrained("2-3 " + endpoint.ReasonShrink)
	s.killOperator() // The next one goes on where this one was.
	s.setMax(3)
	lead.awaitDrained("3 " + endpoint.ReasonShrink)
	s.setMax(4)
	lead.awaitDrained("")
	lead.awaitOnline("0-3")
	if stops := s.seen().stops; len(stops) > 0 {
		t.Errorf("pods were stopped: %v", stops)
	}
	next := lead.ask("submit", "-N4", "true")
	s.release(job)
	lead.awaitStatus(job.id, "COMPLETED")
	lead.awaitStatus(next, "COMPLETED")
	s.awaitSizes(4, 2, 3, 4, 1)
}

// TestMaximumChangesUnderRunningJobs: Flux knows more hosts than the maximum. A job above it
// waits and is told of, and runs when the maximum is raised. No broker restarts.
func TestMaximumChangesUnderRunningJobs(t *testing.T) {
	s := newScaled(t, 6, shortIdleTime, true)
	lead := s.lead()
	s.changeMaximum(4)
	running := lead.submitHeld("-N1")
	lead.awaitStatus(running.id, "RUN")
	large := lead.ask("submit", "-N5", "true")
	s.awaitReport("a job that is too large", func(r agentapi.QueueReport) bool {
		return r.TooLargeCount == 1 && strings.HasPrefix(r.TooLarge[0].Why, "needs 5 ranks") && r.Pending == 0 && r.Running == 1
	})
	s.awaitSizes()
	s.changeMaximum(6)
	lead.awaitStatus(large, "COMPLETED")
	if stops := s.seen().stops; len(stops) > 0 {
		t.Errorf("pods were stopped: %v", stops)
	}
	s.release(running)
	lead.awaitStatus(running.id, "COMPLETED")
	s.awaitSizes(6, 1)
}

// TestMaximumChangesUnderAHundredJobs: 4, 64, 8. No job is lost, the growth to the new maximum
// works, and no rank ends but those that go with a shrink.
func TestMaximumChangesUnderAHundredJobs(t *testing.T) {
	peak := int32(ceiling)
	if !fluxstandin.Real() {
		peak = 16 // The brokers of the stand-in share files, and more of them get slow.
	}
	s := newScaled(t, peak, shortIdleTime, true)
	lead := s.lead()
	s.changeMaximum(4)
	want := map[string]string{}
	for i := range 100 {
		want[lead.ask("submit", fmt.Sprintf("-N%d", 1+i%3), "sleep", "0.2")] = "COMPLETED"
	}
	lead.awaitOnline("0-3")
	s.changeMaximum(peak)
	widest := lead.ask("submit", fmt.Sprintf("-N%d", peak), "true")
	want[widest] = "COMPLETED"
	s.awaitWithin(5*patience, func() string {
		if got := lead.ask("jobs", "-no", "{status}", widest); got != "COMPLETED" {
			return "the job on all ranks is " + got
		}
		return ""
	})
	stays := lead.submitHeld("-N8")
	want[stays.id] = "COMPLETED"
	s.awaitWithin(5*patience, func() string {
		if got := lead.ask("resource", "status", "-s", "online", "-no", "{ranks}"); got != "0-7" {
			return "online are " + got
		}
		return ""
	})
	s.changeMaximum(8)
	large := lead.ask("submit", "-N9", "true")
	s.awaitReport("a job that is too large", func(r agentapi.QueueReport) bool { return r.TooLargeCount == 1 })
	lead.ask("cancel", large)
	want[large] = "CANCELED"
	s.release(stays)
	lead.awaitStatus(stays.id, "COMPLETED")
	got := lead.statuses()
	for id, status := range want {
		if got[id] != status {
			t.Errorf("job %s is %q, want %s", id, got[id], status)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d jobs, want %d", len(got), len(want))
	}
	if lead.Ended() || s.lead() != lead {
		t.Error("the lead was restarted")
	}
	sizes := s.decidedSizes()
	if i := slices.Index(sizes, peak); i < 0 || !slices.Contains(sizes[i:], 8) {
		t.Errorf("sizes %v, want %d and then 8 among them", sizes, peak)
	}
	s.awaitSizes(append(sizes, 1)...)
}

// reactions is the number of submits whose reaction is measured.
const reactions = 40

// TestSizeIsDecidedSoonAfterASubmit measures the way from Flux's submit event through the
// journal, the agent, the lead's endpoint and the decision. Each job needs one rank more,
// and the ranks are not made, so that nothing else happens meanwhile.
func TestSizeIsDecidedSoonAfterASubmit(t *testing.T) {
	s := newScaled(t, reactions+1, time.Minute, false)
	lead := s.lead()
	running := lead.submitHeld("-N1")
	lead.awaitStatus(running.id, "RUN")
	var returned []time.Time
	for i := range int32(reactions) {
		lead.ask("submit", "-N1", "true")
		returned = append(returned, time.Now())
		s.await(func() string {
			if sizes := s.decidedSizes(); int32(len(sizes)) != i+1 || sizes[i] != i+2 {
				return fmt.Sprintf("sizes %v, want %d", sizes, i+2)
			}
			return ""
		})
	}
	jobs, sizes := lead.jobs(), s.seen().sizes
	if len(jobs) != reactions+1 {
		t.Fatalf("Flux knows of %d jobs, want %d", len(jobs), reactions+1)
	}
	var fromEvent, fromReturn []time.Duration
	for i, decided := range sizes {
		fromReturn = append(fromReturn, decided.at.Sub(returned[i]))
		fromEvent = append(fromEvent, time.Duration((unix(decided.at)-jobs[i+1].Submit)*float64(time.Second)))
	}
	t.Logf("%d submits: from the submit event to the decision p50 %v, p95 %v; from the return of flux submit p50 %v, p95 %v",
		reactions, percentile(fromEvent, 50), percentile(fromEvent, 95), percentile(fromReturn, 50), percentile(fromReturn, 95))
	if p95 := percentile(fromEvent, 95); p95 > time.Second {
		t.Errorf("p95 is %v, want 1 s at most", p95)
	}
}
