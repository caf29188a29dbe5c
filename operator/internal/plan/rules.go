package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// rule says what to do, and what to say, where it applies.
type rule struct {
	applies func(facts) bool
	plan    func(facts) Plan
}

// rules in their order: the first that applies decides. The package comment tells
// them in words.
var rules = []rule{
	{facts.isNamespaceBeingDeleted, endWithNamespace},
	{facts.hasForeignObject, leaveEverything},
	{facts.isBeingDeleted, leaveToGarbageCollector},
	{facts.hasStrayJob, endStrayJob},
	{facts.isGoneAndChanged, takeEndBack},
	{facts.isGone, reportEnd},
	{facts.hasEarlierPods, awaitEarlierPods},
	{facts.isAsleep, stayAsleep},
	{facts.hasNoJob, create},
	{facts.isJobBeingDeleted, awaitEarlierJob},
	{facts.mustFallAsleep, fallAsleep},
	{facts.mustRestart, restart},
	{facts.hasEnded, finish},
	{facts.hasJob, resize},
}

func (f facts) isNamespaceBeingDeleted() bool { return f.NamespaceEnds }

// endWithNamespace deletes the Job, or the namespace would never go. Kubernetes deletes
// the pods of a namespace first, and nothing else before they are gone. But the Job
// controller keeps the last pod of each rank, by a finalizer, until there is one that
// takes its place, which cannot be in such a namespace. Only without its Job it lets them
// go.
// Source: getPodsWithDelayedDeletionPerIndex in k8s.io/kubernetes/pkg/controller/job;
// deleteAllContent in k8s.io/kubernetes/pkg/controller/namespace/deletion, where the
// feature gate OrderedNamespaceDeletion is on: by default from 1.33 on.
func endWithNamespace(f facts) Plan {
	p := Plan{Report: f.report(api.ReasonDeleting, "the namespace is being deleted")}
	p.DrainStatus = nil // All ranks go.
	if job := cmp.Or(f.Job, f.stray); job != nil && job.DeletionTimestamp == nil && CheckOwner(f.MiniCluster, "Job", job) == nil {
		p.DeleteJob = job
		// Not an event: such a namespace takes none.
		p.Events = []Event{Event{}.logged("Deleted the Job and its pods", "reason", "the namespace is being deleted")}
	}
	return p
}

func (f facts) hasForeignObject() bool { return f.foreign != nil }

func leaveEverything(f facts) Plan {
	state, retry := f.foreign.state()
	return Plan{Actions{WakeAt: f.Now.Add(retry)}, f.report(state, f.foreign.Error())}
}

func (f facts) isBeingDeleted() bool { return f.MiniCluster.DeletionTimestamp != nil }

func leaveToGarbageCollector(f facts) Plan {
	r := f.report(api.ReasonDeleting, "the MiniCluster is being deleted")
	r.DrainStatus = nil // All ranks go.
	return Plan{Report: r}
}

func (f facts) hasStrayJob() bool { return f.stray != nil }

// endStrayJob makes room for a Job of the MiniCluster's own.
func endStrayJob(f facts) Plan {
	p := f.await("waiting for an earlier Job, which has lost its owner, and its pods to end")
	if f.stray.DeletionTimestamp == nil {
		p.DeleteJob = f.stray
		p.Events = []Event{normal(api.EventRecreating, "Deleting the Job of an earlier MiniCluster, which has lost its owner").
			logged("Deleted the Job to start all ranks anew", "reason", "it was that of an earlier MiniCluster, and has lost its owner")}
	}
	return p
}

// isGone tells of an end whose Job is gone or about to be, by the cleanup or by hand.
func (f facts) isGone() bool {
	return f.told != nil && (f.hasNoJob() || f.isJobBeingDeleted())
}

func (f facts) isGoneAndChanged() bool {
	return f.isGone() && f.hasNoJob() && f.canBeReplaced()
}

// takeEndBack comes before another run: the status must tell first that the
// MiniCluster is no longer at its end.
func takeEndBack(f facts) Plan {
	r := f.report(api.ReasonRecreating, "what the ranks are made from changed after the end")
	r.End, r.DrainStatus = nil, nil
	return Plan{Actions{Replacement: f.replacement()}, r}
}

// reportEnd makes nothing anew: that would run the command again, which is for
// another spec alone.
func reportEnd(f facts) Plan { return Plan{podActions(f), f.ended()} }

func (f facts) hasEarlierPods() bool { return f.hasNoJob() && f.ranks.Earlier > 0 }

func awaitEarlierPods(f facts) Plan {
	return f.await(fmt.Sprintf("pods of an earlier Job that have still to end: %d", f.ranks.Earlier))
}

func (f facts) hasNoJob() bool { return f.Job == nil }

func create(f facts) Plan {
	p := Plan{Actions: upkeep(f)}
	if f.obstacle.isThere() {
		p.Report = f.report(f.obstacle.state, f.obstacle.because)
	} else {
		p.Prerequisites, p.Job = true, f.wanted
		p.Report = f.report(f.state(drain{}))
		p.Events = []Event{normal(api.EventCreated, "Created a Job of %s", counted(f.desired, "rank")).
			logged("Created the Job", "ranks", f.desired, "reason", "there was none")}
		_, leftOut := sideServices(f.Observed)
		if adapted := append(build.Adaptations(f.MiniCluster), leftOut...); len(adapted) > 0 {
			p.Events = append(p.Events, normal(api.EventAdapted, "%s", strings.Join(adapted, "; ")))
		}
	}
	p.DrainStatus = nil // None of its ranks is there any more.
	return p
}

func (f facts) isJobBeingDeleted() bool { return f.Job != nil && f.Job.DeletionTimestamp != nil }

func awaitEarlierJob(f facts) Plan { return f.await("waiting for the earlier Job and its pods to end") }

// await waits for ranks that end.
func (f facts) await(message string) Plan {
	state := api.ReasonRecreating
	switch {
	case f.staysSuspended():
		state, _ = f.suspended()
	case f.MiniCluster.Spec.Suspend:
		state = api.ReasonFallingAsleep
	}
	r := f.report(state, message+HindrancesText(f.hindered.hindrances))
	r.DrainStatus = nil // All ranks go.
	return Plan{upkeep(f), r}
}

func (f facts) hasEnded() bool { return f.end != nil }

// finish reports the end, and removes what has no more purpose.
func finish(f facts) Plan {
	p := Plan{upkeep(f), f.ended()}
	switch {
	case f.told == nil:
		// First the status must tell of the end: without the pods, nothing else does.
		// Services are deleted also where the spec has none any more: some may be left.
		p.DeleteServices = true
	case f.MiniCluster.Spec.Cleanup:
		p.DeleteJob = f.Job
		p.Events = []Event{normal(api.EventCleanedUp, "Deleted the Job and its pods").
			logged("Deleted the Job and its pods", "reason", "it has ended, and spec.cleanup is true")}
	case goesOn(f.Job) && !ptr.Deref(f.Job.Spec.Suspend, false):
		// Its pods have no more purpose; a suspended Job has none.
		job, err := editJob(f.Job, func(job *batchv1ac.JobSpecApplyConfiguration) { job.WithSuspend(true) })
		if err != nil {
			p.State, p.Message = api.ReasonApplyFailed, err.Error()
			return p
		}
		p.Job = job
		p.Events = []Event{Event{}.logged("Suspended the Job", "reason", "the command has ended, and the Job does not end by itself")}
	}
	return p
}

func (f facts) hasJob() bool { return f.Job != nil }

// resize changes completions and parallelism together, in one write: an Indexed Job
// is elastic only so, but where a shrink would end it (see jobSize). It always removes
// the highest ranks. Else it lets the Job be what it is, whatever is in the way of
// another.
func resize(f facts) Plan {
	d := planDrain(f, f.shrink())
	p := Plan{Actions: upkeep(f)}
	p.Prerequisites = !f.obstacle.isThere()
	p.DrainOrder, p.WakeAt = d.order, Earliest(p.WakeAt, d.deadline)
	p.QueueOrder = f.queueOrder()
	completions, parallelism := f.jobSize()
	if !d.holds() && (f.completions != completions || f.parallelism != parallelism) {
		job, err := editJob(f.Job, func(job *batchv1ac.JobSpecApplyConfiguration) {
			job.WithCompletions(completions).WithParallelism(parallelism)
		})
		if err != nil {
			p.Report = f.report(api.ReasonApplyFailed, err.Error())
			p.QueueStatus = f.queueStatus()
			return p
		}
		p.Job = job
	}
	p.Report = f.report(f.state(d))
	p.DrainStatus, p.QueueStatus = d.status, f.queueStatus()
	p.RestartDue = f.isRestartDue()
	p.Events = slices.Concat(d.events, f.resized(p.Job), f.leadBack(), f.restartBecomesDue(p.State))
	return p
}
