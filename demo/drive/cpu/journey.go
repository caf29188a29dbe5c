package cpu

import (
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
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

// Journey follows a MiniCluster from minSize to maxSize and back.
type Journey struct {
	drive.Timeline
	Phase Phase

	last Observation
}

// NewJourney begins before the first observation.
func NewJourney() *Journey { return &Journey{Phase: Settling} }

// Observe takes an observation at the time at, and moves on when a phase is
// complete. It returns whether the phase changed.
func (j *Journey) Observe(at time.Duration, o Observation) bool {
	if o.HPAWish != j.last.HPAWish {
		j.Record(at, "HPA wishes for %d (CPU at %d%%, target %d%%)", o.HPAWish, o.CPU, o.Target)
	}
	j.Follow(at, o.Ranks)
	if o.Limit != j.last.Limit && o.Limit != "" {
		j.Record(at, "HPA limited: %s", o.Limit)
	}
	j.last = o
	next := j.next(o)
	if next == j.Phase {
		return false
	}
	j.Phase = next
	j.Record(at, "%s", next)
	return true
}

func (j *Journey) next(o Observation) Phase {
	switch {
	case j.Phase == Settling && o.AreAt(o.Min) && o.CPUKnown:
		return Growing
	case j.Phase == Growing && o.AreAt(o.Max):
		return Holding
	case j.Phase == Holding && o.Limit == "TooManyReplicas":
		return Shrinking
	case j.Phase == Shrinking && o.AreAt(o.Min):
		return Arrived
	}
	return j.Phase
}
