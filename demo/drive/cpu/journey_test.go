package cpu

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// at is a MiniCluster with n ready ranks and the bounds 2 and 4.
func at(n int, change func(*Observation)) Observation {
	o := Observation{
		Ranks:   drive.Ranks{Min: 2, Max: 4, Wished: n, Size: n, Ready: n, Pods: map[int]string{}},
		HPAWish: n, Target: 50, CPUKnown: true,
	}
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
	if err := j.Err(); err != nil {
		t.Errorf("faults: %v", err)
	}
	for _, want := range []string{
		"00:01  growing under load", "00:02  HPA wishes for 3 (CPU at 0%, target 50%)", "00:04  held at maxSize",
		"00:05  HPA limited: TooManyReplicas", "00:08  back at minSize",
	} {
		if !strings.Contains(j.String(), want) {
			t.Errorf("the timeline lacks %q:\n%s", want, j)
		}
	}
}

func TestReplacedPodOfAWantedRankIsAFault(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(3, nil))
	j.Observe(1, at(3, func(o *Observation) { o.Pods[1] = "another" }))
	if err := j.Err(); err == nil || !strings.Contains(err.Error(), "rank 1") {
		t.Errorf("faults: %v, want one for rank 1", err)
	}
}

func TestTimelineRecordsChangesOnly(t *testing.T) {
	j := NewJourney()
	j.Observe(0, at(2, nil))
	before := j.String()
	j.Observe(1, at(2, nil))
	if now := j.String(); now != before {
		t.Errorf("an unchanged picture made of\n%s\n%s", before, now)
	}
}

func TestScreenSaysWhatHoldsTheSize(t *testing.T) {
	observed := at(4, func(o *Observation) {
		limited(o)
		o.CPU, o.Millicores = 75, 300
	})
	screen := Screen("ns/sample", 75*time.Second, Holding, "300m CPU over all ranks", observed).String()
	for _, want := range []string{
		"01:15", "held at maxSize", "75% of request, target 50%, 300m in all",
		"wishes for 4 (the load alone asks for 6)", "4 of 2 to 4, 4 wished", "maxSize 4 holds",
	} {
		if !strings.Contains(screen, want) {
			t.Errorf("the screen lacks %q:\n%s", want, screen)
		}
	}
	want := "held at maxSize        CPU 75% of 50%, HPA wishes for 4, size 4 (4 wished), ready 4, bound: maxSize 4 holds"
	if line := Line(Holding, observed); line != want {
		t.Errorf("the line is %q, want %q", line, want)
	}
}
