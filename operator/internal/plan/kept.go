package plan

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// keptAfter is how long a pod must have ended until it is let go: the Job controller has
// counted it by then, within a second or two.
const keptAfter = 10 * time.Second

// keptPods finds the pods that have ended, were deleted by others than their Job, and would
// stay. The Job controller keeps the last pod of a rank, by a finalizer, until another takes
// its place. None does while the Job is suspended, by whomever, or has no parallelism. A pod
// that was evicted just before would show as "Terminating" for all that time, and the drain
// of its node would wait for it. All that is lost with it is how often its rank has failed.
// wakeAt, when not zero, is when there may be more of them.
// Source: getPodsWithDelayedDeletionPerIndex in k8s.io/kubernetes/pkg/controller/job.
func keptPods(f facts) (pods []*corev1.Pod, wakeAt time.Time) {
	if !ptr.Deref(f.Job.Spec.Suspend, false) && f.parallelism > 0 {
		return nil, time.Time{}
	}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp == nil || !hasEnded(pod) || !metav1.IsControlledBy(pod, f.Job) ||
			!slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer) {
			continue
		}
		if due := endOf(pod).Add(keptAfter); f.Now.Before(due) {
			wakeAt = Earliest(wakeAt, due)
			continue
		}
		pods = append(pods, pod)
	}
	return pods, wakeAt
}
