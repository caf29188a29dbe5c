package plan

import (
	"errors"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Report is what to say, once the actions are done.
type Report struct {
	// Desired and Maximum are what status.desired and status.maximumSize become.
	Desired, Maximum int32
	// Violations of the bounds rule by the spec.
	Violations []bounds.Violation
	// Ranks are counted from the pods of the observed Job.
	Ranks Ranks
	// Hindrances are what keeps ranks from coming or going, and autoscalers from scaling.
	Hindrances []Hindrance
	// DrainStatus is what status.drain becomes.
	DrainStatus *api.Drain
	// QueueStatus is what status.queue becomes.
	QueueStatus *api.QueueStatus
	// Restarts tells that all ranks are about to start anew, RestartDue that they would if
	// somebody asked for it, and Sleeps that no rank is to be.
	Restarts, RestartDue, Sleeps bool
	// End, when not nil, is how the MiniCluster has ended for good.
	End *End
	// State is a reason of the conditions Ready and Progressing, with its message.
	State, Message string
	// Events tell of what the plan does.
	Events []Event
}

// Event tells once of something that was done or has happened.
type Event struct {
	// Type, Reason and Message are those of a Kubernetes event. Type is
	// corev1.EventTypeNormal or corev1.EventTypeWarning. Without a Reason it is
	// for the log alone.
	Type, Reason, Message string
	// Log is its line in the log, with Values, which are keys and values in turn.
	// When Log is empty, it is not logged.
	Log    string
	Values []any
}

// normal returns an event of the type corev1.EventTypeNormal.
func normal(reason, format string, args ...any) Event {
	return Event{Type: corev1.EventTypeNormal, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// warning returns an event of the type corev1.EventTypeWarning.
func warning(reason, format string, args ...any) Event {
	return Event{Type: corev1.EventTypeWarning, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// logged returns the event with its line in the log.
func (e Event) logged(line string, values ...any) Event {
	e.Log, e.Values = line, values
	return e
}

// report returns what is said whatever is done. A drain and an end that the status
// tells of stay: a rule that ends one of them says so.
func (f facts) report(state, message string) Report {
	return Report{
		Desired: f.desired, Maximum: f.maximum(), Violations: f.violations, Ranks: f.ranks, Hindrances: f.hindered.hindrances,
		DrainStatus: f.MiniCluster.Status.Drain, End: f.told,
		State: state, Message: message,
	}
}

// ended tells of the end, and why what has changed in the spec since brings no other
// run.
func (f facts) ended() Report {
	r := f.report(f.end.State, f.end.Message)
	r.End, r.DrainStatus = f.end, nil // No rank has work any more.
	if f.changed && f.obstacle.isThere() {
		r.Message += "; what has changed in the spec since cannot be: " + f.obstacle.because
	}
	return r
}

// state returns the state of a MiniCluster whose Job goes on or is about to be made:
// the first of these that holds.
func (f facts) state(d drain) (state, message string) {
	r := f.ranks
	ready := f.desired - int32(r.Missing.Len())
	progress := fmt.Sprintf("%d of %s %s ready", ready, counted(f.desired, "rank"), verb(int(f.desired), "is", "are"))
	leaving := "" // to be put behind a message
	if d.leaving != "" {
		leaving = "; " + d.leaving
	}
	switch {
	case f.obstacle.isThere():
		return f.obstacle.state, f.obstacle.because + leaving
	case f.staysSuspended():
		return f.suspended()
	case f.isLeadLost():
		state, message = api.ReasonLeadLost, progress+"; the lead is lost and is being replaced"+leaving
	case d.holds():
		state, message = api.ReasonDraining, d.leaving+": "+d.because
		if !r.Missing.IsEmpty() {
			message += fmt.Sprintf("; %s, waiting for %s", progress, r.Missing.Words())
		}
	case !f.cutOffRanks().IsEmpty():
		state = api.ReasonCutOff
		message = fmt.Sprintf("ended with exit code 0, for good: %s; the work of %s was cut off by the shrink to size %d: grow to size %d to run it again, or delete the MiniCluster",
			idset.Range(0, f.desired).Words(), f.cutOffRanks().Words(), f.desired, f.completions)
	case !r.Completed.IsEmpty():
		state, message = api.ReasonCompleting, fmt.Sprintf("%s; ended with exit code 0, for good: %s", progress, r.Completed.Words())
	case !r.Missing.IsEmpty() && ready == 0:
		state, message = api.ReasonStarting, progress
	case !r.Missing.IsEmpty():
		state, message = api.ReasonScalingUp, fmt.Sprintf("%s; waiting for %s", progress, r.Missing.Words())
	case r.Excess > 0:
		state, message = api.ReasonScalingDown, fmt.Sprintf("%s; %d above the desired size %s ending", progress, r.Excess, verb(r.Excess, "is", "are"))
	case f.isRestartDue():
		state, message = api.ReasonRestartDue, progress+"; "+f.restartDue()
	default:
		state, message = api.ReasonReady, progress
	}
	return state, message + HindrancesText(f.hindered.hindrances)
}

// isLeadLost tells whether an instance that was up has lost its lead: followers are
// ready only once they have joined it.
func (f facts) isLeadLost() bool {
	wasUp := f.MiniCluster.Status.Ready > 0 && !f.isLeadThere() || f.wasLeadLost()
	return f.flux && f.Job != nil && wasUp && !f.ranks.LeadReady
}

// isLeadThere tells of a lead that nobody has lost although its pod is not ready: it has
// never been, since the kubelets of followers may report sooner, or its broker is up and
// a container beside it has ended.
func (f facts) isLeadThere() bool {
	for pod, status := range f.runningLeads() {
		if !nodeNotReady(pod) {
			return status.Ready || !wasReady(pod, status)
		}
	}
	return false
}

// runningLeads are the pods of rank 0 that do not end, and whose container runs: one, but
// while the Job replaces it.
func (f facts) runningLeads() iter.Seq2[*corev1.Pod, *corev1.ContainerStatus] {
	return func(yield func(*corev1.Pod, *corev1.ContainerStatus) bool) {
		for _, p := range f.rankPods {
			if status := f.runningRank(p.Pod); p.rank == 0 && p.isLive() && status != nil && !yield(p.Pod, status) {
				return
			}
		}
	}
}

// wasReady tells whether a pod has been ready since its container was started: it may have
// ceased to be.
func wasReady(pod *corev1.Pod, running *corev1.ContainerStatus) bool {
	ready := conditionOf(pod, corev1.PodReady)
	return ready != nil && ready.LastTransitionTime.After(running.State.Running.StartedAt.Time)
}

func (f facts) wasLeadLost() bool { return f.stateBefore() == api.ReasonLeadLost }

// leadBack tells that a lost lead is ready again.
func (f facts) leadBack() []Event {
	if !f.wasLeadLost() || !f.ranks.LeadReady || f.obstacle.isThere() {
		return nil
	}
	return []Event{normal(api.EventLeadBack, "The lead is back").
		logged("The lead is back", "ready", f.ranks.Ready, "reason", "rank 0 is ready")}
}

// resized tells that the Job has more or fewer ranks by a write.
func (f facts) resized(write *batchv1ac.JobApplyConfiguration) []Event {
	values := []any{"from", f.completions, "to", f.desired, "reason", f.sizeReason()}
	switch {
	case write == nil:
		return nil
	case f.completions > f.desired:
		return []Event{normal(api.EventScalingDown, "Shrinking from %d to %s", f.completions, counted(f.desired, "rank")).logged("Shrank the Job", values...)}
	case min(f.completions, f.parallelism) < f.desired:
		// Parallelism is the lower one after a shrink that has cut off work.
		from := min(f.completions, f.parallelism)
		values[1] = from
		return []Event{normal(api.EventScalingUp, "Growing from %d to %s", from, counted(f.desired, "rank")).logged("Grew the Job", values...)}
	}
	return nil
}

// Failed returns the plan with a report that it could not be carried out. ranks tells
// whether what it does with the ranks was done all the same.
func (p Plan) Failed(o Observed, err error, ranks bool) Plan {
	p.State, p.Message = api.ReasonApplyFailed, err.Error()
	if foreign, ok := errors.AsType[*Foreign](err); ok {
		state, retry := foreign.state()
		p.State, p.Message = state, foreign.Error()
		p.WakeAt = Earliest(p.WakeAt, o.Now.Add(retry))
	}
	if !ranks {
		p.DrainStatus = o.MiniCluster.Status.Drain
	}
	// Once the status tells of an end, nothing of what belongs to it is done again.
	p.End = toldEnd(o.MiniCluster)
	return p
}
