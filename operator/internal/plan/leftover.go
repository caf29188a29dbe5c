package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// leftovers finds the pods whose rank has failed while containers beside it go on.
// Such a pod is running for its Job, which would never replace it. One whose rank has
// ended with exit code 0 stays: ended by force, it would count as failed.
func leftovers(f facts) []*corev1.Pod {
	if f.isJobBeingDeleted() || f.hasEnded() {
		return nil
	}
	var pods []*corev1.Pod
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp == nil && metav1.IsControlledBy(pod, f.Job) && isLeftover(f.MiniCluster, pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// isLeftover tells whether the container of the pod's rank has ended with another
// exit code than 0, and another one runs. That the pod is said to be running is no
// sign of it: its phase follows the end of its last container a little later.
// Source: mergePodStatus in pkg/kubelet/status of Kubernetes.
func isLeftover(mc *api.MiniCluster, pod *corev1.Pod) bool {
	failed, goesOn := false, false
	for _, status := range pod.Status.ContainerStatuses {
		switch {
		case status.Name != build.RankContainerName(mc):
			goesOn = goesOn || status.State.Running != nil
		case status.State.Terminated != nil:
			failed = status.State.Terminated.ExitCode != 0
		}
	}
	return failed && goesOn
}
