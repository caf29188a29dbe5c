// Package plan decides what to do about a MiniCluster. It is a pure function of
// what was observed: no client, no clock, no log.
//
//	facts    what is so, computed once from what was observed
//	rules    in their order: the first that applies decides
//	Actions  what to do
//	Report   what to say: in the status, as events and in the log
//
// The rules, with
//
//	maximum = maxSize, else status.maximumSize, else size
//	desired = size clamped to [minSize, maximum]
//
// are:
//
//	namespace being deleted                    → delete the Job, which would hold its pods
//	a Job or Service of our name, not ours     → leave everything, and say so
//	MiniCluster being deleted                  → leave it
//	a Job of ours that has lost its owner      → delete it
//	ended, Job gone, other template input      → take the end back, if the API
//	                                             server would take the new Job;
//	                                             then there is no Job
//	ended, Job gone or being deleted           → leave it, and report the end
//	no Job, but pods of an earlier one         → wait until they have ended
//	no Job, and spec.suspend                   → sleep
//	no Job                                     → create it with desired ranks
//	Job being deleted                          → wait until it is gone
//	Job, and spec.suspend                      → let its jobs end, and delete it
//	Job made from another template input, or
//	a restart is asked for                     → let its jobs end, and delete it, if
//	                                             the API server would take the new one
//	Job finished                               → report its end, remove the services,
//	                                             clean up
//	Job with fewer ranks                       → grow it, in one write
//	Job with more ranks                        → drain those that go; when they are
//	                                             idle: shrink it, in one write
//
// The last two are one rule. If no new Job can be made of the spec, they hold as
// well: the plan says so, and the ranks go on and are scaled. If somebody has suspended
// the Job, it stays so, and so does one that takes its place.
//
// What keeps ranks from coming or going is found beside that (hindrances.go), whatever
// the rule: it is told, and changes nothing of what is done.
//
// A drain and an end that the status tells of stay until a rule says that they are
// over.
package plan

import (
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// FieldManager owns the fields of the objects that the operator makes.
const FieldManager = "gopherlocks-operator"

// Observed is all that a plan is made from.
type Observed struct {
	MiniCluster *api.MiniCluster
	// Service and Job are the objects of the MiniCluster's name, whoever made
	// them; nil when there is none.
	Service *corev1.Service
	Job     *batchv1.Job
	// SideServices are those that have the names of build.SideServices, whoever made
	// them.
	SideServices []corev1.Service
	// Pods are those with the labels of the MiniCluster's ranks, of whatever Job.
	Pods []corev1.Pod
	// NamespaceEnds tells that the namespace is being deleted.
	NamespaceEnds bool
	// SecretSeen is when the Secret of the ranks was known to be there; zero for
	// never.
	SecretSeen time.Time
	// ServicesPods are the pods of the side services.
	ServicesPods []corev1.Pod
	// Autoscalers are the HorizontalPodAutoscalers whose target is the MiniCluster.
	Autoscalers []autoscalingv2.HorizontalPodAutoscaler
	// Told is what events say that Actions.Questions ask for.
	Told []Told
	// Drain is what the lead has answered last; nil when it has not been asked.
	Drain *DrainAnswer
	// Queue is what the lead has said last of its queue, and Autoscaled what the queue's
	// autoscaler makes of it; nil where it is not known.
	Queue      *QueueAnswer
	Autoscaled *Autoscaled
	// Refusal is why the API server would not take Actions.Replacement; empty when
	// it would, or has not been asked.
	Refusal string
	// Now is the time of the observation.
	Now time.Time
	// Settings are the operator's.
	Settings build.Settings
}

// Plan is what to do, and what to say about it.
type Plan struct {
	Actions
	Report
}

// Make returns the plan for what was observed.
func Make(o Observed) Plan {
	f := look(o)
	first := slices.IndexFunc(rules, func(r rule) bool { return r.applies(f) })
	p := rules[first].plan(f) // The last one applies to all that is left.
	p.Questions = f.hindered.questions
	p.WakeAt = Earliest(p.WakeAt, f.ranks.lookAt, f.hindered.lookAt, f.obstacle.retryAt)
	return p
}

// WakeUp has the plan made anew at a time at the latest.
func (p *Plan) WakeUp(at time.Time) { p.WakeAt = Earliest(p.WakeAt, at) }

// Earliest returns the earliest of the times that are not zero.
func Earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// SizesOf returns what the bounds rule judges of a MiniCluster.
func SizesOf(mc *api.MiniCluster) bounds.Sizes {
	return bounds.Sizes{
		Size:        int(mc.Spec.Size),
		MinSize:     int(mc.Spec.MinSize),
		MaxSize:     int(mc.Spec.MaxSize),
		MaximumSize: int(mc.Status.MaximumSize),
	}
}
