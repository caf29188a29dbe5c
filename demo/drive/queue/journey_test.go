package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// at is a MiniCluster with n ready ranks, the bounds 1 and 4, and so many running and
// pending jobs.
func at(n int, running, pending int32) Observation {
	o := Observation{
		Ranks: drive.Ranks{Min: 1, Max: 4, Wished: n, Size: n, Ready: n, Pods: map[int]string{}},
		Queue: &v1alpha2.QueueStatus{Running: running, Pending: pending, Wanted: int32(n), Message: fmt.Sprint("says ", n)},
	}
	for rank := range n {
		o.Pods[rank] = fmt.Sprint("pod-", rank)
	}
	return o
}

// with are the statuses of the jobs 0, 1, 2 and so on.
func with(o Observation, statuses ...string) Observation {
	o.Statuses = map[string]string{}
	for i, status := range statuses {
		o.Statuses[fmt.Sprint("job-", i)] = status
	}
	return o
}

// observe submits what it is told to.
func observe(j *Journey, at time.Duration, o Observation) (submitted []int) {
	submitted = j.Observe(at, o)
	for _, ranks := range submitted {
		j.Submitted(at, fmt.Sprint("job-", len(j.Jobs)), ranks)
	}
	return submitted
}

func TestJourneyFollowsTheJobs(t *testing.T) {
	silent := at(1, 0, 0)
	silent.Queue = nil
	small := []string{"COMPLETED", "COMPLETED"}
	j := NewJourney()
	for i, c := range []struct {
		observed Observation
		phase    Phase
		submits  []int
	}{
		{silent, Settling, nil},
		{at(1, 1, 0), Settling, nil}, // somebody else's job
		{at(2, 0, 0), Settling, nil},
		{at(1, 0, 0), Growing, []int{1, 2}},
		{at(1, 0, 0), Growing, nil},
		{with(at(1, 1, 1), "RUN", "SCHED"), Growing, nil},
		{with(at(3, 2, 0), "COMPLETED", "RUN"), Filling, []int{4, 1, 2, 1}},
		{with(at(4, 1, 4), append(small, "SCHED", "RUN", "PRIORITY", "SCHED")...), Filling, nil},
		{with(at(4, 1, 3), append(small, "RUN", "COMPLETED", "SCHED", "SCHED")...), Working, nil},
		{with(at(4, 1, 0), append(small, "CLEANUP", "COMPLETED", "COMPLETED", "COMPLETED")...), Working, nil},
		{with(at(4, 0, 0), append(small, "COMPLETED", "COMPLETED", "COMPLETED", "COMPLETED")...), Idling, nil},
		{at(3, 0, 0), Idling, nil},
		{at(1, 0, 0), Arrived, nil},
	} {
		submitted := observe(j, time.Duration(i)*time.Second, c.observed)
		if j.Phase != c.phase || !slices.Equal(submitted, c.submits) {
			t.Fatalf("after observation %d the phase is %q and %v is submitted, want %q and %v", i, j.Phase, submitted, c.phase, c.submits)
		}
	}
	if err := j.Err(); err != nil || len(j.unended()) != 0 {
		t.Errorf("faults: %v, not ended: %v", err, j.unended())
	}
	for _, want := range []string{
		"00:01  says 1", "00:03  growing for a few jobs", "00:03  job job-1 submitted, of 2 ranks", "00:05  job job-0 runs",
		"00:06  job job-0 has completed", "00:12  back at minSize",
	} {
		if strings.Count(j.String(), want) != 1 {
			t.Errorf("the timeline must have %q once:\n%s", want, j)
		}
	}
}

func TestJobsFitTheSmallestMiniClusterThatGrows(t *testing.T) {
	j := NewJourney()
	o := at(1, 0, 0)
	o.Max = 2
	if got := observe(j, 0, o); !slices.Equal(got, []int{1, 1}) {
		t.Errorf("the first jobs have %v ranks", got)
	}
	if got := observe(j, 1, with(o, "RUN", "RUN")); !slices.Equal(got, []int{2, 1, 1, 1}) {
		t.Errorf("the next jobs have %v ranks", got)
	}
}

func TestJobThatDoesNotCompleteIsAFault(t *testing.T) {
	for status, want := range map[string]string{
		"FAILED": "job job-1 of 2 ranks has ended as FAILED", "CANCELED": "as CANCELED", "TIMEOUT": "as TIMEOUT", "COMPLETED": "", "RUN": "", "CLEANUP": "",
	} {
		j := NewJourney()
		observe(j, 0, at(1, 0, 0))
		observe(j, 1, with(at(3, 2, 0), "RUN", status))
		observe(j, 2, with(at(3, 2, 0), "RUN", status)) // which is no second fault
		if err := j.Err(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || len(j.Faults) != 1) {
			t.Errorf("%s: %v, want %q", status, err, want)
		}
	}
}

func TestReplacedPodIsAFaultHereToo(t *testing.T) {
	j := NewJourney()
	observe(j, 0, at(2, 0, 0))
	o := at(2, 0, 0)
	o.Pods[1] = "another"
	observe(j, 1, o)
	if j.Err() == nil {
		t.Error("the pod of rank 1 was replaced, and that is no fault")
	}
}

func TestJobsThatHaveNotEndedAreKnown(t *testing.T) {
	j := NewJourney()
	observe(j, 0, at(1, 0, 0))
	observe(j, 1, with(at(3, 1, 0), "COMPLETED", "SCHED"))
	if got := j.unended(); !slices.Equal(got, []string{"job-1"}) {
		t.Errorf("not ended: %v", got)
	}
}

func TestScreenSaysWhy(t *testing.T) {
	j := NewJourney()
	observe(j, 0, at(1, 0, 0))
	o := with(at(3, 1, 2), "COMPLETED", "RUN")
	o.Ready, o.Queue.Message = 2, "grows to 3: job ƒA needs 2 ranks"
	observe(j, time.Second, o)
	screen := Screen("ns/sample", 75*time.Second, "Flux 0.88.0", j, o).String()
	for _, want := range []string{
		"MiniCluster ns/sample   01:15   growing for a job of all ranks\n", "flux     Flux 0.88.0\n",
		"jobs     [#-....] 1 of 6 submitted have ended, 1 run\n", "queue    1 running, 2 pending, size 3 wanted\n",
		"size     [###.] 3 of 1 to 4, 3 wished\n", "ready    [##-.] 2\n", "why      grows to 3: job ƒA needs 2 ranks\n",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q:\n%s", want, screen)
		}
	}
	want := "growing for a job of all ranks: jobs [#-....] 1 of 6 submitted have ended, 1 run; " +
		"queue: 1 running, 2 pending, size 3 wanted; size 3 (3 wished), ready 2: grows to 3: job ƒA needs 2 ranks"
	if got := Line(j, o); got != want {
		t.Errorf("the line is\n%s\nwant\n%s", got, want)
	}
	o.Queue = nil
	if got := Line(NewJourney(), o); !strings.Contains(got, ": jobs none submitted yet; ") {
		t.Errorf("before there are jobs, the line is %s", got)
	}
	if got := Line(j, o); !strings.Contains(got, "queue: the lead has not told yet") || !strings.HasSuffix(got, ": nothing is said") {
		t.Errorf("before the lead has told, the line is %s", got)
	}
}
