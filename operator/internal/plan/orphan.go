package plan

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Objects of ours may be without an owner: their owner was deleted with
// "--cascade=orphan", or a backup was restored without owner references. By their
// labels they are ours all the same. Which become the MiniCluster's, and which must go:
//
//	Service and parts    become the MiniCluster's: applying them sets the owner
//	Job                  ends, and is made anew: of an instance of Flux it mounts the
//	                     Secret of an earlier MiniCluster
//	pods of a Job        end: two pods of a rank would share a host name
//
// An owner that is no more is another matter: the garbage collector deletes its objects
// at once. They are waited for (see Foreign).

// isStray tells whether an object was made for a MiniCluster of this name, and has no
// owner any more.
func isStray(mc *api.MiniCluster, o metav1.Object) bool {
	labels := o.GetLabels()
	return metav1.GetControllerOf(o) == nil &&
		labels[api.LabelManagedBy] == api.ManagedBy && labels[api.LabelMiniCluster] == mc.Name
}

// isOrphan tells whether a pod of a rank has no Job any more. One that bears the label
// of the Job which is there is no orphan: that Job takes it back.
func isOrphan(job *batchv1.Job, pod *corev1.Pod) bool {
	made := pod.Labels[batchv1.ControllerUidLabel]
	return metav1.GetControllerOf(pod) == nil && pod.Labels[api.LabelManagedBy] == api.ManagedBy && made != "" &&
		(job == nil || made != string(job.UID))
}

// orphans finds the pods of ranks that nobody else would end.
func orphans(f facts) []*corev1.Pod {
	var pods []*corev1.Pod
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp == nil && !hasEnded(pod) && isOrphan(f.Job, pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}
