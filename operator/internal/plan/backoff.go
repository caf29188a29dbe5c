package plan

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// steadyAfter is how long a rank must have been ready until its earlier stops are
// forgotten. It is the Job controller's shortest back-off, so that a rank that keeps
// on being stopped is not replaced ever faster.
const steadyAfter = 10 * time.Second

// steadyPods finds the pods whose earlier stops the Job controller is to forget: the
// replacement is steady. wakeAt, when not zero, is when there may be more of them.
//
// The Job controller waits before it replaces a rank: 10 s, twice as long for each
// earlier stop, up to 10 minutes. It never forgets a stop by itself, not even one that
// the podFailurePolicy ignores. A rank that is evicted with every upgrade of its node
// would be away for minutes in the end. The number of stops is an annotation of the
// rank's pod, which its replacement inherits; we remove it. Failures of a rank's own
// are counted in another annotation, which stays.
// Source: getRemainingTimePerIndex and getNewIndexFailureCounts in
// k8s.io/kubernetes/pkg/controller/job.
func steadyPods(f facts) (pods []*corev1.Pod, wakeAt time.Time) {
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] == "" || pod.DeletionTimestamp != nil || !metav1.IsControlledBy(pod, f.Job) {
			continue
		}
		ready := readyCondition(pod)
		if ready == nil || hasEnded(pod) {
			continue
		}
		if steady := ready.LastTransitionTime.Add(steadyAfter); f.Now.Before(steady) {
			wakeAt = Earliest(wakeAt, steady)
			continue
		}
		pods = append(pods, pod)
	}
	return pods, wakeAt
}
