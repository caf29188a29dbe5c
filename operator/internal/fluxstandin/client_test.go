package fluxstandin

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestAClientSeesWhatFluxShows holds the stand-in to a real Flux: with one, it must pass
// as well.
func TestAClientSeesWhatFluxShows(t *testing.T) {
	i := Start(t, 4, 2, 1)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *seen)
	}{
		{"jobs run where there is room", seeJobsRun},
		{"jobs end", seeJobsEnd},
		{"jobs are held", seeHeldJobs},
		{"jobs wait for others", seeDependencies},
		{"the queue is stopped", seeStoppedQueue},
		{"the past comes first", seeBacklog},
		{"ranks are drained", seeDrains},
		{"requests are refused", seeRefusals},
		{"followers pass requests on", seeFollower},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, see(t, i, i.URI, map[string]any{})) })
	}
}

func seeJobsRun(t *testing.T, s *seen) {
	for _, test := range []struct{ args, resources, ranks string }{
		{"true", `[{"count":1,"label":"task","type":"slot","with":[{"count":1,"type":"core"}]}]`, "0/core0"},
		{"-n3 true", `[{"count":3,"label":"task","type":"slot","with":[{"count":1,"type":"core"}]}]`, "0/core0-1 1/core0"},
		{"-n2 -c2 true", `[{"count":2,"label":"task","type":"slot","with":[{"count":2,"type":"core"}]}]`, "0-1/core0-1"},
		{"-n1 -g1 true", `[{"count":1,"label":"task","type":"slot","with":[{"count":1,"type":"core"},{"count":1,"type":"gpu"}]}]`, "0/core0,gpu0"},
		{"-N2 true", `[{"count":2,"exclusive":true,"type":"node","with":[{"count":1,"label":"task","type":"slot","with":[{"count":1,"type":"core"}]}]}]`, "0-1/core0-1,gpu0"},
		{"-N2 -n3 true", `[{"count":2,"type":"node","with":[{"count":2,"label":"task","type":"slot","with":[{"count":1,"type":"core"}]}]}]`, "0-1/core0-1"},
		{"-N1 -n1 --exclusive true", `[{"count":1,"exclusive":true,"type":"node","with":[{"count":1,"label":"task","type":"slot","with":[{"count":1,"type":"core"}]}]}]`, "0/core0-1,gpu0"},
	} {
		id := s.submit("A", strings.Fields(test.args)...)
		same(t, test.args, s.until(id, "clean"), around("alloc "+test.ranks, "start", "finish status=0")...)
		if got := s.resources[s.number(id)]; got != test.resources {
			t.Errorf("%s asks for %s, want %s", test.args, got, test.resources)
		}
	}
}

func seeJobsEnd(t *testing.T, s *seen) {
	same(t, "a job that fails", s.until(s.submit("A", "false"), "clean"), around("alloc 0/core0", "start", "finish status=256")...)
	id := s.submit("A", "-N2", "sleep", "60")
	s.until(id, "start")
	s.Run("cancel", id)
	same(t, "a job that is canceled", s.until(id, "clean"),
		around("alloc 0-1/core0-1,gpu0", "start", "exception severity=0 type=cancel", "finish status=killed")...)
	unable := []string{"submit urgency=16", "validate", "depend", "priority priority=16", "exception severity=0 type=alloc", "clean"}
	for _, args := range []string{"-N5 true", "-n9 true", "-n1 -c3 true", "-n1 -g2 true"} {
		same(t, args, s.until(s.submit("A", strings.Fields(args)...), "clean"), unable...)
	}
}

func seeHeldJobs(t *testing.T, s *seen) {
	id := s.submit("A", "--urgency=hold", "true")
	held := []string{"submit urgency=0", "validate", "depend", "priority priority=0"}
	same(t, "a held job", s.until(id, "priority"), held...)
	// One that comes later is not held up.
	s.until(s.submit("B", "true"), "clean")
	s.Run("job", "urgency", id, "20")
	same(t, "a job that was held", s.until(id, "clean"), slices.Concat(held, []string{"urgency urgency=20", "priority priority=20"}, around("alloc 0/core0", "start", "finish status=0")[4:])...)
	id = s.submit("A", "--urgency=0", "true")
	s.Run("cancel", id)
	same(t, "a held job that is canceled", s.until(id, "clean"), append(held, "exception severity=0 type=cancel", "clean")...)
	first := s.submit("A", "-N4", "sleep", "60")
	s.until(first, "start")
	s.submit("B", "-N4", "true")
	last := s.submit("C", "-N4", "--urgency=31", "sleep", "60")
	s.until(last, "priority")
	s.Run("cancel", first)
	s.until(last, "start") // and not B
	s.Run("cancel", last)
	s.until(last, "clean")
}

func seeDependencies(t *testing.T, s *seen) {
	first := s.submit("A", "-N4", "sleep", "60")
	s.until(first, "start")
	ids := map[string]string{}
	for _, scheme := range []string{"afterok", "afternotok", "afterany"} {
		ids[scheme] = s.submit("B", "--dependency="+scheme+":"+first, "true")
		s.until(ids[scheme], "validate")
	}
	s.Run("cancel", first)
	waits := func(kind string) []string {
		return []string{"submit urgency=16", "dependency-add description=" + kind + "=A", "validate"}
	}
	same(t, "one that is satisfied", s.until(ids["afterany"], "clean"),
		slices.Concat(waits("after-finish"), []string{"dependency-remove description=after-finish=A"}, s.ranAnywhere(ids["afterany"])[2:])...)
	same(t, "one that a failure satisfies", s.until(ids["afternotok"], "clean"),
		slices.Concat(waits("after-failure"), []string{"dependency-remove description=after-failure=A"}, s.ranAnywhere(ids["afternotok"])[2:])...)
	same(t, "one that cannot be satisfied any more", s.until(ids["afterok"], "clean"), append(waits("after-success"), "exception severity=0 type=dependency", "clean")...)

	same(t, "one on a job that has ended", s.until(s.submit("C", "--dependency=afterany:"+first, "true"), "clean"),
		slices.Concat([]string{"submit urgency=16", "dependency-add description=after-finish=A", "dependency-remove description=after-finish=A"}, around("alloc 0/core0", "start", "finish status=0")[1:])...)
	refused := s.fails("submit", "--dependency=afterok:"+first, "true")
	if want := "[Errno 22] dependency: afterok: job " + first + " failed or was canceled"; !strings.Contains(refused, want) {
		t.Errorf("one that can never be satisfied: %q, want %q", refused, want)
	}
	if e := s.invalid(); !slices.Equal(s.named(e), []string{"submit urgency=16", "dependency-add description=after-success=A", "invalidate"}) {
		t.Errorf("one that can never be satisfied: %q", e)
	}
	if refused, want := s.fails("submit", "--dependency=afterok:f12345", "true"), "[Errno 22] dependency: afterok: id f12345: job not found"; !strings.Contains(refused, want) {
		t.Errorf("one on no job: %q, want %q", refused, want)
	}
}

func seeStoppedQueue(t *testing.T, s *seen) {
	s.Run("queue", "stop", "--all", "-m", "for a test")
	var status map[string]any
	s.request("job-manager.queue-status", map[string]any{}, &status)
	if want := map[string]any{"enable": true, "start": false, "stop_reason": "for a test"}; !maps.Equal(status, want) {
		t.Errorf("a stopped queue is %v, want %v", status, want)
	}
	if got := s.Run("queue", "status"); !strings.Contains(got, "Scheduling is stopped: for a test") {
		t.Errorf("flux queue status: %q", got)
	}
	id := s.submit("A", "-N2", "true")
	s.until(id, "priority")
	s.request("job-manager.queue-start", map[string]any{"start": true, "all": true}, nil)
	same(t, "a job of a stopped queue", s.until(id, "clean"), around("alloc 0-1/core0-1,gpu0", "start", "finish status=0")...)
	status = nil
	s.request("job-manager.queue-status", map[string]any{}, &status)
	if want := map[string]any{"enable": true, "start": true}; !maps.Equal(status, want) {
		t.Errorf("a started queue is %v, want %v", status, want)
	}
	var list struct {
		Queues []any `json:"queues"`
	}
	if s.request("job-manager.queue-list", map[string]any{}, &list); list.Queues == nil || len(list.Queues) > 0 {
		t.Errorf("queues %v, want an empty list: the queue has no name", list.Queues)
	}
}
