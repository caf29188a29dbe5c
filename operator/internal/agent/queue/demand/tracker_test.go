package demand

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand/demandtest"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// begin is when the trackers of tests begin.
var begin = time.Now()

// status is an answer to resource.status: four ranks of four cores and a GPU.
func status(t testing.TB, online, drain, exclude string) Ranks {
	t.Helper()
	ranks, err := ParseRanks(fmt.Appendf(nil, `{"R":{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-3","gpu":"0"}}],
		"nodelist":["flux-sample-[0-3]"],"properties":{"odd":"1,3"}}},"online":%q,"drain":{%s},"exclude":%q,"offline":"","torpid":""}`, online, drain, exclude))
	if err != nil {
		t.Fatal(err)
	}
	return ranks
}

func newTestTracker(t testing.TB) *Tracker {
	t.Helper()
	tracker := NewTracker(begin)
	tracker.SetRanks(status(t, "0-3", "", ""), begin)
	return tracker
}

// record is what the journal tells of a job.
func record(id int64, nodes int, ranks string, events ...string) Record {
	var r Record
	if err := json.Unmarshal(demandtest.Record(id, nodes, ranks, events...), &r); err != nil {
		panic(err)
	}
	return r
}

func (t *Tracker) mustApply(test testing.TB, r Record, at time.Duration) {
	test.Helper()
	if past, err := t.Apply(r, begin.Add(at)); err != nil || past {
		test.Fatalf("job %d: %v, %v", r.ID, past, err)
	}
}

func report(t testing.TB, tracker *Tracker, maxSize int32, at time.Duration, stopped ...string) agentapi.QueueReport {
	t.Helper()
	queues := map[string]bool{}
	for _, name := range stopped {
		queues[name] = true
	}
	r, err := tracker.Report(maxSize, queues)
	if err != nil {
		t.Fatal(err)
	}
	return r.At(begin.Add(at))
}

func TestJobsCountByTheirEvents(t *testing.T) {
	const cancel = `exception {"type":"cancel","severity":0}`
	tests := []struct {
		name   string
		events []string
		ranks  string
		want   string
	}{
		{"submitted", demandtest.Pending[:1], "", "running 0 pending 0 held 1 wanted 0"},
		{"depends on another", demandtest.Pending[:2], "", "running 0 pending 0 held 1 wanted 0"},
		{"has no priority yet", demandtest.Pending[:3], "", "running 0 pending 0 held 1 wanted 0"},
		{"waits for ranks", demandtest.Pending, "", "running 0 pending 1 held 0 wanted 2"},
		{"held", demandtest.With(demandtest.Pending, `urgency {"urgency":0}`, `priority {"priority":0}`), "", "running 0 pending 0 held 1 wanted 0"},
		{"its priority is asked for anew", demandtest.With(demandtest.Pending, `urgency {"urgency":20}`), "", "running 0 pending 0 held 1 wanted 0"},
		{"its priority is asked for after a restart", demandtest.With(demandtest.Pending, `flux-restart`), "", "running 0 pending 0 held 1 wanted 0"},
		{"is known again after a restart", demandtest.With(demandtest.Pending, `flux-restart`, `priority {"priority":16}`), "", "running 0 pending 1 held 0 wanted 2"},
		{"released", demandtest.With(demandtest.Pending, `priority {"priority":0}`, `priority {"priority":20}`), "", "running 0 pending 1 held 0 wanted 2"},
		{"a warning", demandtest.With(demandtest.Pending, `exception {"type":"x","severity":4}`), "", "running 0 pending 1 held 0 wanted 2"},
		{"canceled while it waits", demandtest.With(demandtest.Pending, cancel), "", "running 0 pending 0 held 0 wanted 0"},
		{"canceled while it depends", demandtest.With(demandtest.Pending[:2], cancel), "", "running 0 pending 0 held 0 wanted 0"},
		{"runs", demandtest.With(demandtest.Pending, `alloc`), "1-2", `running 1 pending 0 held 0 wanted 3 busy "1-2"`},
		{"canceled while it runs", demandtest.With(demandtest.Pending, `alloc`, `start`, cancel), "1-2", `running 1 pending 0 held 0 wanted 3 busy "1-2"`},
		{"cleans up", demandtest.With(demandtest.Pending, `alloc`, `start`, `finish`, `release {"ranks":"1-2","final":true}`), "1-2", `running 1 pending 0 held 0 wanted 3 busy "1-2"`},
		{"has freed its ranks", demandtest.With(demandtest.Pending, `alloc`, `start`, `finish`, `free`), "1-2", `running 0 pending 0 held 0 wanted 0 busy ""`},
		{"has ended", demandtest.With(demandtest.Pending, `alloc`, `start`, `finish`, `free`, `clean`), "1-2", `running 0 pending 0 held 0 wanted 0 busy ""`},
		{"has ended before Flux took it", []string{demandtest.Pending[0], `invalidate`}, "", "running 0 pending 0 held 0 wanted 0"},
		{"has ended without a free", demandtest.With(demandtest.Pending, `alloc`, `start`, cancel, `clean`), "1-2", `running 0 pending 0 held 0 wanted 0 busy ""`},
	}
	for _, tt := range tests {
		atOnce, oneByOne := newTestTracker(t), newTestTracker(t)
		atOnce.mustApply(t, record(7, 2, tt.ranks, tt.events...), 0)
		for _, event := range tt.events {
			oneByOne.mustApply(t, record(7, 2, tt.ranks, event), 0)
		}
		for how, tracker := range map[string]*Tracker{"at once": atOnce, "one by one": oneByOne} {
			if got := demandtest.Say(report(t, tracker, 4, 0)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%s, told %s: %s, want %s", tt.name, how, got, tt.want)
			}
			if ended := strings.HasPrefix(tt.name, "has ended"); ended != (len(tracker.jobs) == 0) {
				t.Errorf("%s: %d jobs are kept", tt.name, len(tracker.jobs))
			}
		}
	}
}

func TestEventsOfJobsThatHaveEndedAreOfNoInterest(t *testing.T) {
	tracker := newTestTracker(t)
	tracker.mustApply(t, record(7, 2, "0-1", "free", "clean"), 0)
	tracker.mustApply(t, record(7, 2, "0-1", "alloc"), 0)
	if got := demandtest.Say(report(t, tracker, 4, 0)); !strings.HasPrefix(got, `running 0 pending 0 held 0 wanted 0 busy ""`) {
		t.Error(got)
	}
}

func TestWhatCannotBeKnownIsAnError(t *testing.T) {
	for want, events := range map[string][]string{
		`event "alloc": flux does not tell which ranks the job has: scaling by the queue needs flux-core 0.72`: demandtest.With(demandtest.Pending, "alloc"),
		`job ƒ8: event "priority": `:       {demandtest.Pending[0], `priority {"priority":"high"}`},
		`job ƒ8: event "exception": `:      {demandtest.Pending[0], `exception 3`},
		`job ƒ8: event "jobspec-update": `: {demandtest.Pending[0], `jobspec-update {"attributes.system.queue":3}`},
	} {
		_, err := newTestTracker(t).Apply(record(7, 2, "", events...), begin)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %s", err, want)
		}
	}
	bad := record(7, 2, "", demandtest.With(demandtest.Pending, "alloc")...)
	bad.R = json.RawMessage(`{"execution":{"R_lite":[{"rank":"x"}]}}`)
	if _, err := newTestTracker(t).Apply(bad, begin); err == nil || !strings.Contains(err.Error(), "resource set R") {
		t.Errorf("%v, want an error of R", err)
	}
	for _, text := range []string{"", `{"drain":{"x":{"reason":"y"}}}`, `{"online":"x"}`} {
		if _, err := ParseRanks([]byte(text)); err == nil || !strings.Contains(err.Error(), "resource.status") {
			t.Errorf("%s: %v, want an error", text, err)
		}
	}
}

func TestPriorityAndAgeOrderTheQueue(t *testing.T) {
	tracker := newTestTracker(t)
	for id, priority := range map[int64]int{3: 16, 2: 16, 4: 100, 1: 1} {
		tracker.mustApply(t, record(id, int(id), "", demandtest.With(demandtest.Pending[:3], fmt.Sprintf(`priority {"priority":%d}`, priority))...), 0)
	}
	jobs, _ := tracker.waitingJobs(nil)
	var order []int64
	for _, job := range jobs {
		order = append(order, job.id)
	}
	if !slices.Equal(order, []int64{4, 2, 3, 1}) {
		t.Errorf("order %v", order)
	}
}

func TestUpdatesOfAJobspecAreTakenOver(t *testing.T) {
	for update, want := range map[string]string{
		`{"attributes.system.duration":60}`:                                                           "pending 1 held 0 wanted 2",
		`{"attributes.system.queue":"slow"}`:                                                          "pending 0 held 1 wanted 0",
		`{"attributes.system.constraints":{"properties":["odd"]}}`:                                    "pending 1 held 0 wanted 4",
		`{"resources":[{"type":"node","count":3,"with":[{"type":"slot","with":[{"type":"core"}]}]}]}`: "pending 1 held 0 wanted 3",
		`{"resources.0.count":3}`:                                                                     "pending 1 held 0 wanted 1",
	} {
		tracker := newTestTracker(t)
		tracker.mustApply(t, record(7, 2, "", demandtest.With(demandtest.Pending, "jobspec-update "+update)...), 0)
		if got := demandtest.Say(report(t, tracker, 4, 0, "slow")); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", update, got, want)
		}
	}
}

func TestJobsOfStoppedQueuesAreHeld(t *testing.T) {
	tracker := newTestTracker(t)
	slow := `jobspec-update {"attributes.system.queue":"slow"}`
	tracker.mustApply(t, record(7, 2, "", demandtest.Pending...), 0)
	tracker.mustApply(t, record(8, 4, "", demandtest.With(demandtest.Pending, slow)...), 0)
	tracker.mustApply(t, record(9, 1, "0", demandtest.With(demandtest.Pending, slow, "alloc")...), 0)
	if got := tracker.WaitingQueues(); !slices.Equal(got, []string{"", "slow"}) {
		t.Errorf("queues %q", got)
	}
	for stopped, want := range map[string]string{
		"other": "running 1 pending 2 held 0 wanted 4", "slow": "running 1 pending 1 held 1 wanted 3", "": "running 1 pending 1 held 1 wanted 4",
	} {
		if got := demandtest.Say(report(t, tracker, 4, 0, stopped)); !strings.HasPrefix(got, want) {
			t.Errorf("%q is stopped: %s, want %s", stopped, got, want)
		}
	}
}

func TestRanksAreIdleFromWhenTheyComeOrTheirLastJobFreesThem(t *testing.T) {
	tracker := NewTracker(begin)
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	check := func(seconds float64, want string) {
		t.Helper()
		if got := demandtest.Say(report(t, tracker, 4, at(seconds).Sub(begin))); !strings.HasSuffix(got, want) {
			t.Errorf("after %g s: %s, want %s", seconds, got, want)
		}
	}
	tracker.SetRanks(status(t, "0-1", "", ""), at(1))
	check(2, `busy "" idle 0-1 1s`)
	tracker.SetRanks(status(t, "0-3", "", ""), at(3))
	check(4, `busy "" idle 0-1 3s idle 2-3 1s`)
	tracker.mustApply(t, record(7, 2, "1-2", demandtest.With(demandtest.Pending, "alloc")...), 4*time.Second)
	tracker.mustApply(t, record(8, 1, "2", demandtest.With(demandtest.Pending, "alloc")...), 4*time.Second)
	check(5, `busy "1-2" idle 0 4s idle 3 2s`)
	tracker.mustApply(t, record(7, 2, "", "free"), 6*time.Second)
	check(7, `busy "2" idle 0 6s idle 3 4s idle 1 1s`)
	tracker.mustApply(t, record(8, 1, "", "clean"), 8*time.Second) // its free was not told
	check(9, `busy "" idle 0 8s idle 3 6s idle 1 3s idle 2 1s`)
	tracker.SetRanks(status(t, "0,2-3", "", ""), at(9))
	check(10, `idle 0 9s idle 3 7s idle 2 2s`)
	tracker.SetRanks(status(t, "0-3", "", ""), at(11))
	check(12, `idle 0 11s idle 3 9s idle 2 4s idle 1 1s`)
	tracker.SetCleaning(set(t, "0"), at(12))
	check(13, `busy "0" idle 3 10s idle 2 5s idle 1 2s`)
	tracker.SetCleaning(set(t, ""), at(14))
	check(15, `busy "" idle 3 12s idle 2 7s idle 1 4s idle 0 1s`)
}

func TestTimesOfIdlenessAreRoundedToLess(t *testing.T) {
	tracker := NewTracker(begin)
	for i, online := range []string{"0", "0-1", "0-2", "0-3"} {
		tracker.SetRanks(status(t, online, "", ""), begin.Add(time.Duration(1+60*i)*time.Millisecond))
	}
	if got := demandtest.Say(report(t, tracker, 4, time.Second)); !strings.HasSuffix(got, "idle 0-3 0.75s") {
		t.Error(got)
	}
	if got := demandtest.Say(report(t, tracker, 4, 200*time.Millisecond)); !strings.HasSuffix(got, "idle 0-3 0s") {
		t.Errorf("%s, want no time below 0", got)
	}
}

func TestOnlyDrainsOfOthersTakeRanksAway(t *testing.T) {
	for _, tt := range []struct{ drain, exclude, want string }{
		{`"2-3":{"timestamp":1,"reason":"gopherlocks: the MiniCluster shrinks"}`, "", "wanted 2"},
		{`"0":{"timestamp":1,"reason":"bad fan"}`, "", "wanted 3"},
		{`"0":{"timestamp":1,"reason":null},"1":{"timestamp":1,"reason":""}`, "", "wanted 4"},
		{``, "0", "wanted 3"},
	} {
		tracker := newTestTracker(t)
		tracker.SetRanks(status(t, "0-1", tt.drain, tt.exclude), begin)
		tracker.mustApply(t, record(7, 2, "", demandtest.Pending...), 0)
		if got := demandtest.Say(report(t, tracker, 4, 0)); !strings.Contains(got, tt.want) {
			t.Errorf("drained %s: %s, want %s", tt.drain, got, tt.want)
		}
	}
}

func TestCoresOfRanksThatAreOnlineAreCounted(t *testing.T) {
	tracker := newTestTracker(t)
	tracker.SetRanks(status(t, "0-2", "", ""), begin)
	tracker.mustApply(t, record(7, 2, "2-3", demandtest.With(demandtest.Pending, "alloc")...), 0) // rank 3 has just gone
	r := report(t, tracker, 4, 0)
	if r.Cores != 12 || r.CoresUsed != 4 || r.GPUs != 3 || r.GPUsUsed != 1 {
		t.Errorf("%d of %d cores, %d of %d GPUs are used", r.CoresUsed, r.Cores, r.GPUsUsed, r.GPUs)
	}
}

func TestRevisionChangesWithAllButTime(t *testing.T) {
	tracker := newTestTracker(t)
	seen := map[string]string{}
	step := func(name string, maxSize int32) {
		t.Helper()
		revision := report(t, tracker, maxSize, 0).Revision
		if again := report(t, tracker, maxSize, time.Hour).Revision; again != revision {
			t.Errorf("%s: another revision an hour later", name)
		}
		if before := seen[revision]; before != "" {
			t.Errorf("%s: the same revision as %s", name, before)
		}
		seen[revision] = name
	}
	step("nothing", 4)
	tracker.mustApply(t, record(7, 2, "", demandtest.Pending...), time.Second)
	step("a job", 4)
	step("another maxSize", 1)
	tracker.mustApply(t, record(7, 2, "0-1", "alloc"), 2*time.Second)
	step("it runs", 4)
	tracker.mustApply(t, record(7, 2, "", "free", "clean"), 3*time.Second)
	step("it has ended", 4) // as in the beginning, but ranks 0-1 are idle since then
	later := NewTracker(begin.Add(time.Second))
	later.SetRanks(status(t, "0-3", "", ""), begin.Add(time.Second))
	tracker = later
	step("another lead", 4)
}

// TestTenThousandJobsTakeLittleMemory: less than 400 bytes each, with their requests.
func TestTenThousandJobsTakeLittleMemory(t *testing.T) {
	const jobs = 10_000
	memory := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	tracker := newTestTracker(t)
	before := memory()
	for id := range int64(jobs) {
		tracker.mustApply(t, record(id, int(id%4)+1, "", demandtest.Pending...), 0)
	}
	if used := int(memory()-before) / jobs; used > 400 {
		t.Errorf("a job takes %d bytes", used)
	}
	if got := report(t, tracker, 4, 0); got.Pending != jobs || got.Wanted != 4 {
		t.Errorf("pending %d, wanted %d", got.Pending, got.Wanted)
	}
	for id := range int64(jobs) {
		tracker.mustApply(t, record(id, 1, "", `exception {"severity":0}`, "clean"), 0)
	}
	if got := demandtest.Say(report(t, tracker, 4, 0)); len(tracker.jobs) > 0 || !strings.HasPrefix(got, "running 0 pending 0 held 0 wanted 0") {
		t.Errorf("%d jobs are kept: %s", len(tracker.jobs), got)
	}
}

// FuzzTracker: whatever Flux tells, the numbers add up, and a rank is busy or idle but not
// both.
func FuzzTracker(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0, 16, 2, 18, 3, 19, 5, 21, 6, 22, 7, 23})
	f.Fuzz(func(t *testing.T, steps []byte) {
		events := demandtest.With(demandtest.Pending, `exception {"severity":0}`, "alloc", "free", "clean", `priority {"priority":0}`)
		tracker := newTestTracker(t)
		for i, step := range steps {
			id, event := int64(step>>4), events[int(step&15)%len(events)]
			tracker.mustApply(t, record(id, 1+int(id)%4, fmt.Sprint(id%4), event), time.Duration(i)*time.Second)
		}
		r := report(t, tracker, 4, time.Hour)
		if waiting := r.Running + r.Pending + r.Held; waiting > len(tracker.jobs) {
			t.Errorf("%d jobs of %d count", waiting, len(tracker.jobs))
		}
		idle := 0
		for _, each := range r.Idle {
			idle += each.Ranks.Len()
			if !each.Ranks.Intersect(r.Busy).IsEmpty() || each.Seconds < 0 {
				t.Errorf("idle %+v, busy %v", each, r.Busy)
			}
		}
		if idle+r.Busy.Len() != 4 {
			t.Errorf("%d ranks are idle, and %v busy, of 4", idle, r.Busy)
		}
	})
}
