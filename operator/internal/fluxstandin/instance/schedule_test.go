package instance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func online(ranks ...int32) map[int32]bool {
	set := map[int32]bool{}
	for _, rank := range ranks {
		set[rank] = true
	}
	return set
}

func fourRanks(jobs ...*Job) *State {
	for i, job := range jobs {
		job.ID, job.CoresPerTask, job.Urgency, job.Command = ID(i+1), max(job.CoresPerTask, 1), DefaultUrgency, []string{"true"}
		if job.State == "" {
			job.State = Pending
		}
	}
	return &State{Size: 4, Cores: 2, Drained: map[int32]DrainedRank{}, Jobs: jobs}
}

// where is state and place of the jobs: "RUN 0:2 1:1, SCHED".
func where(s *State) string {
	var jobs []string
	for _, job := range s.Jobs {
		text := string(job.State)
		for _, share := range job.Shares {
			text += fmt.Sprintf(" %d:%d", share.Rank, share.Tasks)
		}
		jobs = append(jobs, text)
	}
	return strings.Join(jobs, ", ")
}

func TestJobsStartWhereThereIsRoom(t *testing.T) {
	tests := []struct {
		name    string
		online  map[int32]bool
		drained []int32
		jobs    []*Job
		want    string
	}{
		{"tasks fill ranks", online(0, 1), nil, []*Job{{Tasks: 3}}, "RUN 0:2 1:1"},
		{"tasks are spread over nodes", online(0, 1, 2, 3), nil, []*Job{{Nodes: 3, Tasks: 4}}, "RUN 0:2 1:1 2:1"},
		{"cores of a task", online(0, 1), nil, []*Job{{Tasks: 2, CoresPerTask: 2}}, "RUN 0:1 1:1"},
		{"waits for ranks that are not online", online(0, 1), nil, []*Job{{Nodes: 3, Tasks: 3}}, "SCHED"},
		{"waits for ranks that are drained", online(0, 1, 2), []int32{1}, []*Job{{Nodes: 3, Tasks: 3}, {Tasks: 3}}, "SCHED, RUN 0:2 2:1"},
		{"a smaller one overtakes", online(0), nil, []*Job{{Tasks: 3}, {Tasks: 1}}, "SCHED, RUN 0:1"},
		{"exclusive takes all cores", online(0, 1), nil, []*Job{{Nodes: 1, Tasks: 1, Exclusive: true}, {Tasks: 2}, {Tasks: 1}}, "RUN 0:1, RUN 1:2, SCHED"},
		{"too large for all ranks", online(0, 1, 2, 3), nil, []*Job{{Tasks: 9}, {Nodes: 5, Tasks: 5}}, "INACTIVE, INACTIVE"},
		{"drained ranks do not make it too large", online(0), []int32{0, 1, 2, 3}, []*Job{{Tasks: 8}}, "SCHED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := fourRanks(tt.jobs...)
			for _, rank := range tt.drained {
				state.Drained[rank] = DrainedRank{}
			}
			Schedule(state, tt.online)
			if got := where(state); got != tt.want {
				t.Errorf("jobs are %q, want %q", got, tt.want)
			}
			if Schedule(state, tt.online) {
				t.Errorf("a second step changed the jobs to %q", where(state))
			}
		})
	}
}

func TestStoppedQueueStartsNothing(t *testing.T) {
	state := fourRanks(&Job{Tasks: 1})
	state.Stopped = true
	if Schedule(state, online(0)) || where(state) != "SCHED" {
		t.Errorf("jobs are %q, want SCHED", where(state))
	}
}

func TestRoomIsGivenByNumber(t *testing.T) {
	state := fourRanks(&Job{Tasks: 1}, &Job{Tasks: 2, GPUsPerTask: 1}, &Job{Nodes: 1, Tasks: 1, Exclusive: true}, &Job{Tasks: 1, GPUsPerTask: 2})
	state.GPUs = 1
	Schedule(state, online(0, 1, 2))
	var got []string
	for _, job := range state.Jobs[:3] {
		got = append(got, summary(state.jobResources(job)))
	}
	// Rank 1 has one core left, but no GPU, and rank 2 is whole.
	if want := []string{"rank0/core0", "rank0/core1,gpu0 rank1/core0,gpu0", "rank2/core[0-1],gpu0"}; !slices.Equal(got, want) {
		t.Errorf("jobs have %q, want %q", got, want)
	}
	if job := state.Jobs[3]; job.Exception != "alloc" {
		t.Errorf("a job with more GPUs than a rank has is %s", job.State)
	}
}

func TestUrgentJobsStartFirst(t *testing.T) {
	state := fourRanks(&Job{Tasks: 2}, &Job{Tasks: 2}, &Job{Tasks: 2})
	state.Jobs[0].Urgency, state.Jobs[2].Urgency = 0, MaxUrgency
	Schedule(state, online(0))
	if got := where(state); got != "SCHED, SCHED, RUN 0:2" {
		t.Errorf("jobs are %q, want the last alone to run", got)
	}
	Schedule(state, online(0, 1, 2))
	if got := where(state); got != "SCHED, RUN 1:2, RUN 0:2" {
		t.Errorf("jobs are %q, want the first held, although there is room", got)
	}
}

func TestRanksThatGoAreToldOf(t *testing.T) {
	state := fourRanks()
	state.Epoch, state.Joined = 1, map[int32]int64{}
	for rank := range int32(3) {
		state.Join(rank)
	}
	state.Events = nil
	Schedule(state, online(0, 1))
	if got := eventsOf(state); got != "offline 2" || Schedule(state, online(0, 1)) {
		t.Errorf("events %q, want rank 2 to go offline, once", got)
	}
	state.Join(2)
	if got := eventsOf(state); got != "offline 2, online 2" {
		t.Errorf("events %q, want rank 2 back", got)
	}
}

// TestRankIsBackBeforeItIsMissed: what its earlier broker ran has ended nevertheless.
func TestRankIsBackBeforeItIsMissed(t *testing.T) {
	state := fourRanks(&Job{Nodes: 1, Tasks: 1})
	state.Epoch, state.Joined = 1, map[int32]int64{0: 1}
	Schedule(state, online(0))
	state.Join(0)
	if got := eventsOf(state); got != "offline 0, online 0" {
		t.Errorf("events %q, want rank 0 to have gone and come", got)
	}
	Schedule(state, online(0))
	if job := state.Jobs[0]; job.State != Inactive || job.Exception != "exec" {
		t.Errorf("the job is %s %s, want it to have failed with the broker", job.State, job.Exception)
	}
}

func eventsOf(s *State) string {
	var words []string
	for _, event := range s.Events {
		words = append(words, fmt.Sprint(event.Name, " ", event.Context["idset"]))
	}
	return strings.Join(words, ", ")
}

func TestJobFailsWithItsRank(t *testing.T) {
	state := fourRanks(&Job{Nodes: 2, Tasks: 2})
	Schedule(state, online(0, 1))
	if !Schedule(state, online(0)) {
		t.Fatal("the loss of rank 1 changed nothing")
	}
	job := state.Jobs[0]
	if want := "node failure on " + state.Host(1) + " (rank 1)"; job.Visible() != Cleanup || job.Note != want {
		t.Errorf("job %s with exception %q, want CLEANUP until the tasks on rank 0 are killed, and %q", job.Visible(), job.Note, want)
	}
	job.On(0).Done = true
	Schedule(state, online(0))
	if job.State != Inactive || job.Code != CodeException {
		t.Errorf("job %s with code %d, want INACTIVE with %d", job.State, job.Code, CodeException)
	}
}

func TestJobsOfABatchJobRunWithinIt(t *testing.T) {
	state := fourRanks(&Job{Tasks: 2}, &Job{Tasks: 1, Parent: 1})
	Schedule(state, online(0))
	if got := where(state); got != "RUN 0:2, RUN 0:1" {
		t.Errorf("jobs are %q, want both on rank 0", got)
	}
	state.Jobs = append(state.Jobs, &Job{ID: 3, Tasks: 1, CoresPerTask: 1, Parent: 1, State: Pending})
	state.Jobs[0].On(0).Done = true
	Schedule(state, online(0))
	if got := state.Jobs[1].Exception; got == "" || state.Jobs[2].State != Inactive {
		t.Errorf("after their batch job, jobs are %q, the second with exception %q; want both ended", where(state), got)
	}
}

func TestIDsInShortForm(t *testing.T) {
	// Pairs that src/common/libutil/test/fluid.c of flux-core 0.88 checks.
	for text, id := range map[string]ID{"ƒ1": 0, "ƒz": 57, "ƒNH": 1234, "ƒ211": 3364, "ƒuZZybuNNy": 6731191091817518, "ƒjpXCZedGfVQ": 1<<64 - 1} {
		if got := id.String(); got != text {
			t.Errorf("ID(%d) = %s, want %s", uint64(id), got, text)
		}
	}
	for _, id := range []ID{0, 57, 58, 6731191091200, 1<<64 - 1} {
		for _, text := range []string{id.String(), "f" + strings.TrimPrefix(id.String(), "ƒ"), fmt.Sprint(uint64(id))} {
			if got, err := ParseID(text); err != nil || got != id {
				t.Errorf("ParseID(%q) = %d, %v, want %d", text, uint64(got), err, uint64(id))
			}
		}
	}
	for _, text := range []string{"", "ƒ", "f", "ƒ0", "-1", "ƒzzzzzzzzzzzzzz", "18446744073709551616"} {
		if got, err := ParseID(text); err == nil {
			t.Errorf("ParseID(%q) = %d, want an error", text, uint64(got))
		}
	}
}

func TestUnchangedStateIsNotReadAgain(t *testing.T) {
	folder, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first, err := folder.Renew(nil)
	if err != nil {
		t.Fatal(err)
	}
	same, err := folder.Renew(first)
	if err != nil || same != first {
		t.Errorf("Renew of an empty folder: %v, want the known state", err)
	}
	if _, err = folder.Update(func(s *State) bool { s.NextID++; return true }); err != nil {
		t.Fatal(err)
	}
	second, err := folder.Renew(first)
	if err != nil || second.NextID != 1 {
		t.Errorf("Renew after a change: %+v, %v, want it", second, err)
	}
	if same, err := folder.Renew(second); err != nil || same != second {
		t.Errorf("Renew: %v, want the known state", err)
	}
}

func TestBrokersAreKnownToLive(t *testing.T) {
	folder, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if folder.Lives(1) {
		t.Error("rank 1 lives before it started")
	}
	mark, err := folder.Live(1)
	if err != nil || mark == nil {
		t.Fatalf("Live(1) = %v, %v", mark, err)
	}
	if !folder.Lives(1) || folder.Lives(2) {
		t.Error("want rank 1 to live, and no other")
	}
	if second, err := folder.Live(1); err != nil || second != nil {
		t.Errorf("a second broker of rank 1: %v, %v, want none", second, err)
	}
	state := &State{Epoch: 2, Joined: map[int32]int64{0: 2, 1: 2, 2: 2}}
	if got := folder.Online(state); len(got) != 1 || !got[1] {
		t.Errorf("online %v, want rank 1", got)
	}
	state.Epoch = 3 // the lead has started again
	if got := folder.Online(state); len(got) != 0 {
		t.Errorf("online %v, want none: rank 1 has joined another lead", got)
	}
	if err := mark.Close(); err != nil {
		t.Fatal(err)
	}
	if folder.Lives(1) {
		t.Error("rank 1 lives after its end")
	}
}

func TestUpdatesDoNotGetLost(t *testing.T) {
	folder, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for range 8 {
		go func() {
			var failed error
			for range 10 {
				if _, failure := folder.Update(func(s *State) bool { s.NextID++; return true }); failure != nil {
					failed = failure
				}
			}
			errs <- failed
		}()
	}
	var failures []error
	for range 8 {
		if failure := <-errs; failure != nil {
			failures = append(failures, failure)
		}
	}
	state, err := folder.Read()
	if err != nil || state.NextID != 80 || slices.ContainsFunc(failures, func(err error) bool { return err != nil }) {
		t.Errorf("NextID %d, %v, %v, want 80", state.NextID, err, failures)
	}
}
