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
}

// upkeep is what is done for the ranks whatever becomes of their Job.
func upkeep(f facts) Actions {
	a := podActions(f)
	a.Service = repairService(f)
	return a
}

// podActions is what is done about single pods of the Job.
func podActions(f facts) Actions {
	if f.Job == nil {
		return Actions{}
	}
	a := Actions{GiveUp: podsToGiveUp(f), Leftovers: leftovers(f)}
	a.ForgetStops, a.WakeAt = steadyPods(f)
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
