package plan

import (
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// A MiniCluster sleeps without a Job: nothing is held for it, a queue of Jobs such as Kueue
// gives its place to others, no deadline passes, and what has changed in the spec meanwhile
// costs nothing. One whose Job somebody else has suspended has no pod anyway, and its Job
// stays theirs.

// mustFallAsleep tells whether the ranks are to end although their work has not.
func (f facts) mustFallAsleep() bool {
	return f.MiniCluster.Spec.Suspend && f.Job != nil && f.end == nil && f.told == nil && !f.isSuspended()
}

// fallAsleep lets the jobs that run end, and deletes the Job.
func fallAsleep(f facts) Plan {
	const because = "spec.suspend is true"
	r := f.report(api.ReasonFallingAsleep, because+": waiting for the Job and its pods to end")
	r.Events = []Event{normal(api.EventFallingAsleep, "All ranks end: %s", because).
		logged("Deleted the Job to sleep", "ranks", f.completions, "reason", because)}
	p := f.endRanks(purpose{
		reason: because,
		begins: "the queue is stopped, to sleep when no job runs",
		leaves: "the queue is stopped, and all ranks end when no job runs",
	}, r)
	p.Sleeps = true
	return p
}

// isAsleep tells whether no rank is to be, and none is.
func (f facts) isAsleep() bool { return f.MiniCluster.Spec.Suspend && f.Job == nil }

// stayAsleep tells how to wake it. Services beside the ranks go, too.
func stayAsleep(f facts) Plan {
	p := Plan{podActions(f), f.report(api.ReasonAsleep, fmt.Sprintf(
		"asleep, since spec.suspend is true; it comes back with %s with: kubectl patch minicluster %s -n %s --type=merge -p '{\"spec\":{\"suspend\":false}}'",
		counted(f.desired, "rank"), f.MiniCluster.Name, f.MiniCluster.Namespace))}
	p.DrainStatus, p.Sleeps = nil, true
	p.DeleteServices = f.stateBefore() != api.ReasonAsleep
	if f.obstacle.isThere() {
		p.State, p.Message = f.obstacle.state, "asleep; but it could not come back: "+f.obstacle.because
	}
	return p
}
