package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// unlabelledLead returns the lead's pod if it lacks api.LabelJobIndex; nil otherwise. A
// pod template has the same labels for all ranks, so that this one comes later. The
// Flux Operator gives it to all ranks. Here the lead alone has it: Services that stand
// beside a MiniCluster select the lead by it, and one more write for each of hundreds
// of ranks is too much for the rest. Those have the Job controller's own label
// (batch.kubernetes.io/job-completion-index).
func unlabelledLead(f facts) *corev1.Pod {
	for i := range f.Pods {
		pod := &f.Pods[i]
		rank, ok := rankOf(pod)
		if ok && rank == 0 && pod.DeletionTimestamp == nil && !hasEnded(pod) && metav1.IsControlledBy(pod, f.Job) && pod.Labels[api.LabelJobIndex] == "" {
			return pod
		}
	}
	return nil
}
