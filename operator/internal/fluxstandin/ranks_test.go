package fluxstandin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

func seeBacklog(t *testing.T, s *seen) {
	running := s.submit("A", "-N1", "sleep", "60")
	s.until(running, "start")
	held := s.submit("B", "--urgency=0", "true")
	waits := s.submit("C", "--dependency=afterok:"+running, "true")
	s.until(waits, "validate")
	s.until(held, "priority")

	late := see(t, s.Instance, s.URI, map[string]any{})
	late.names = s.names
	if len(late.events) != 3 || len(late.resources) != 3 {
		t.Errorf("the past tells of %d jobs, and %d jobspecs; want 3 of each", len(late.events), len(late.resources))
	}
	same(t, "past of a job that runs", late.until(running, "start"), "submit urgency=16", "validate", "depend", "priority priority=16", "alloc 0/core0-1,gpu0", "start")
	same(t, "past of a held job", late.until(held, "priority"), "submit urgency=0", "validate", "depend", "priority priority=0")
	same(t, "past of a job that waits", late.until(waits, "validate"), "submit urgency=16", "dependency-add description=after-success=A", "validate")

	filtered := see(t, s.Instance, s.URI, map[string]any{"full": false, "allow": map[string]int{"alloc": 1, "clean": 1}})

	list := func(states ...int) []string {
		var answer struct {
			Jobs []struct {
				ID    int64  `json:"id"`
				State int    `json:"state"`
				Ranks string `json:"ranks"`
			} `json:"jobs"`
		}
		constraint := map[string]any{"and": []any{map[string]any{"states": states}}}
		s.request("job-list.list", map[string]any{"max_entries": 0, "attrs": []string{"state", "ranks"}, "constraint": constraint}, &answer)
		var words []string
		for _, job := range answer.Jobs {
			words = append(words, fmt.Sprintf("%v %d %s", s.named([]string{instance.ID(job.ID).String()}), job.State, job.Ranks))
		}
		slices.Sort(words)
		return words
	}
	Await(t, func() bool { return len(list(14)) == 2 && len(list(48)) == 1 }) // Flux's list is a little late
	same(t, "jobs that wait", list(14), "[B] 8 ", "[C] 2 ")
	same(t, "jobs that run", list(16, 32), "[A] 16 0")
	var status struct {
		Allocated set `json:"allocated"`
		Down      set `json:"down"`
		All       set `json:"all"`
	}
	s.request("resource.sched-status", nil, &status)
	same(t, "the scheduler's ranks", []string{status.Allocated.String(), status.Down.String(), status.All.String()}, "0/core0-1,gpu0", "", "0-3/core0-1,gpu0")
	var statistics struct {
		Active       int `json:"active_jobs"`
		Housekeeping struct {
			Running map[string]any `json:"running"`
		} `json:"housekeeping"`
	}
	if s.request("job-manager.stats-get", nil, &statistics); statistics.Active != 3 || statistics.Housekeeping.Running == nil {
		t.Errorf("statistics %+v, want 3 active jobs, and which ranks are cleaned", statistics)
	}
	for _, id := range []string{held, running} {
		s.Run("cancel", id)
		s.until(id, "clean")
	}
	s.until(waits, "clean")
	filtered.until(waits, "clean")
	same(t, "the wanted events", filtered.until(running, "clean"), "alloc 0/core0-1,gpu0", "clean")
}

func seeDrains(t *testing.T, s *seen) {
	stream := s.listen("resource.journal", nil)
	next := func() []event {
		var e struct {
			Events []event `json:"events"`
			R      *set    `json:"R"`
		}
		if err := stream.Next(&e); err != nil {
			t.Fatal(err)
		}
		if defines := len(e.Events) == 1 && e.Events[0].Name == "resource-define"; defines != (e.R != nil) {
			t.Errorf("%v comes with R %v, want R with the event that defines it alone", e.Events, e.R)
		}
		return e.Events
	}
	var past []string
	for events := next(); len(events) > 0; events = next() {
		for _, event := range events {
			past = append(past, event.Name)
		}
	}
	same(t, "the past of the ranks", slices.Compact(past), "restart", "resource-define", "online")
	for _, step := range []struct {
		topic, targets, mode, reason, event string
		drained                             map[string]string
	}{
		{"drain", "2-3", "update", "two words", "drain idset=2-3 overwrite=0 reason=two words", map[string]string{"2": "two words", "3": "two words"}},
		{"drain", "1-2", "update", "more", "drain idset=1-2 overwrite=0 reason=more", map[string]string{"1": "more", "2": "two words", "3": "two words"}},
		{"drain", "1,3", "overwrite", "new", "drain idset=1,3 overwrite=1 reason=new", map[string]string{"1": "new", "2": "two words", "3": "new"}},
		{"undrain", "2", "", "", "undrain idset=2 overwrite=0", map[string]string{"1": "new", "3": "new"}},
		{"undrain", "1-3", "update", "", "undrain idset=1-3 overwrite=0", map[string]string{}},
	} {
		payload := map[string]any{"targets": step.targets}
		if step.mode != "" {
			payload["mode"] = step.mode
		}
		if step.reason != "" {
			payload["reason"] = step.reason
		}
		s.request("resource."+step.topic, payload, nil)
		if events := next(); len(events) != 1 || events[0].words() != step.event {
			t.Errorf("%v is told as %v, want %s", payload, events, step.event)
		}
		if got := s.drained(); !maps.Equal(got, step.drained) {
			t.Errorf("after %v %v is drained, want %v", payload, got, step.drained)
		}
	}
}

// drained are the reasons of drained ranks, and holds the scheduler to it.
func (s *seen) drained() map[string]string {
	s.t.Helper()
	var status struct {
		Drain map[string]struct {
			Timestamp float64 `json:"timestamp"`
			Reason    string  `json:"reason"`
		} `json:"drain"`
		Online  string `json:"online"`
		Offline string `json:"offline"`
		R       set    `json:"R"`
	}
	s.request("resource.status", nil, &status)
	if status.Online != "0-3" || status.Offline != "" || status.R.String() != "0-3/core0-1,gpu0" {
		s.t.Errorf("status %+v, want all ranks online", status)
	}
	reasons := map[string]string{}
	for text, drain := range status.Drain {
		var first, last int
		if n, err := fmt.Sscanf(text, "%d-%d", &first, &last); n == 1 && err != nil {
			last = first
		}
		for ; first <= last; first++ {
			reasons[fmt.Sprint(first)] = drain.Reason
		}
		if strings.Contains(text, ",") { // such as 1,3
			reasons[text[strings.Index(text, ",")+1:]] = drain.Reason
		}
		if drain.Timestamp == 0 {
			s.t.Errorf("the drain of %s has no time", text)
		}
	}
	return reasons
}

func seeRefusals(t *testing.T, s *seen) {
	s.request("resource.drain", map[string]any{"targets": "3", "reason": "x"}, nil)
	s.until(s.submit("A", "true"), "clean")
	Await(t, func() bool { return s.Run("jobs", "-a", "--no-header", "--format", "{id}") != "" })
	type payload map[string]any
	for _, test := range []struct {
		topic   string
		payload any
		errno   syscall.Errno
		text    string
	}{
		{"nosuch.topic", nil, syscall.ENOSYS, "No service matching nosuch.topic is registered"},
		{"resource.nosuch", nil, syscall.ENOSYS, "Unknown service method 'resource.nosuch'"},
		{"job-manager.nosuch", payload{}, syscall.ENOSYS, "Unknown service method 'job-manager.nosuch'"},
		{"resource.drain", payload{}, syscall.EPROTO, ""},
		{"resource.drain", nil, syscall.EPROTO, ""},
		{"resource.drain", payload{"targets": "9", "mode": "update"}, syscall.EINVAL, "idset is out of range"},
		{"resource.drain", payload{"targets": ""}, syscall.EINVAL, "idset is empty"},
		{"resource.drain", payload{"targets": "zz"}, syscall.EINVAL, "invalid targets: invalid hosts: zz"},
		{"resource.drain", payload{"targets": "2-3", "reason": "y"}, syscall.EEXIST, "rank 3 already drained"},
		{"resource.drain", payload{"targets": "2", "mode": "bad"}, syscall.EINVAL, "Invalid mode specified"},
		{"resource.undrain", payload{"targets": "2-3"}, syscall.EEXIST, "rank 2 not drained"},
		{"resource.undrain", payload{"targets": "0-1"}, syscall.EEXIST, "ranks 0-1 not drained"},
		{"resource.undrain", payload{"targets": "9"}, syscall.EINVAL, "idset is out of range"},
		{"resource.undrain", payload{"targets": "3", "mode": "bad"}, syscall.EINVAL, "invalid undrain mode 'bad' specified"},
		{"resource.journal", nil, syscall.EPROTO, "journal requires streaming RPC flag"},
		{"job-manager.events-journal", payload{}, syscall.EPROTO, "job-manager.events requires streaming RPC flag"},
		{"job-manager.queue-status", payload{"name": "x"}, syscall.EINVAL, "'x' is not a valid queue"},
		{"job-manager.queue-start", payload{"start": true}, syscall.EPROTO, ""},
		{"job-list.list", payload{"attrs": []string{"all"}}, syscall.EPROTO, "invalid payload: Object item not found: max_entries"},
		{"job-list.list", payload{"max_entries": -1, "attrs": []string{}}, syscall.EPROTO, "invalid payload: max_entries < 0 not allowed"},
		{"job-list.list", payload{"max_entries": 0, "attrs": []string{"foo"}}, syscall.EINVAL, "foo is not a valid attribute"},
		{"job-list.list", payload{"max_entries": 0, "attrs": []string{}, "constraint": payload{"foo": []int{1}}}, syscall.EPROTO, "invalid payload: constraint object invalid: unknown constraint operator: foo"},
		{"attr.get", payload{"name": "nope"}, syscall.ENOENT, ""},
		{"attr.get", payload{}, syscall.EPROTO, ""},
	} {
		err := s.client.Request(t.Context(), test.topic, test.payload, nil)
		refused, ok := errors.AsType[*fluxrpc.Error](err)
		if !ok || refused.Errno != test.errno || refused.Text != test.text {
			t.Errorf("%s %v: %v, want %v and %q", test.topic, test.payload, err, test.errno, test.text)
		}
	}
	s.request("resource.undrain", map[string]any{"targets": "3"}, nil)
	var version struct {
		Value string `json:"value"`
	}
	if s.request("attr.get", map[string]any{"name": "version"}, &version); version.Value == "" {
		t.Error("there is no version")
	}
}

func seeFollower(t *testing.T, s *seen) {
	path := strings.TrimPrefix(s.URI, "local://")
	path = path[:len(path)-1] + "2" // local-0 is the lead's
	for _, test := range []struct {
		node    uint32
		topic   string
		payload any
		errno   syscall.Errno
		answer  string // or a part of it
	}{
		{anyNode, "attr.get", map[string]string{"name": "rank"}, 0, `"value":"2"`},
		{0, "attr.get", map[string]string{"name": "rank"}, 0, `"value":"0"`},
		{1, "attr.get", map[string]string{"name": "rank"}, 0, `"value":"1"`},
		{9, "attr.get", map[string]string{"name": "rank"}, syscall.EHOSTUNREACH, ""},
		{anyNode, "resource.status", nil, syscall.EPROTO, "this RPC only works on rank 0"},
		{0, "resource.status", nil, 0, `"online":"0-3"`},
		{anyNode, "resource.drain", map[string]string{"targets": "1"}, syscall.ENOSYS, "Unknown service method 'resource.drain'"},
		{0, "resource.drain", map[string]string{"targets": "9"}, syscall.EINVAL, "idset is out of range"},
		{anyNode, "job-manager.queue-status", map[string]string{}, 0, `"start":true`},
		{0, "job-manager.queue-status", map[string]string{}, 0, `"start":true`},
		{anyNode, "nosuch.topic", nil, syscall.ENOSYS, "No service matching nosuch.topic is registered"},
	} {
		errno, answer := ask(t, path, test.node, test.topic, test.payload)
		if errno != test.errno || !strings.Contains(answer, test.answer) {
			t.Errorf("node %d, %s %v: %v %q, want %v %q", int32(test.node), test.topic, test.payload, errno, answer, test.errno, test.answer)
		}
	}
	far := see(t, s.Instance, path, map[string]any{})
	far.until(far.submit("A", "true"), "clean")
}

// TestClientsAreToldOfTheEndOfBrokers is with the stand-in alone: a real Flux was seen to
// do the same.
func TestClientsAreToldOfTheEndOfBrokers(t *testing.T) {
	p := newPretend(t, 2)
	journal := func(rank int) *fluxrpc.Stream {
		client, err := fluxrpc.New("local://" + p.socket(rank))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		t.Cleanup(cancel)
		var stream *fluxrpc.Stream
		Await(t, func() bool { // a broker is online a little before it has its socket
			stream, err = client.Stream(ctx, "job-manager.events-journal", map[string]any{})
			return err == nil
		})
		return stream
	}
	end := func(stream *fluxrpc.Stream) (names []string, err error) {
		for {
			var e entry
			if err := stream.Next(&e); err != nil {
				return names, err
			}
			for _, event := range e.Events {
				names = append(names, event.Name)
			}
		}
	}
	lead, follower := p.broker(0), p.broker(1)
	p.awaitOnline("0-1")
	stream := journal(1)
	follower.signal(syscall.SIGKILL)
	if _, err := end(stream); err == nil || errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a killed broker: %v, want a broken connection", err)
	}
	follower.code()

	// A follower that has lost its lead cannot ask it, and ends when there is another.
	follower = p.broker(1)
	p.awaitOnline("0-1")
	stream = journal(1)
	lead.signal(syscall.SIGKILL)
	if _, err := end(stream); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("a stream without a lead: %v, want EHOSTUNREACH", err)
	}
	if errno, _ := ask(t, p.socket(1), 0, "resource.status", nil); errno != syscall.EHOSTUNREACH {
		t.Errorf("a request without a lead: %v, want EHOSTUNREACH", errno)
	}
	lead = p.broker(0)
	follower.code()

	p.broker(1)
	p.awaitOnline("0-1")
	p.must("submit", "sleep", "60")
	p.await("0", "resource", "list", "-s", "allocated", "-no", "{ranks}")
	streams := []*fluxrpc.Stream{journal(0), journal(1)}
	lead.signal(syscall.SIGTERM)
	for rank, stream := range streams {
		names, err := end(stream)
		if !errors.Is(err, io.EOF) || len(names) == 0 || names[len(names)-1] != "clean" {
			t.Errorf("rank %d at the clean end: %v and %v, want the end of the job, and then of the stream", rank, names, err)
		}
	}
}
