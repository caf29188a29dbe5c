package autoscale

import (
	"slices"
	"testing"
	"time"
)

func TestNeedsAreRememberedForTheIdleTime(t *testing.T) {
	var needs Needs
	for i, step := range []struct {
		seconds int // after noon
		size    int32
		want    Needs
	}{
		{0, 4, Needs{{4, noon}}},
		{10, 4, Needs{{4, noon.Add(10 * time.Second)}}},
		// It needed 4 until it was found to need less, however long nobody looked.
		{100, 2, Needs{{4, noon.Add(100 * time.Second)}, {2, noon.Add(100 * time.Second)}}},
		{130, 1, Needs{{4, noon.Add(100 * time.Second)}, {2, noon.Add(130 * time.Second)}, {1, noon.Add(130 * time.Second)}}},
		{160, 3, Needs{{4, noon.Add(100 * time.Second)}, {3, noon.Add(160 * time.Second)}}},
		{161, 3, Needs{{3, noon.Add(161 * time.Second)}}},
		{170, 8, Needs{{8, noon.Add(170 * time.Second)}}},
	} {
		before := slices.Clone(needs)
		noted := needs.Note(step.size, noon.Add(time.Duration(step.seconds)*time.Second), time.Minute)
		if !slices.Equal(noted, step.want) {
			t.Errorf("step %d: %v, want %v", i, noted, step.want)
		}
		if !slices.Equal(needs, before) {
			t.Errorf("step %d: what was noted before became %v", i, needs)
		}
		needs = noted
	}
}

func TestRankThatWasNeededStaysThoughItIsLost(t *testing.T) {
	p := Policy{Min: 1, Max: 4, IdleTime: time.Minute, Step: 1}
	s := Situation{Size: 4, GrownAt: ago(long), Now: noon, Use: &Use{Idle: idle(t, "0-2", long)}}
	s.Needs = Needs{{4, ago(20)}, {1, noon}}
	if got := Decide(p, s); got.Size != 4 || !got.LookAt.Equal(noon.Add(40*time.Second)) {
		t.Errorf("%+v, want size 4 for 40 s", got)
	}
	s.Needs = Needs{{3, ago(20)}, {1, noon}}
	if got := Decide(p, s); got.Size != 3 || !got.LookAt.Equal(noon.Add(40*time.Second)) {
		t.Errorf("%+v, want size 3 for 40 s", got)
	}
	s.Needs = Needs{{4, ago(60)}, {1, noon}}
	if got := Decide(p, s); got.Size != 1 {
		t.Errorf("%+v, want size 1", got)
	}
}
