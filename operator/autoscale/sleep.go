package autoscale

import "time"

// SleepAt returns when a MiniCluster whose queue is empty is to go to sleep: once no rank
// has run a job for the sleep time. It is zero while there is a job, also one that is held,
// or nothing is known.
func SleepAt(p Policy, s Situation) time.Time {
	u := s.Use
	if p.SleepTime <= 0 || u == nil || !u.Busy.IsEmpty() || u.Running+u.Pending+u.Held > 0 || len(u.Idle) == 0 {
		return time.Time{}
	}
	since := s.GrownAt
	for _, idle := range u.Idle {
		since = later(since, idle.Since)
	}
	return since.Add(p.SleepTime)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
