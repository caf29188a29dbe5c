// Package plan decides what to do about a MiniCluster. It is a pure function of
// what was observed: no client, no clock, no log.
//
//	maximum = maxSize, else status.maximumSize, else size
//	desired = size clamped to [minSize, maximum]
//
//	no Job, and no rank of an earlier one      → create the Job with desired ranks
//	Job made from another template input       → delete it, if the API server would
//	                                             take the new one; when it is gone:
//	                                             create
//	Job with fewer ranks                       → grow it, in one write
//	Job with more ranks                        → drain those that go; when they are
//	                                             idle: shrink it, in one write
//	Job finished                               → report its end, remove the services
//	Job finished and gone                      → leave it; create, if the template
//	                                             input is another one
//	anything being deleted                     → leave it
//	a Job or Service of our name, not ours     → leave everything, and say so
//	no new Job can be made of the spec         → say so; the ranks go on, and are
//	                                             scaled
package plan

import (
	"errors"
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
	// Refusal is why the API server would not take Plan.Replacement; empty when it
	// would, or has not been asked.
	Refusal string
	// Now is the time of the observation.
	Now time.Time
	// Settings are the operator's.
	Settings build.Settings
}

// Plan is what to do, and what to say about it.
type Plan struct {
	// Foundation says that what the ranks stand on is to be as the spec says: before
	// the Job where there is none, else after it.
	Foundation bool
	// Service, when not nil, is to be applied likewise.
	Service *corev1ac.ServiceApplyConfiguration
	Job     *batchv1ac.JobApplyConfiguration
	// DeleteJob, when not nil, is the Job to delete in the foreground.
	DeleteJob *batchv1.Job
	// Replacement, when not nil, is the Job that is to take the place of the one that
	// is there, under another name. The API server must be asked whether it would
	// take it; if it would not, the plan is another (see Observed.Refusal).
	Replacement *batchv1ac.JobApplyConfiguration
	// DeleteServices says that the side services have no more purpose.
	DeleteServices bool
	// ForgetStops are the pods whose ranks' earlier stops are no longer to delay a
	// replacement.
	ForgetStops []*corev1.Pod
	// GiveUp are the pods that are to be reported as ended, since their nodes do
	// not.
	GiveUp []*corev1.Pod
	// Leftovers are the pods to delete, since their ranks have failed and the rest of
	// them goes on.
	Leftovers []*corev1.Pod
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

	// leaving says which ranks drain, and until when; leavingWhy, what they wait
	// for. Both are empty when none drain.
	leaving, leavingWhy string
}

// Event is a Kubernetes event about the MiniCluster.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type, Reason, Message string
}

func (p *Plan) tell(eventType, reason, format string, args ...any) {
	p.Events = append(p.Events, Event{eventType, reason, fmt.Sprintf(format, args...)})
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

// Make returns the plan for what was observed.
func Make(o Observed) Plan {
	mc := o.MiniCluster
	sizes := SizesOf(mc)
	b := sizes.Bounds()
	p := Plan{
		Desired:    int32(b.Clamp(sizes.Size)), // at most bounds.Limit
		Maximum:    int32(b.Max),
		Violations: bounds.Check(sizes),
	}
	if f := foreign(o); f != nil {
		// Nothing is done, so that what has been goes on.
		p.DrainStatus, p.End = mc.Status.Drain, endBefore(mc)
		p.tellForeign(o, f)
		return p
	}
	p.Ranks = countRanks(o.Job, o.Pods, p.Desired, o.Now)
	if !p.Ranks.lookAt.IsZero() {
		p.wakeBy(p.Ranks.lookAt)
	}
	if mc.DeletionTimestamp != nil {
		p.State, p.Message = api.ReasonDeleting, "the MiniCluster is being deleted"
		p.End = endBefore(mc)
		return p
	}
	if end := endBefore(mc); end != nil && o.Job == nil {
		planGone(o, &p, end)
		return p
	}
	planService(o, &p)
	planJob(o, &p)
	planForgetStops(o, &p)
	planGiveUp(o, &p)
	planLeftovers(o, &p)
	return p
}

// Fail makes the plan tell that it could not be carried out. ranks tells whether
// what it does with the ranks was done all the same.
func (p *Plan) Fail(o Observed, err error, ranks bool) {
	p.State, p.Message = api.ReasonApplyFailed, err.Error()
	var foreign *Foreign
	if errors.As(err, &foreign) {
		p.tellForeign(o, foreign)
	}
	if !ranks {
		p.DrainStatus = o.MiniCluster.Status.Drain
	}
	// Once the status tells of an end, nothing of what belongs to it is done again.
	p.End = endBefore(o.MiniCluster)
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
		p.setEnd(endBefore(o.MiniCluster))
	case o.Job.DeletionTimestamp != nil:
		p.State = api.ReasonRecreating
		p.Message = "waiting for the earlier Job and its pods to end" + p.Ranks.hindrances()
	case o.Job.Annotations[api.AnnotationTemplateHash] != build.TemplateHash(o.MiniCluster, p.Maximum):
		planRecreate(o, p)
	default:
		planKeep(o, p)
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
		p.State, p.Message = api.ReasonInvalidSpec, err.Error()
		return
	}
	p.Foundation = true
	p.Job = job
	p.tell(corev1.EventTypeNormal, api.EventCreated, "Created a Job of %d ranks", p.Desired)
}

// planKeep lets the Job be what it is, but for its size.
func planKeep(o Observed, p *Plan) {
	if end := findEnd(o); end != nil {
		planEnd(o, p, end)
		return
	}
	planResize(o, p)
	_, err := build.ServicesPod(o.MiniCluster)
	if err != nil {
		p.blame(api.ReasonInvalidSpec, err.Error())
	}
	p.Foundation = err == nil
}

// RefusalRetry is the time between two questions whether the API server would take
// a Job that it has refused: what it goes by besides the spec is not watched.
const RefusalRetry = time.Minute

// planRecreate deletes the Job; its end brings the next plan, which creates it
// anew. Nothing is deleted for a Job that could not be, or a command that could not
// run: the ranks go on with the earlier one, and can be scaled.
func planRecreate(o Observed, p *Plan) {
	if state, because := tryOut(o, p); because != "" {
		planWithoutChange(o, p, state, because)
		return
	}
	// What the new ranks stand on is not to be seen by the old ones.
	p.State = api.ReasonRecreating
	p.Message = "what the ranks are made from or the maximum changed, which a running Job cannot take over"
	if endBefore(o.MiniCluster) != nil {
		return // First the status must tell that it is no longer at its end.
	}
	p.DeleteJob = o.Job
	p.tell(corev1.EventTypeNormal, api.EventRecreating, "Restarting all ranks: %s", p.Message)
}

// tryOut plans to ask the API server whether it would take the Job of the spec. When
// it is known that this Job cannot be, it returns the state that says so, and why.
func tryOut(o Observed, p *Plan) (state, because string) {
	job, err := buildJob(o, p)
	switch {
	case err != nil:
		return api.ReasonInvalidSpec, err.Error()
	case o.Refusal != "":
		p.wakeBy(o.Now.Add(RefusalRetry))
		return api.ReasonApplyFailed, "the API server does not take a Job as the spec says: " + o.Refusal
	}
	// No other object has a UID for its name, and as the name of a Job it is short
	// enough.
	p.Replacement = job.WithName(string(o.MiniCluster.UID))
	return "", ""
}

// cannotBe joins the message of an end with why it is not followed by another run.
const cannotBe = "; what has changed in the spec since cannot be: "

// planWithoutChange plans for ranks that cannot be made anew as the spec says.
func planWithoutChange(o Observed, p *Plan, state, because string) {
	if end := findEnd(o); end != nil {
		planEnd(o, p, end)
		p.Message += cannotBe + because
		return
	}
	planResize(o, p)
	p.blame(state, because)
}

// blame says what is wrong with the spec, unless more is wrong.
func (p *Plan) blame(state, because string) {
	if p.State == "" {
		p.State, p.Message = state, because+p.alsoLeaving()
	}
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
		p.DrainStatus = o.MiniCluster.Status.Drain
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
