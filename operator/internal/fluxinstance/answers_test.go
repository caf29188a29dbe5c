package fluxinstance

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// scripted is a broker that gives one answer for each topic: a syscall.Errno, or payloads
// in JSON, of which a request that does not stream gets the first.
type scripted map[string]any

func (s scripted) answer(_ context.Context, r *fluxrpc.Request) {
	switch answer := s[r.Topic].(type) {
	case nil:
		_ = r.RespondError(syscall.ENOSYS, "Unknown service method")
	case syscall.Errno:
		_ = r.RespondError(answer, "")
	case []string:
		for _, payload := range answer {
			_ = r.Respond(json.RawMessage(payload))
			if !r.Streaming() {
				return
			}
		}
		_ = r.RespondError(syscall.ENODATA, "")
	}
}

// ask returns a client of a broker that answers so.
func ask(t *testing.T, handler fluxrpc.Handler) *Client {
	t.Helper()
	folder, err := os.MkdirTemp("", "fluxinstance") // t.TempDir() may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	socket := filepath.Join(folder, "local")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- fluxrpc.Serve(ctx, listener, handler) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return newClient(t, socket)
}

// drainsOf is drains as text that can be compared.
func drainsOf(drains Drains) []string {
	var text []string
	for _, drain := range drains {
		text = append(text, drain.Ranks.String()+"|"+drain.Reason)
	}
	return text
}

func TestDrainsAreGatheredByReason(t *testing.T) {
	client := ask(t, scripted{topicStatus: []string{`{"R":null,"online":"0-2","offline":"3","drain":{
		"0-1":{"timestamp":1.5,"reason":"gopherlocks: going"},"5":{"timestamp":2,"reason":"gopherlocks: going"},
		"2":{"timestamp":1,"reason":"not gopherlocks: this"},"3":{"timestamp":1,"reason":""},
		"4":{"timestamp":1,"reason":null},"7":{"timestamp":1,"reason":"gopherlocks:"}}}`}}.answer)
	drains, err := client.Drained(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"3-4|", "7|gopherlocks:", "0-1,5|gopherlocks: going", "2|not gopherlocks: this"}
	if got := drainsOf(drains); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := drains.Because("gopherlocks:").String(); got != "0-1,5,7" {
		t.Errorf("Because(ours) = %q, want 0-1,5,7", got)
	}
	if got := drains.Ranks().String(); got != "0-5,7" {
		t.Errorf("Ranks() = %q, want 0-5,7", got)
	}
}

// TestWhatIsNotUnderstoodIsAnError: what could be taken for idle, for drained by nobody or
// for no job must not be.
func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	all := ranks(t, "0-9")
	calls := map[string]func(*Client) error{
		"Drained":   func(c *Client) error { _, err := c.Drained(t.Context()); return err },
		"Online":    func(c *Client) error { _, err := c.Online(t.Context()); return err },
		"Allocated": func(c *Client) error { _, err := c.Allocated(t.Context(), all); return err },
		"Jobs":      func(c *Client) error { _, err := c.Jobs(t.Context(), all); return err },
		"Pending":   func(c *Client) error { _, err := c.PendingJobs(t.Context()); return err },
		"Counts":    func(c *Client) error { _, err := c.Counts(t.Context()); return err },
		"Since":     func(c *Client) error { _, err := c.DrainedSinceOnline(t.Context()); return err },
	}
	for _, test := range []struct {
		call, topic string
		answer      any
		want        string
	}{
		{"Drained", topicStatus, []string{`{"online":"0"}`}, `no field "drain"`},
		{"Drained", topicStatus, []string{`{"drain":{"x":{"reason":""}}}`}, "drain: "},
		{"Drained", topicStatus, []string{`{"drain":{"1":{"reason":5}}}`}, "reason"},
		{"Online", topicStatus, []string{`{"drain":{}}`}, `no field "online"`},
		{"Online", topicStatus, []string{`{"online":"5-1"}`}, "5-1"},
		{"Online", topicStatus, syscall.EPERM, "not permitted"},
		{"Allocated", topicAllocated, []string{`{"all":null}`}, "no such field"},
		{"Allocated", topicAllocated, []string{`{"allocated":{"version":2}}`}, "version 2"},
		{"Allocated", topicAllocated, []string{`{"allocated":{"version":1,"execution":{"R_lite":[{"children":{}}]}}}`}, "no rank"},
		{"Allocated", topicAllocated, []string{`{"allocated":"0-3"}`}, topicAllocated + ": allocated: json"},
		{"Allocated", topicAllocated, syscall.EINVAL, topicAllocated},
		{"Allocated", topicGiven, []string{`{}`}, topicGiven + ": allocated: there is no such field"},
		{"Allocated", topicGiven, syscall.EINVAL, topicGiven},
		{"Allocated", "no.topic", syscall.EINVAL, topicGiven + ": function not implemented"},
		{"Counts", topicAllocated, []string{`{"all":null,"down":null}`}, topicAllocated + ": allocated: there is no such field"},
		{"Counts", topicGiven, []string{`{"down":null,"allocated":null}`}, topicGiven + ": all: there is no such field"},
		{"Counts", topicAllocated, []string{`{"all":null,"down":null,"allocated":{"version":1,"execution":{"R_lite":[{"rank":"1"}]}}}`}, "more is allocated than there is"},
		{"Counts", topicAllocated, []string{`{"all":null,"down":null,"allocated":null}`}, topicJobCounts},
		{"Jobs", topicJobs, []string{`{}`}, `no field "jobs"`},
		{"Jobs", topicJobs, []string{`{"jobs":[{"id":1,"ranks":"x"}]}`}, "payload"},
		{"Jobs", topicJobs, []string{`{"jobs":[{"id":"ƒ1"}]}`}, "payload"},
		{"Pending", topicJobs, []string{`{"jobs":null}`}, `no field "jobs"`},
		{"Since", topicJournal, []string{`{"R":null}`}, `no field "events"`},
		{"Since", topicJournal, []string{`{"events":[{"name":"drain","context":{}}]}`}, `"drain" has no field "idset"`},
		{"Since", topicJournal, []string{`{"events":[{"name":"restart"}]}`}, "the past of flux resource.journal"},
		{"Since", topicJournal, syscall.EPERM, "not permitted"},
	} {
		err := calls[test.call](ask(t, scripted{test.topic: test.answer}.answer))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s at %v: %v, want an error with %q", test.call, test.answer, err, test.want)
		}
	}
}

// TestAllocatedRanksAreThoseThatAnybodyTells: a job that the scheduler has just given
// ranks is known to nobody else yet.
func TestAllocatedRanksAreThoseThatAnybodyTells(t *testing.T) {
	const answer = `{"all":null,"allocated":{"version":1,"execution":{"R_lite":[{"rank":"2-3","children":{"core":"0-1"}},{"rank":"5","children":{}}],"starttime":0.0}}}`
	for _, test := range []struct {
		broker scripted
		want   string
	}{
		{scripted{topicAllocated: []string{answer}}, "3,5"},
		{scripted{topicGiven: []string{answer}}, "3,5"},
		{scripted{topicAllocated: []string{`{"allocated":null}`}, topicGiven: []string{answer}}, "3,5"},
		{scripted{topicAllocated: []string{`{"allocated":{"version":1,"execution":{"R_lite":[{"rank":"4"}]}}}`}, topicGiven: []string{answer}}, "3-5"},
		{scripted{topicAllocated: []string{`{"allocated":null}`}}, ""},
		{scripted{topicAllocated: []string{`{"allocated":{"version":1,"execution":{"R_lite":[]}}}`}}, ""},
	} {
		got, err := ask(t, test.broker.answer).Allocated(t.Context(), ranks(t, "3-9"))
		if err != nil || got.String() != test.want {
			t.Errorf("%v: %q, %v, want %q", test.broker, got, err, test.want)
		}
	}
}

// journal is as flux-core 0.88 tells of it, in two answers.
var journal = []string{
	`{"events":[{"timestamp":1795651818.3610907,"name":"restart","context":{"ranks":"0-3","online":"","nodelist":"x-0,x-1,x-2,x-3"}},
		{"timestamp":1795651818.5797532,"name":"online","context":{"idset":"0"}}]}`,
	`{"events":[{"timestamp":1795651818.6136234,"name":"resource-define","context":{"method":"dynamic-discovery"}}],"R":{"version":1}}`,
	`{"events":[{"timestamp":1795651818.9517763,"name":"drain","context":{"idset":"0-2","nodelist":"x-0,x-1,x-2","reason":"hello","overwrite":0}},
		{"timestamp":1795651819.834275,"name":"online","context":{"idset":"1,3"}},
		{"timestamp":1795651820.834275,"name":"drain","context":{"idset":"3","nodelist":"x-3","overwrite":0}},
		{"timestamp":1795651820.934275,"name":"undrain","context":{"idset":"0","nodelist":"x-0","overwrite":0}}]}`,
}

func TestDrainsAreKnownFromTheJournal(t *testing.T) {
	const restart = `{"events":[{"timestamp":1795651821.1,"name":"restart","context":{"ranks":"0-3"}}]}`
	const gone = `{"events":[{"timestamp":1795651821.1,"name":"offline","context":{"idset":"1"}}]}`
	const end, later = `{"events":[]}`, `{"events":[{"timestamp":1795651822,"name":"drain","context":{"idset":"0-3"}}]}`
	online := func(c *Client) (string, error) {
		set, err := c.DrainedSinceOnline(t.Context())
		return set.String(), err
	}
	since := func(millis int64) func(*Client) (string, error) {
		return func(c *Client) (string, error) {
			set, err := c.DrainedSince(t.Context(), time.UnixMilli(millis))
			return set.String(), err
		}
	}
	for _, test := range []struct {
		name  string
		ask   func(*Client) (string, error)
		after []string
		want  string
	}{
		{"since they are online", online, nil, "2-3"},
		{"after a restart", online, []string{restart}, ""},
		{"rank 3 before the time, ranks 0 to 2 before it too", since(1795651820900), nil, ""},
		{"since before the first drain", since(1795651818900), nil, "1-3"},
		{"since rank 1 has gone", since(1795651818900), []string{gone}, "2-3"},
	} {
		answers := slices.Concat(journal, test.after, []string{end, later})
		if got, err := test.ask(ask(t, scripted{topicJournal: answers}.answer)); err != nil || got != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got, err, test.want)
		}
		if got, err := test.ask(ask(t, scripted{}.answer)); err != nil || got != "" {
			t.Errorf("%s, of an older Flux: %q, %v, want none", test.name, got, err)
		}
	}
}

// TestRequestsAreThoseOfAllVersions holds what is asked against what flux-core 0.51 and
// 0.88 read.
func TestRequestsAreThoseOfAllVersions(t *testing.T) {
	asked := make(chan string, 1)
	client := ask(t, func(_ context.Context, r *fluxrpc.Request) {
		asked <- r.Topic + " " + strings.TrimSuffix(string(r.Payload), "\x00")
		_ = r.Respond(struct {
			Jobs []listed `json:"jobs"`
		}{[]listed{}})
	})
	for want, do := range map[string]func() error{
		`resource.drain {"targets":"2-3","reason":"ours: going","mode":"update"}`: func() error {
			return client.Drain(t.Context(), ranks(t, "2-3"), "ours: going")
		},
		`resource.drain {"targets":"2","reason":"ours: now","mode":"overwrite"}`: func() error {
			return client.DrainAnew(t.Context(), ranks(t, "2"), "ours: now")
		},
		`resource.undrain {"targets":"2"}`:                  func() error { return client.Undrain(t.Context(), ranks(t, "2")) },
		`job-manager.queue-start {"start":true,"all":true}`: func() error { return client.StartQueues(t.Context()) },
		`job-manager.queue-start {"name":"debug","start":true,"all":false,"nocheckpoint":true}`: func() error {
			return client.StartQueue(t.Context(), "debug")
		},
		`job-manager.queue-start {"start":false,"all":false,"reason":"ours: quiet","nocheckpoint":true}`: func() error {
			return client.StopQueue(t.Context(), "", "ours: quiet")
		},
		`job-list.list {"max_entries":0,"attrs":["ranks"],"constraint":{"states":[48]},"userid":4294967295,"states":48,"results":0}`: func() error {
			_, err := client.Jobs(t.Context(), ranks(t, "2"))
			return err
		},
		`job-list.list {"max_entries":0,"attrs":["state"],"constraint":{"states":[14]},"userid":4294967295,"states":14,"results":0}`: func() error {
			_, err := client.PendingJobs(t.Context())
			return err
		},
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got := <-asked; got != want {
			t.Errorf("asked %s\n want %s", got, want)
		}
	}
}

func TestJobsAreThoseOfTheRanks(t *testing.T) {
	client := ask(t, scripted{topicJobs: []string{`{"jobs":[{"id":6731191091817518,"ranks":"0-1"},{"id":57,"ranks":"3"},{"id":58,"ranks":"2"},{"id":5},{"id":4,"ranks":""}]}`}}.answer)
	got, err := client.Jobs(t.Context(), ranks(t, "1-2"))
	want := []Job{{"ƒuZZybuNNy", ranks(t, "0-1")}, {"ƒ21", ranks(t, "2")}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if n, err := client.PendingJobs(t.Context()); err != nil || n != 5 {
		t.Errorf("PendingJobs = %d, %v, want 5", n, err)
	}
}

// TestUndrainLeavesOutWhatIsNotDrained: Flux refuses the whole set then.
func TestUndrainLeavesOutWhatIsNotDrained(t *testing.T) {
	for _, test := range []struct {
		drained, undrained string
		fails              bool
	}{
		{`{}`, "1-3", false},
		{`{"2":{"reason":""},"5":{"reason":""}}`, "1-3 2", true}, // it is refused again
		{`{"1-4":{"reason":""}}`, "1-3", true},
	} {
		var undrained []string
		client := ask(t, func(ctx context.Context, r *fluxrpc.Request) {
			if r.Topic == topicStatus {
				_ = r.Respond(json.RawMessage(`{"drain":` + test.drained + `}`))
				return
			}
			var request drainRequest
			_ = r.Unpack(&request)
			undrained = append(undrained, request.Targets)
			_ = r.RespondError(syscall.EEXIST, "rank 1 not drained")
		})
		err := client.Undrain(t.Context(), ranks(t, "1-3"))
		if got := strings.Join(undrained, " "); got != test.undrained || (err != nil) != test.fails {
			t.Errorf("of %s undrained %q, %v, want %q", test.drained, got, err, test.undrained)
		}
	}
}

func TestSilentBrokerIsNotWaitedForLongerThanTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := limit(t.Context())
		defer cancel()
		begin := time.Now()
		<-ctx.Done()
		if took := time.Since(begin); took != Timeout || context.Cause(ctx).Error() != "no answer within 10s" {
			t.Errorf("%v after %v", context.Cause(ctx), took)
		}
	})
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("the pod is being stopped"))
	defer cancel()
	client := ask(t, func(ctx context.Context, _ *fluxrpc.Request) { <-ctx.Done() })
	if _, err := client.Online(ctx); err == nil || !strings.Contains(err.Error(), "flux resource.status: the pod is being stopped") {
		t.Errorf("%v", err)
	}
	if _, err := client.DrainedSinceOnline(ctx); err == nil || !strings.Contains(err.Error(), "the pod is being stopped") {
		t.Errorf("%v", err)
	}
}

func TestJobIDsAreInFluxsShortForm(t *testing.T) {
	// Pairs that src/common/libutil/test/fluid.c of flux-core 0.88 checks, and 58.
	for id, want := range map[JobID]string{
		0: "ƒ1", 57: "ƒz", 58: "ƒ21", 1234: "ƒNH", 3364: "ƒ211", 6731191091817518: "ƒuZZybuNNy", 1<<64 - 1: "ƒjpXCZedGfVQ",
	} {
		if got := id.String(); got != want {
			t.Errorf("%d is %s, want %s", uint64(id), got, want)
		}
	}
}

// FuzzAnswers: whatever a broker says, it is read or refused.
func FuzzAnswers(f *testing.F) {
	f.Add(`{"all":{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-1","gpu":"0"}}]}},"down":null,"allocated":null}`)
	f.Add(`{"drain":{"0-1":{"reason":"x"}},"online":"0-3","allocated":{"version":1,"execution":{"R_lite":[{"rank":"1"}]}}}`)
	f.Add(`{"events":[{"timestamp":1,"name":"drain","context":{"idset":"0-2"}}],"jobs":[{"id":1,"ranks":"0"}]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		var status resourceStatus
		if json.Unmarshal([]byte(text), &status) == nil {
			_, _ = status.drains()
		}
		var scheduled scheduledStatus
		if json.Unmarshal([]byte(text), &scheduled) == nil {
			_, _ = scheduled.count()
		}
		var event resourceEvent
		if json.Unmarshal([]byte(text), &event) == nil {
			_ = (&drainsSince{event: "online"}).add(event)
		}
	})
}

// TestCountsNeedEachState: a number that is not told is not 0.
func TestCountsNeedEachState(t *testing.T) {
	const nothing = `{"all":null,"down":null,"allocated":null}`
	for answer, want := range map[string]string{
		`{}`: `no field "job_states"`,
		`{"job_states":{"depend":0,"priority":0,"sched":0,"run":0,"inactive":0}}`:               `no field "job_states.cleanup"`,
		`{"job_states":{"depend":0,"priority":0,"sched":0,"run":0,"cleanup":0,"inactive":"0"}}`: "payload",
	} {
		_, err := ask(t, scripted{topicAllocated: []string{nothing}, topicJobCounts: []string{answer}}.answer).Counts(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", answer, err, want)
		}
	}
}
