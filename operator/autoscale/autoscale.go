// Package autoscale decides which size a MiniCluster should have, by what the queue of
// its instance of Flux needs. It is a pure function, and a leaf:
//
//	need = max(highest busy rank + 1, ranks that running and pending jobs take) + spare
//	wish = need, within [min, max], rounded up to min + a multiple of the step, or max
//
//	size < wish    → the wish, at once and in one step
//	size > wish    → the lowest size from the wish on such that all ranks from there on
//	                 have been idle, and not needed, for the idle time, and the size has
//	                 not grown within it
//	lead is silent → the size stays; of the bounds alone is anything known
//
// So the direction changes once per idle time at most, and a drain of ranks that go finds
// nothing to wait for.
package autoscale

import (
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Policy is what the author of a MiniCluster wishes.
type Policy struct {
	// Min and Max are the bounds of the size.
	Min, Max int32
	// IdleTime is how long ranks must have been idle before they go.
	IdleTime time.Duration
	// Spare is the number of ranks to keep ready beyond those that work needs.
	Spare int32
	// Step is the distance between sizes, counted from Min; at least 1. Max is a size
	// in any case.
	Step int32
	// SleepTime is how long there must have been no job before the MiniCluster sleeps; 0
	// for never.
	SleepTime time.Duration
}

// Use is what the lead has said last of the queue and of the ranks.
type Use struct {
	// Wanted is the number of ranks that the running and pending jobs take, counted from
	// rank 0, with ranks between them that cannot be used.
	Wanted int32
	// Busy are the ranks that run jobs, or clean up after one.
	Busy idset.Set
	// Idle are the ranks that are up and run nothing.
	Idle []IdleRanks
	// Running, Pending and Held are numbers of jobs: those that have ranks, wait for ranks,
	// or wait for something else. Largest is the pending one that takes the most ranks, for
	// words alone; nil where it is not known.
	Running, Pending, Held int
	Largest                *Job
}

// Job is a job and the number of ranks that it takes.
type Job struct {
	ID    string
	Ranks int32
}

// IdleRanks are ranks that have been idle since one time.
type IdleRanks struct {
	Ranks idset.Set
	Since time.Time
}

// Situation is what a decision is made from.
type Situation struct {
	// Size is spec.size, whoever wrote it.
	Size int32
	// Use is nil while the lead is silent: nothing is known then.
	Use *Use
	// GrownAt is when the size has grown last, or another lead has begun, as far as it is
	// known.
	GrownAt time.Time
	// Needs are the sizes that work has needed. A rank that is not up, since it is lost or
	// its lead has begun anew, counts as idle from the end of its need on.
	Needs Needs
	Now   time.Time
}

// Decision is what to do.
type Decision struct {
	// Size is the one to have; Situation.Size where nothing is to be done.
	Size int32
	// Wish is the size that work needs now, within the bounds. It is below Size while
	// ranks have not been idle for long enough.
	Wish int32
	// LookAt, when not zero, is when time alone changes the decision.
	LookAt time.Time
	// Because says what becomes of the size, and why: "grows to 8: job ƒ2oVNnKfP9 needs 8
	// ranks". It stays the same while nothing but time changes.
	Because string
}

// Decide returns the size to have. It is always within the bounds.
func Decide(p Policy, s Situation) Decision {
	p = p.sound()
	size := min(max(s.Size, p.Min), p.Max)
	d := Decision{Size: size, Wish: size}
	if s.Use != nil {
		d.Wish = p.Wish(*s.Use)
		if d.Wish >= size {
			d.Size = d.Wish
		} else {
			d.Size, d.LookAt = p.shrink(s, size, d.Wish)
		}
	}
	d.Because = p.because(s, d)
	return d
}

// Wish returns the size that work needs, within the bounds.
func (p Policy) Wish(u Use) int32 {
	p = p.sound()
	return p.roundUp(u.need() + int64(p.Spare))
}

// sound returns the policy with values that agree: of bounds that contradict each other,
// the lower one counts.
func (p Policy) sound() Policy {
	p.Min, p.Spare, p.Step = max(p.Min, 1), max(p.Spare, 0), max(p.Step, 1)
	p.Max, p.IdleTime = max(p.Max, p.Min), max(p.IdleTime, 0)
	return p
}

// need is the number of ranks that work takes.
func (u Use) need() int64 { return int64(max(u.Busy.Highest()+1, u.Wanted, 0)) }

// roundUp returns the lowest of the sizes that may be chosen which is at least size; Max
// beyond that.
func (p Policy) roundUp(size int64) int32 {
	least, step := int64(p.Min), int64(p.Step)
	steps := (max(size, least) - least + step - 1) / step
	return int32(min(least+steps*step, int64(p.Max)))
}

// below returns the highest of the sizes that may be chosen which is less than size.
func (p Policy) below(size int32) int32 { return p.Min + (size-1-p.Min)/p.Step*p.Step }

// shrink returns the lowest size, from the wish to size, that may be had now, and when a
// lower one may be: zero where there is none. wish is less than size.
func (p Policy) shrink(s Situation, size, wish int32) (to int32, lookAt time.Time) {
	to = size
	settled, unused := s.GrownAt.Add(p.IdleTime), s.unused(size, p.IdleTime)
	if !s.Now.Before(settled) {
		stays := int32(0) // the ranks below, since one of them has not been idle for long enough
		for _, ranks := range unused {
			if s.Now.Before(ranks.due) {
				stays = max(stays, ranks.highest+1)
			}
		}
		to = min(size, p.roundUp(int64(max(wish, stays))))
	}
	if to == wish {
		return to, time.Time{}
	}
	next := p.below(to)
	for _, ranks := range unused {
		if ranks.highest >= next && ranks.due.After(settled) {
			settled = ranks.due
		}
	}
	return to, settled
}

// unused are ranks that nothing is known to use: the highest of them that a size has, -1
// for none, and when they have been so for the idle time.
type unused struct {
	highest int32
	due     time.Time
}

// unused returns those of a size. A rank may be in several; the latest counts.
func (s Situation) unused(size int32, idleTime time.Duration) []unused {
	var all []unused
	for _, idle := range s.Use.Idle {
		all = append(all, unused{idle.Ranks.Intersect(idset.Range(0, size)).Highest(), idle.Since.Add(idleTime)})
	}
	for _, need := range s.Needs {
		all = append(all, unused{min(need.Size, size) - 1, need.Until.Add(idleTime)})
	}
	return all
}
