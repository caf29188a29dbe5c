package plan

import (
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// canBeReplaced tells of a Job that is not as the spec says, unless none can be:
// nothing is deleted for a Job that could not be, or a command that could not run.
func (f facts) canBeReplaced() bool { return f.changed && !f.obstacle.isThere() }

// isAsked tells whether somebody asks for a restart: see api.AnnotationRestart.
func isAsked(o Observed) bool {
	asked := o.MiniCluster.Annotations[api.AnnotationRestart]
	return o.Job != nil && asked != "" && asked != o.Job.Annotations[api.AnnotationRestart]
}

// mustRestart tells whether all ranks are to be started anew, when no job runs any more.
func (f facts) mustRestart() bool { return f.isRestartWanted() && !f.isRestartHeldBack() }

func (f facts) isRestartWanted() bool {
	return f.Job != nil && (f.changed || f.asked) && !f.obstacle.isThere()
}

// isRestartHeldBack tells whether a change waits until somebody asks for a restart.
func (f facts) isRestartHeldBack() bool {
	return f.MiniCluster.Spec.Restart.Policy == api.RestartOnRequest && !f.asked && !f.isSuspended()
}

// restartReason says why the ranks must start anew.
func (f facts) restartReason() string {
	ceiling := build.CeilingOf(f.Job)
	switch {
	case !f.changed:
		return fmt.Sprintf("annotation %s asks for it", api.AnnotationRestart)
	case ceiling > 0 && f.maximum() > ceiling:
		return fmt.Sprintf("the maximum %d is above the ceiling %d, which is the number of hosts that Flux knows", f.maximum(), ceiling)
	case ceiling == 0 && f.flux:
		return "what the ranks are made from changed or, since an earlier operator has started them, the maximum; a running Job cannot take that over"
	}
	return "what the ranks are made from changed, which a running Job cannot take over"
}

// restart lets the jobs that run end, and then deletes the Job; its end brings the next
// plan, which creates it anew. Prerequisites of the new ranks wait until then: those that
// end know nothing of them.
func restart(f facts) Plan {
	because := f.restartReason()
	if f.isSuspended() && f.stateBefore() != api.ReasonSuspended {
		// First the status must tell that the new Job is to be suspended.
		return Plan{upkeep(f), f.report(f.suspended())}
	}
	if f.told != nil {
		// First the status must tell that it is no longer at its end.
		p := Plan{upkeep(f), f.report(api.ReasonRecreating, because)}
		p.Restarts = true
		p.Replacement, p.End, p.DrainStatus = f.replacement(), nil, nil
		return p
	}
	p := f.endRanks(purpose{
		reason: because,
		begins: "the queue is stopped, to restart all ranks when no job runs: " + because,
		leaves: "the queue is stopped, and all ranks restart when no job runs",
		atOnce: f.MiniCluster.Spec.Restart.Policy == api.RestartAtOnce,
	}, f.restarted(because))
	p.Restarts = true
	if p.DeleteJob != nil || len(p.Events) > 0 {
		// Once the queue is stopped, it need not be asked again before the end.
		p.Replacement = f.replacement()
	}
	return p
}

// restarted is the report of ranks that are about to end, and to come back.
func (f facts) restarted(because string) Report {
	r := f.report(api.ReasonRecreating, because)
	if f.isSuspended() {
		r.State, r.Message = f.suspended()
	}
	r.Events = []Event{normal(api.EventRecreating, "Restarting all ranks: %s", because).
		logged("Deleted the Job to start all ranks anew", "ranks", f.completions, "reason", because)}
	return r
}

// isRestartDue tells of one that waits for somebody to ask for it.
func (f facts) isRestartDue() bool {
	return f.isRestartWanted() && f.isRestartHeldBack() && f.end == nil
}

// restartDue says in words that a restart is due, and how to ask for it.
func (f facts) restartDue() string {
	return fmt.Sprintf("a restart of all ranks is due, since %s%s; ask for it with: %s", f.restartReason(), f.loss(), f.restartCommand())
}

// restartCommand asks for a restart.
func (f facts) restartCommand() string {
	return fmt.Sprintf("kubectl annotate minicluster %s -n %s --overwrite %s=\"$(date)\"", f.MiniCluster.Name, f.MiniCluster.Namespace, api.AnnotationRestart)
}

// restartBecomesDue tells once that a restart waits.
func (f facts) restartBecomesDue(state string) []Event {
	if state != api.ReasonRestartDue || f.stateBefore() == api.ReasonRestartDue {
		return nil
	}
	return []Event{normal(api.EventRestartDue, "%s", Capital(f.restartDue())).
		logged("A restart is due, and waits until somebody asks for it", "reason", f.restartReason())}
}
