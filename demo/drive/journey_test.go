package drive

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a MiniCluster with n ready ranks and the bounds 2 and 4.
func at(n int, change func(*Observation)) Observation {
	o := Observation{Min: 2, Max: 4, Wished: n, Size: n, Ready: n, HPAWish: n, Target: 50, CPUKnown: true, Pods: map[int]string{}}
	for rank := range n {
		o.Pods[rank] = fmt.Sprint("pod-", rank)
	}
	if change != nil {
		change(&o)
	}
	return o
}

func limited(o *Observation) { o.Limit = "TooManyReplicas" }

func TestJourneyGoesToTheMaximumAndBack(t *testing.T) {
	j := NewJourney()
	for i, c := range []struct {
		observed Observation
		want     Phase
	}{
		{at(2, func(o *Observation) { o.CPUKnown = false }), Settling},
		{at(2, nil), Growing},
		{at(3, nil), Growing},
		{at(4, func(o *Observation) { o.Ready = 3 }), Growing},
		{at(4, nil), Holding},
		{at(4, limited), Shrinking},
		{at(3, nil), Shrinking},
		{at(2, func(o *Observation) { o.Size = 3 }), Shrinking},
		{at(2, nil), Arrived},
	} {
		j.Observe(time.Duration(i)*time.Second, c.observed)
		if j.Phase != c.want {
			t.Fatalf("after observation %d the phase is %q, want %q", i, j.Phase, c.want)
		}
	}
	if len(j.Faults) != 0 {
		t.Errorf("faults = %q, want none", j.Faults)
	}
	for _, want := range []string{"00:01  growing under load", "00:04  held at maxSize", "00:08  back at minSize"} {
		if !strings.Contains(j.Report(), want) {
			t.Errorf("the report lacks %q:\n%s", want, j.Report())
		}
	}
}

func TestReplacedPodOfAWantedRankIsAFault(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(3, nil))
	j.Observe(1, at(3, func(o *Observation) { o.Pods[1] = "another" }))
	if len(j.Faults) != 1 || !strings.Contains(j.Faults[0], "rank 1") {
		t.Errorf("faults = %q, want one for rank 1", j.Faults)
	}
}

func TestReplacedPodIsAFaultAlsoAfterAGap(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(3, nil))
	j.Observe(1, at(3, func(o *Observation) { delete(o.Pods, 0) }))
	j.Observe(2, at(3, func(o *Observation) { o.Pods[0] = "another" }))
	if len(j.Faults) != 1 || !strings.Contains(j.Faults[0], "rank 0") {
		t.Errorf("faults = %q, want one for rank 0", j.Faults)
	}
}

func TestRankThatWentAndCameBackMayHaveAnotherPod(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(4, nil))
	j.Observe(1, at(2, nil))
	j.Observe(2, at(4, func(o *Observation) { o.Pods[2], o.Pods[3] = "another", "yet another" }))
	if len(j.Faults) != 0 {
		t.Errorf("faults = %q, want none", j.Faults)
	}
}

func TestTimelineRecordsChangesOnly(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(2, nil))
	before := slices.Clone(j.Timeline)
	j.Observe(1, at(2, nil))
	if !slices.Equal(before, j.Timeline) {
		t.Errorf("an unchanged picture added %v", j.Timeline[len(before):])
	}
}

func TestScreenSaysWhatHoldsTheSize(t *testing.T) {
	screen := Screen("ns/sample", 75*time.Second, Holding, "300m CPU over all ranks", at(4, func(o *Observation) {
		limited(o)
		o.CPU, o.Millicores = 75, 300
	}))
	for _, want := range []string{
		"01:15", "held at maxSize", "75% of request, target 50%, 300m in all",
		"wishes for 4 (the load alone asks for 6)", "4 of 2 to 4, 4 wished", "maxSize 4 holds",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q:\n%s", want, screen)
		}
	}
}

func TestRanksAreDrawnWithinTheMaximum(t *testing.T) {
	for _, c := range []struct {
		full, there, maximum int
		want                 string
	}{
		{0, 0, 4, "[....]"},
		{2, 3, 4, "[##-.]"},
		{4, 2, 4, "[####]"},
		{9, 9, 4, "[####]"},
		{-1, 0, 2, "[..]"},
	} {
		if got := ranks(c.full, c.there, c.maximum); got != c.want {
			t.Errorf("ranks(%d, %d, %d) = %s, want %s", c.full, c.there, c.maximum, got, c.want)
		}
	}
}
