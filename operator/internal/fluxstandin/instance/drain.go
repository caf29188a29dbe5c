package instance

import (
	"maps"
	"slices"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Source: src/modules/resource/drain.c.

// DrainedRank is that a rank gets no jobs.
type DrainedRank struct {
	// Timestamp in whole seconds since 1970.
	Timestamp float64 `json:"timestamp"`
	// Reason may be empty.
	Reason string `json:"reason"`
}

// Change asks for ranks to be drained or undrained.
type Change struct {
	Targets *string `json:"targets"`
	Reason  *string `json:"reason"`
	// Mode is what happens to ranks that are so already: an error if it is empty, nothing
	// with update, and overwrite gives them the new reason, force-overwrite a new
	// time too.
	Mode string `json:"mode"`
}

// overwrite is the number of a mode that overwrites, or 0.
func (c Change) overwrite() int {
	return map[string]int{"overwrite": 1, "force-overwrite": 2}[c.Mode]
}

func (c Change) known() bool { return c.Mode == "" || c.Mode == "update" || c.overwrite() > 0 }

// strict says that ranks which are so already are an error.
func (c Change) strict() bool { return c.Mode == "" }

func (c Change) context(s *State, ranks idset.Set) map[string]any {
	context := map[string]any{"idset": ranks.String(), "nodelist": s.hostList(ranks), "overwrite": c.overwrite()}
	if c.Reason != nil {
		context["reason"] = *c.Reason
	}
	return context
}

// Drain keeps new jobs from ranks.
func (s *State) Drain(c Change) error {
	ranks, err := s.targets(c)
	if err != nil {
		return err
	}
	if !c.known() {
		return refuse(syscall.EINVAL, "Invalid mode specified")
	}
	because := choose(ranks, func(rank int32) bool { return s.Drained[rank].Reason != "" })
	if c.strict() && !because.IsEmpty() {
		return refuse(syscall.EEXIST, "%s already drained", rankList(because))
	}
	now := float64(time.Now().Unix())
	for rank := range ranks.All() {
		before, drained := s.Drained[rank]
		if drained && before.Reason != "" && c.overwrite() == 0 {
			continue
		}
		after := DrainedRank{Timestamp: before.Timestamp}
		if !drained || c.overwrite() == 2 {
			after.Timestamp = now
		}
		if c.Reason != nil {
			after.Reason = *c.Reason
		}
		s.Drained[rank] = after
	}
	s.note("drain", c.context(s, ranks))
	return nil
}

// Undrain gives ranks back to the scheduler.
func (s *State) Undrain(c Change) error {
	ranks, err := s.targets(c)
	if err != nil {
		return err
	}
	if !c.known() {
		return refuse(syscall.EINVAL, "invalid undrain mode '%s' specified", c.Mode)
	}
	if others := ranks.Minus(s.DrainedRanks()); c.strict() && !others.IsEmpty() {
		return refuse(syscall.EEXIST, "%s not drained", rankList(others))
	}
	for rank := range ranks.All() {
		delete(s.Drained, rank)
	}
	s.note("undrain", c.context(s, ranks))
	return nil
}

// targets are ranks of the instance. Flux takes names of hosts too.
func (s *State) targets(c Change) (idset.Set, error) {
	if c.Targets == nil {
		return idset.Set{}, &Error{Errno: syscall.EPROTO}
	}
	ranks, err := idset.Parse(*c.Targets)
	switch {
	case err != nil:
		return ranks, refuse(syscall.EINVAL, "invalid targets: invalid hosts: %s", *c.Targets)
	case ranks.IsEmpty():
		return ranks, refuse(syscall.EINVAL, "idset is empty")
	case !ranks.Minus(idset.Range(0, s.Size)).IsEmpty():
		return ranks, refuse(syscall.EINVAL, "idset is out of range")
	}
	return ranks, nil
}

// DrainedRanks are all of them.
func (s *State) DrainedRanks() idset.Set {
	return idset.Of(slices.Collect(maps.Keys(s.Drained))...)
}

// drains are the drained ranks, with those together that have time and reason in
// common.
func (s *State) drains() map[string]DrainedRank {
	together := map[DrainedRank]idset.Set{}
	for rank, drained := range s.Drained {
		together[drained] = together[drained].Union(idset.Range(rank, rank+1))
	}
	drains := map[string]DrainedRank{}
	for drained, ranks := range together {
		drains[ranks.String()] = drained
	}
	return drains
}

// choose is those of ranks that are as wished.
func choose(ranks idset.Set, wished func(int32) bool) idset.Set {
	var chosen []int32
	for rank := range ranks.All() {
		if wished(rank) {
			chosen = append(chosen, rank)
		}
	}
	return idset.Of(chosen...)
}

func rankList(ranks idset.Set) string {
	if ranks.Len() == 1 {
		return "rank " + ranks.String()
	}
	return "ranks " + ranks.String()
}
