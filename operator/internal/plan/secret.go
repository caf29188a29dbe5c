package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// secretPatience is how long a pod may be on its node, without a sandbox, until the
// Secret that it mounts is looked after.
const secretPatience = 5 * time.Second

// missesSecret tells whether pods may wait for a Secret that somebody has deleted. The
// operator may not read Secrets, and so does not see that one is gone; a kubelet makes
// no sandbox for a pod whose volumes it cannot mount, whether for that or for another
// reason. To create the Secret once more costs one request, which tells whether it is
// there. So it is done when a pod has waited for a while and, as long as it waits, each
// time when it has waited twice as long. lookAt, when not zero, is when that is.
func missesSecret(f facts) (misses bool, lookAt time.Time) {
	if !f.flux || f.Job == nil {
		return false, time.Time{}
	}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp != nil || !metav1.IsControlledBy(pod, f.Job) || !waitsOnNode(pod) {
			continue
		}
		since := conditionOf(pod, corev1.PodScheduled).LastTransitionTime.Time
		patience := secretPatience
		if waited := f.SecretSeen.Sub(since); waited > 0 {
			patience = max(patience, 2*waited)
		}
		due := since.Add(patience)
		if f.Now.Before(due) {
			lookAt = Earliest(lookAt, due)
			continue
		}
		misses = true
	}
	return misses, lookAt
}

// waitsOnNode tells whether the pod has a node, and no sandbox there.
func waitsOnNode(pod *corev1.Pod) bool {
	scheduled, sandbox := conditionOf(pod, corev1.PodScheduled), conditionOf(pod, corev1.PodReadyToStartContainers)
	return pod.Status.Phase == corev1.PodPending && pod.Status.PodIP == "" &&
		scheduled != nil && scheduled.Status == corev1.ConditionTrue &&
		(sandbox == nil || sandbox.Status != corev1.ConditionTrue)
}
