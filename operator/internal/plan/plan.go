// Package plan decides what to do about a MiniCluster. It is a pure function of
// what was observed: no client, no clock, no log.
//
//	maximum = maxSize, else status.maximumSize, else size
//	desired = size clamped to [minSize, maximum]
//
//	no Job, and no rank of an earlier one      → create the Job with desired ranks
//	Job made from another template input       → delete it; when it is gone: create
//	Job with fewer ranks                       → grow it, in one write
//	Job with more ranks                        → drain those that go; when they are
//	                                             idle: shrink it, in one write
//	Job finished                               → report its end, remove the services
//	anything being deleted                     → leave it
//	an object of our name that is not ours     → leave everything, and say so
package plan

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"

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
	// Pods are those with the labels of the MiniCluster's ranks, of whatever Job.
	Pods []corev1.Pod
	// Drain is what the lead has answered last; nil when it has not been asked.
	Drain *DrainAnswer
	// Now is the time of the observation.
	Now time.Time
	// Settings are the operator's.
	Settings build.Settings
}

// Plan is what to do, and what to say about it.
type Plan struct {
	// Foundation says that the objects which the ranks stand on (build.Foundation)
	// must be there before the Job.
	Foundation bool
	// Service, when not nil, is to be applied before the Job.
	Service *corev1ac.ServiceApplyConfiguration
	Job     *batchv1ac.JobApplyConfiguration
	// DeleteJob, when not nil, is the Job to delete in the foreground.
	DeleteJob *batchv1.Job
	// DeleteServices says that the side services have no more purpose.
	DeleteServices bool
	// ForgetStops are the pods whose ranks' earlier stops are no longer to delay a
	// replacement.
	ForgetStops []*corev1.Pod
	// GiveUp are the pods that are to be reported as ended, since their nodes do
	// not.
	GiveUp []*corev1.Pod
	// DrainOrder, when not nil, is what the lead is to be told.
	DrainOrder *DrainOrder
	// WakeAt, when not zero, is when the plan changes by the clock alone.
	WakeAt time.Time
	// Events tell of what the plan does, once that is done.
	Events []Event

	// Desired and Maximum are what status.desired and status.maximumSize become.
	Desired, Maximum int32
	// Violations of the bounds rule by the spec.
	Violations []bounds.Violation
	// Ranks are counted from the pods of the observed Job.
	Ranks Ranks
	// DrainStatus is what status.drain becomes.
	DrainStatus *api.Drain
	// End, when not nil, is how the MiniCluster has ended for good.
	End *End
	// State is a reason of the conditions Ready and Progressing, with its message.
	State, Message string
}

// Event is a Kubernetes event about the MiniCluster.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type, Reason, Message string
}

func (p *Plan) tell(eventType, reason, format string, args ...any) {
	p.Events = append(p.Events, Event{eventType, reason, fmt.Sprintf(format, args...)})
}

// Make returns the plan for what was observed.
func Make(o Observed) Plan {
	mc := o.MiniCluster
	sizes := bounds.Sizes{
		Size:        int(mc.Spec.Size),
		MinSize:     int(mc.Spec.MinSize),
		MaxSize:     int(mc.Spec.MaxSize),
		MaximumSize: int(mc.Status.MaximumSize),
	}
	b := sizes.Bounds()
	p := Plan{
		Desired:    int32(b.Clamp(sizes.Size)), // at most bounds.Limit
		Maximum:    int32(b.Max),
		Violations: bounds.Check(sizes),
	}
	if kind := foreign(o); kind != "" {
		p.State = api.ReasonNameConflict
		p.Message = kind + " exists and belongs to somebody else; delete it, or give the MiniCluster another name"
		return p
	}
	p.Ranks = countRanks(o.Job, o.Pods, p.Desired, o.Now)
	if !p.Ranks.lookAt.IsZero() {
		p.wakeBy(p.Ranks.lookAt)
	}
	if mc.DeletionTimestamp != nil {
		p.State, p.Message = api.ReasonDeleting, "the MiniCluster is being deleted"
		return p
	}
	if end := endBefore(mc); end != nil && o.Job == nil {
		// Cleaned up. To make the Job again would run the command again.
		p.setEnd(end)
		return p
	}
	p.Foundation = true
	planService(o, &p)
	planJob(o, &p)
	planForgetStops(o, &p)
	planGiveUp(o, &p)
	return p
}

// foreign names an object that has a name of the MiniCluster's but another owner,
// if there is one.
func foreign(o Observed) string {
	switch {
	case o.Service != nil && !metav1.IsControlledBy(o.Service, o.MiniCluster):
		return fmt.Sprintf("a Service called %q", build.ServiceName(o.MiniCluster))
	case o.Job != nil && !metav1.IsControlledBy(o.Job, o.MiniCluster):
		return fmt.Sprintf("a Job called %q", o.MiniCluster.Name)
	}
	return ""
}

// planJob fills in what to do with the Job, and the state.
func planJob(o Observed, p *Plan) {
	switch {
	case o.Job == nil && p.Ranks.Earlier > 0:
		p.State = api.ReasonRecreating
		p.Message = fmt.Sprintf("pods of an earlier Job that have still to end: %d", p.Ranks.Earlier) + p.Ranks.hindrances()
	case o.Job == nil:
		planCreate(o, p)
	case o.Job.DeletionTimestamp != nil && endBefore(o.MiniCluster) != nil:
		p.Foundation = false
		p.setEnd(endBefore(o.MiniCluster))
	case o.Job.DeletionTimestamp != nil:
		p.State = api.ReasonRecreating
		p.Message = "waiting for the earlier Job and its pods to end" + p.Ranks.hindrances()
	case o.Job.Annotations[api.AnnotationTemplateHash] != build.TemplateHash(o.MiniCluster, p.Maximum):
		planRecreate(o, p)
	default:
		if end := findEnd(o); end != nil {
			planEnd(o, p, end)
			return
		}
		planResize(o, p)
	}
	if p.State == "" {
		describe(o, p)
	}
}

// buildJob returns the Job, and also what is wrong with the services beside it.
func buildJob(o Observed, p *Plan) (*batchv1ac.JobApplyConfiguration, error) {
	if _, err := build.ServicesPod(o.MiniCluster); err != nil {
		return nil, err
	}
	return build.Job(o.MiniCluster, p.Desired, p.Maximum, o.Settings)
}

func planCreate(o Observed, p *Plan) {
	job, err := buildJob(o, p)
	if err != nil {
		p.Foundation = false
		p.State, p.Message = api.ReasonInvalidSpec, err.Error()
		return
	}
	p.Job = job
	p.tell(corev1.EventTypeNormal, api.EventCreated, "Created a Job of %d ranks", p.Desired)
}

// planRecreate deletes the Job; its end brings the next plan, which creates it
// anew. Nothing is deleted for a command that could not run: the ranks go on with
// the earlier one, and can be scaled.
func planRecreate(o Observed, p *Plan) {
	if _, err := buildJob(o, p); err != nil {
		p.Foundation = false
		p.State, p.Message = api.ReasonInvalidSpec, err.Error()
		planResize(o, p)
		return
	}
	p.Foundation = false // The new one is not to be seen by the old ranks.
	p.State = api.ReasonRecreating
	p.Message = "what the ranks are made from or the maximum changed, which a running Job cannot take over"
	if endBefore(o.MiniCluster) != nil {
		return // First the status must tell that it is no longer at its end.
	}
	p.DeleteJob = o.Job
	p.tell(corev1.EventTypeNormal, api.EventRecreating, "Restarting all ranks: %s", p.Message)
}

// planResize changes completions and parallelism together, in one write: an
// Indexed Job is elastic only so. It always removes the highest ranks.
func planResize(o Observed, p *Plan) {
	completions, parallelism := ptr.Deref(o.Job.Spec.Completions, 0), ptr.Deref(o.Job.Spec.Parallelism, 0)
	if p.Desired >= completions {
		undrain(o, p, completions)
	} else if !drained(o, p, completions) {
		return
	}
	if completions == p.Desired && parallelism == p.Desired {
		return
	}
	if !editJob(o, p, func(job *batchv1ac.JobSpecApplyConfiguration) {
		job.WithCompletions(p.Desired).WithParallelism(p.Desired)
	}) {
		return
	}
	switch {
	case completions < p.Desired:
		p.tell(corev1.EventTypeNormal, api.EventScalingUp, "Growing from %d to %d ranks", completions, p.Desired)
	case completions > p.Desired:
		p.tell(corev1.EventTypeNormal, api.EventScalingDown, "Shrinking from %d to %d ranks", completions, p.Desired)
	}
}

// editJob plans a write that changes the Job's spec. What else we apply is taken
// from the Job as it is, not built anew, so that a newer operator never tries to
// change the template of a running Job.
func editJob(o Observed, p *Plan, edit func(*batchv1ac.JobSpecApplyConfiguration)) bool {
	job, err := batchv1ac.ExtractJob(o.Job, FieldManager)
	if err != nil || job.Spec == nil {
		p.State = api.ReasonApplyFailed
		p.Message = fmt.Sprintf("the Job's managed fields cannot be read (%v); delete the Job to have it made anew", err)
		return false
	}
	edit(job.Spec)
	pin(o.Job, job)
	p.Job = job
	return true
}

// pinned is an apply configuration that can be tied to one version of an object.
type pinned[T any] interface {
	WithUID(uid types.UID) T
	WithResourceVersion(version string) T
}

// pin ties the write to the version of the object that it was planned for: on
// another version the API server answers with a conflict, and the watch brings
// what changed.
func pin[T any](observed metav1.Object, config pinned[T]) {
	config.WithUID(observed.GetUID())
	config.WithResourceVersion(observed.GetResourceVersion())
}
