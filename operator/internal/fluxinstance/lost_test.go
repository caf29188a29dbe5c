package fluxinstance

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// TestLostJobsAreThoseOfBefore: jobs that never had ranks, and those since, are others.
func TestLostJobsAreThoseOfBefore(t *testing.T) {
	var asked []string
	client := ask(t, func(_ context.Context, r *fluxrpc.Request) {
		var request listRequest
		_ = r.Unpack(&request)
		asked = append(asked, strings.TrimSuffix(string(r.Payload), "\x00"))
		answer := `{"jobs":[{"id":1,"t_run":1795651819.5},{"id":2,"t_run":1795651820.5}]}`
		if request.States == inactiveState {
			answer = `{"jobs":[{"id":3,"t_run":1795651810},{"id":4,"t_run":0},{"id":5,"t_run":1795651821},{"id":6,"t_run":1795651811}]}`
		}
		_ = r.Respond(json.RawMessage(answer))
	})
	ended, left, err := client.LostJobs(t.Context(), time.UnixMilli(1795651820000))
	if err != nil || left != 1 || !slices.Equal(ended, []JobID{3, 6}) {
		t.Errorf("ended %v, left %d, %v", ended, left, err)
	}
	want := []string{
		`{"max_entries":0,"attrs":["t_run"],"constraint":{"states":[48]},"userid":4294967295,"states":48,"results":0}`,
		`{"max_entries":0,"attrs":["t_run"],"constraint":{"states":[64]},"userid":4294967295,"states":64,"results":0,"since":1795651820}`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestForget(t *testing.T) {
	for name, test := range map[string]struct {
		answer any
		held   bool
		fails  bool
	}{
		"Fluxion holds it":     {[]string{`{}`}, true, false},
		"Fluxion has freed it": {syscall.ENOENT, false, false},
		"another scheduler":    {nil, false, false},
		"Fluxion cannot do it": {syscall.EINVAL, false, true},
	} {
		held, err := ask(t, scripted{topicForget: test.answer}.answer).Forget(t.Context(), 7)
		if held != test.held || (err != nil) != test.fails {
			t.Errorf("%s: held %v, %v", name, held, err)
		}
	}
}

// TestRequeue submits first: a job that is canceled and cannot be submitted would be lost.
func TestRequeue(t *testing.T) {
	var asked []string
	var refuse string
	client := ask(t, func(_ context.Context, r *fluxrpc.Request) {
		asked = append(asked, r.Topic+" "+strings.TrimSuffix(string(r.Payload), "\x00"))
		if r.Topic == refuse {
			_ = r.RespondError(syscall.EINVAL, "no")
			return
		}
		_ = r.Respond(json.RawMessage(`{"id":58,"J":"signed","jobs":[{"id":57,"urgency":20}]}`))
	})
	jobs, err := client.RunningJobs(t.Context())
	if err != nil || !slices.Equal(jobs, []RunningJob{{57, 20}}) {
		t.Fatalf("running %v, %v", jobs, err)
	}
	if id, err := client.Requeue(t.Context(), jobs[0]); err != nil || id != 58 {
		t.Errorf("requeued as %d, %v", id, err)
	}
	want := []string{
		`job-list.list {"max_entries":0,"attrs":["urgency"],"constraint":{"states":[16]},"userid":4294967295,"states":16,"results":0}`,
		`job-info.lookup {"id":57,"keys":["J"],"flags":0}`,
		`job-ingest.submit {"J":"signed","urgency":20,"flags":0}`,
		`job-manager.raise {"id":57,"type":"cancel","severity":0,"note":"gopherlocks: its ranks end; submitted again as ƒ21"}`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
	refuse, asked = topicSubmit, nil
	if _, err := client.Requeue(t.Context(), jobs[0]); err == nil || len(asked) != 2 {
		t.Errorf("a job that is refused: %v, asked %q", err, asked)
	}
}

func TestQueues(t *testing.T) {
	unnamed := scripted{topicQueueList: []string{`{"queues":[]}`}, topicQueueStatus: []string{`{"enable":true,"start":true}`}}
	if got, err := ask(t, unnamed.answer).Queues(t.Context()); err != nil || !slices.Equal(got, []Queue{{Started: true}}) {
		t.Errorf("without names: %+v, %v", got, err)
	}
	client := ask(t, func(_ context.Context, r *fluxrpc.Request) {
		answer := `{"queues":["batch","debug"]}`
		if r.Topic == topicQueueStatus {
			var request struct{ Name string }
			_ = r.Unpack(&request)
			answer = map[string]string{"batch": `{"enable":true,"start":true}`, "debug": `{"enable":true,"start":false,"stop_reason":"maintenance"}`}[request.Name]
		}
		_ = r.Respond(json.RawMessage(answer))
	})
	want := []Queue{{Name: "batch", Started: true}, {Name: "debug", StopReason: "maintenance"}}
	if got, err := client.Queues(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("with names: %+v, %v, want %+v", got, err, want)
	}
	for name, broken := range map[string]scripted{
		"no list":   {topicQueueList: []string{`{}`}},
		"no status": {topicQueueList: []string{`{"queues":[]}`}, topicQueueStatus: []string{`{}`}},
	} {
		if _, err := ask(t, broken.answer).Queues(t.Context()); err == nil || !strings.Contains(err.Error(), "the answer has no field") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
