package drive

import (
	"fmt"
	"time"
)

// Phase is a part of the demo.
type Phase string

// The phases, in their order.
const (
	Settling  Phase = "settling at minSize"
	Growing   Phase = "growing under load"
	Holding   Phase = "held at maxSize"
	Shrinking Phase = "shrinking without load"
	Arrived   Phase = "back at minSize"
)

// Event is a line of the timeline.
type Event struct {
	At   time.Duration // since the start of the demo
	Text string
}

// Journey follows a MiniCluster from minSize to maxSize and back.
type Journey struct {
	Phase    Phase
	Timeline []Event
	// Faults are pods that were replaced although their rank was wanted all
	// the time. A demo with faults has failed.
	Faults []string

	last  Observation
	known map[int]string // UID of each rank's pod since the rank came
}

// NewJourney begins before the first observation.
func NewJourney() *Journey {
	return &Journey{Phase: Settling, known: map[int]string{}}
}

// Observe takes an observation at the time at, and moves on when a phase is
// complete. It returns whether the phase changed.
func (j *Journey) Observe(at time.Duration, o Observation) bool {
	j.recordChanges(at, o)
	j.checkPods(at, o)
	j.last = o
	next := j.next(o)
	if next == j.Phase {
		return false
	}
	j.Phase = next
	j.record(at, "%s", next)
	return true
}

func (j *Journey) next(o Observation) Phase {
	switch {
	case j.Phase == Settling && o.isAt(o.Min) && o.CPUKnown:
		return Growing
	case j.Phase == Growing && o.isAt(o.Max):
		return Holding
	case j.Phase == Holding && o.Limit == "TooManyReplicas":
		return Shrinking
	case j.Phase == Shrinking && o.isAt(o.Min):
		return Arrived
	}
	return j.Phase
}

func (j *Journey) recordChanges(at time.Duration, o Observation) {
	if o.HPAWish != j.last.HPAWish {
		j.record(at, "HPA wishes for %d (CPU at %d%%, target %d%%)", o.HPAWish, o.CPU, o.Target)
	}
	if o.Wished != j.last.Wished {
		j.record(at, "spec.size %d", o.Wished)
	}
	if o.Size != j.last.Size || o.Ready != j.last.Ready {
		j.record(at, "%d ranks, %d ready", o.Size, o.Ready)
	}
	if o.Limit != j.last.Limit && o.Limit != "" {
		j.record(at, "HPA limited: %s", o.Limit)
	}
}

// checkPods finds replaced pods of ranks that stayed within the size. Other ranks
// may go, and come back with another pod.
func (j *Journey) checkPods(at time.Duration, o Observation) {
	for rank, uid := range o.Pods {
		if before, ok := j.known[rank]; ok && before != uid {
			fault := fmt.Sprintf("the pod of rank %d was replaced although the rank was wanted all the time", rank)
			j.Faults = append(j.Faults, fault)
			j.record(at, "FAULT: %s", fault)
		}
		j.known[rank] = uid
	}
	for rank := range j.known {
		if rank >= o.Wished {
			delete(j.known, rank)
		}
	}
}

func (j *Journey) record(at time.Duration, format string, args ...any) {
	j.Timeline = append(j.Timeline, Event{At: at, Text: fmt.Sprintf(format, args...)})
}
