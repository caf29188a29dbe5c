package endpoint

import (
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// TestRestStopsQueues, and no others than ours are started afterwards. Drains stay as they
// are until the instance rests no more.
func TestRestStopsQueues(t *testing.T) {
	flux := newFakeFlux()
	flux.queues = []fluxinstance.Queue{{Name: "batch", Started: true}, {Name: "debug", StopReason: "maintenance"}}
	flux.reasons[3] = ReasonShrink
	flux.run(t, "ƒ1", "1")
	flux.pending = 5
	d := NewDrainer(flux)
	all := agentapi.DrainRequest{Ranks: set(t, "0-3"), Rest: true}
	for range 2 {
		report := drain(t, d, all)
		if report.Busy.String() != "1" || report.JobCount != 1 || report.Waiting != 5 {
			t.Errorf("report %+v", report)
		}
	}
	if got := flux.changed(); got != "stop queue batch" {
		t.Errorf("changes %q", got)
	}
	flux.running = []fluxinstance.RunningJob{{ID: 57, Urgency: 20}}
	all.Requeue = true
	for range 2 { // It is still told of as running.
		if report := drain(t, d, all); report.Waiting != 6 {
			t.Errorf("report %+v, want that 6 wait", report)
		}
	}
	if got := flux.changed(); got != "stop queue batch, requeue ƒz urgency 20" {
		t.Errorf("changes %q", got)
	}
	all.Requeue, flux.pending = false, 5
	flux.end("ƒ1")
	if report := drain(t, d, all); !report.Busy.IsEmpty() || report.Waiting != 5 {
		t.Errorf("report %+v, want an idle one", report)
	}
	// A shrink goes on: its ranks are drained before a job may start.
	if report := drain(t, d, agentapi.DrainRequest{Ranks: set(t, "2-3")}); report.Waiting != 0 {
		t.Errorf("report %+v: nobody has asked what waits", report)
	}
	if got := flux.changed(); got != "stop queue batch, requeue ƒz urgency 20, drain 2, start queue batch" {
		t.Errorf("changes %q", got)
	}
	if got := flux.queues[1]; got.Started || got.StopReason != "maintenance" {
		t.Errorf("an administrator's queue became %+v", got)
	}
}
