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

	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// Actions are what to do.
type Actions struct {
	// Prerequisites says that the objects that ranks need besides Job and Service,
	// such as the Secret, are to be as the spec says: before the Job where there is
	// none, else after it.
	Prerequisites bool
	// Service, when not nil, is to be applied likewise.
	Service *corev1ac.ServiceApplyConfiguration
	// SideServices are to be applied likewise: those of containers beside the rank.
	SideServices []*corev1ac.ServiceApplyConfiguration
	Job          *batchv1ac.JobApplyConfiguration
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
	// LabelLead, when not nil, is the lead's pod, which is to have api.LabelJobIndex.
	LabelLead *corev1.Pod
	// Orphans are the pods to delete, since they are ranks of a Job that is no more.
	Orphans []*corev1.Pod
	// Ended are the pods that status.selector is no longer to pick, since their ranks
	// have ended.
	Ended []*corev1.Pod
	// Kept are the pods that have ended, and whose Job is to let them go.
	Kept []*corev1.Pod
	// Secret says that the Secret is to be created if it is not there: pods seem to
	// wait for it.
	Secret bool
	// DrainOrder, when not nil, is what the lead is to be told.
	DrainOrder *DrainOrder
	// QueueOrder, when not nil, is whom to ask about the queue.
	QueueOrder *QueueOrder
	// Questions are what only events can answer. While there are some, the plan is made
	// again with the answers (see Observed.Told), which change nothing but the Report.
	Questions []Question
	// WakeAt, when not zero, is when the plan changes by the clock alone.
	WakeAt time.Time
}

// upkeep is what is done for the ranks whatever becomes of their Job.
func upkeep(f facts) Actions {
	a := podActions(f)
	a.Service = repairService(f)
	a.SideServices, _ = sideServices(f.Observed)
	return a
}

// podActions is what is done about single pods of ranks.
func podActions(f facts) Actions {
	a := Actions{Orphans: orphans(f)}
	if f.Job == nil {
		return a
	}
	a.GiveUp, a.Leftovers, a.LabelLead = podsToGiveUp(f), leftovers(f), unlabelledLead(f)
	var steadyAt, endedAt, keptAt, lookAt time.Time
	a.ForgetStops, steadyAt = steadyPods(f)
	a.Ended, endedAt = endedPods(f)
	a.Kept, keptAt = keptPods(f)
	a.Secret, lookAt = missesSecret(f)
	a.WakeAt = Earliest(steadyAt, endedAt, keptAt, lookAt)
	return a
}

// repairService returns the Service where it is missing or is not as it must be.
func repairService(f facts) *corev1ac.ServiceApplyConfiguration {
	wanted := build.Service(f.MiniCluster)
	switch {
	case f.Service == nil:
		return wanted
	case f.Service.DeletionTimestamp == nil && !build.UpToDate(wanted, f.Service):
		pin(f.Service, wanted)
		return wanted
	}
	return nil
}

// replacement is the new Job under a name that no other object has: a UID, which is
// short enough for the name of a Job.
func (f facts) replacement() *batchv1ac.JobApplyConfiguration {
	return f.wanted.WithName(string(f.MiniCluster.UID))
}

// editJob returns a write that changes the Job's spec. What else we apply is taken
// from the Job as it is, not built anew, so that a newer operator never tries to
// change the template of a running Job.
func editJob(observed *batchv1.Job, edit func(*batchv1ac.JobSpecApplyConfiguration)) (*batchv1ac.JobApplyConfiguration, error) {
	job, err := batchv1ac.ExtractJob(observed, FieldManager)
	if err == nil && job.Spec == nil {
		err = errors.New("none of the spec is ours")
	}
	if err != nil {
		return nil, fmt.Errorf("the Job's managed fields cannot be read (%w); delete the Job to have it made anew", err)
	}
	edit(job.Spec)
	pin(observed, job)
	return job, nil
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
