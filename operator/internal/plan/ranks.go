package plan

import (
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Ranks is what the pods of a MiniCluster say about its ranks.
type Ranks struct {
	// Existing is the number of ranks that have a pod which neither ends nor has
	// ended, and Ready the number of those that are ready.
	Existing, Ready int32
	// Missing are the desired ranks that are not ready.
	Missing idset.Set
	// Excess is the number of pods, ending ones too, of ranks above the desired
	// size.
	Excess int
	// Completed are the desired ranks that have ended with exit code 0 and that
	// the Job will not run again.
	Completed idset.Set
	// Earlier is the number of pods that belong to a Job other than the observed.
	Earlier int
	// LeadReady tells whether rank 0 is ready; LeadAddress is its pod's address, empty
	// while there is none, and LeadPod the pod's UID.
	LeadReady   bool
	LeadAddress string
	LeadPod     types.UID

	// unscheduled are the desired ranks without a node. stranded are those, also
	// ranks that are to go and of earlier Jobs, whose nodes do not answer.
	unscheduled unscheduled
	stranded    stranded
	// lookAt, when not zero, is when more of them may turn out to be stranded.
	lookAt time.Time

	// running are the ranks whose containers have been started and may do work,
	// those of ending pods too.
	running idset.Set
}

// noteNode looks at what a pod says of its node.
func (r *Ranks) noteNode(pod *corev1.Pod, rank int32, now time.Time) {
	is, later := isStranded(pod, now)
	if is {
		r.stranded.add(rank, pod.Spec.NodeName)
	}
	r.lookAt = Earliest(r.lookAt, later)
}

// countRanks counts the pods of job's ranks.
func countRanks(job *batchv1.Job, pods []corev1.Pod, desired int32, now time.Time) Ranks {
	var r Ranks
	var existing, ready, running []int32
	withoutNode := map[int32]string{}
	for i := range pods {
		pod := &pods[i]
		owner := metav1.GetControllerOf(pod)
		switch {
		case owner == nil && !isOrphan(job, pod), owner != nil && owner.Kind != "Job":
			continue // somebody's own pod that bears our labels
		case owner == nil || job == nil || owner.UID != job.UID:
			if !hasEnded(pod) {
				r.Earlier++
				if rank, ok := rankOf(pod); ok {
					r.noteNode(pod, rank, now)
				}
			}
			continue
		case hasEnded(pod):
			continue
		}
		rank, ok := rankOf(pod)
		if !ok {
			continue
		}
		r.noteNode(pod, rank, now)
		if rank >= desired {
			r.Excess++
		}
		if pod.Status.Phase == corev1.PodRunning {
			running = append(running, rank)
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		existing = append(existing, rank)
		if because := noNode(pod); because != "" {
			withoutNode[rank] = because
		}
		if rank == 0 {
			r.LeadAddress, r.LeadPod = pod.Status.PodIP, pod.UID
		}
		if isReady(pod) {
			ready = append(ready, rank)
		}
	}
	wanted, readyRanks := idset.Range(0, desired), idset.Of(ready...)
	r.Existing, r.Ready, r.LeadReady = int32(idset.Of(existing...).Len()), int32(readyRanks.Len()), readyRanks.Contains(0)
	r.Missing = wanted.Minus(readyRanks)
	r.unscheduled = unscheduledOf(withoutNode, wanted)
	r.running = idset.Of(running...)
	if job != nil {
		// What cannot be read names no rank: the API server lets nothing else pass.
		completed, _ := idset.Parse(job.Status.CompletedIndexes)
		r.Completed = completed.Intersect(wanted)
	}
	return r
}

func hasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func isReady(pod *corev1.Pod) bool { return readyCondition(pod) != nil }

// readyCondition returns the condition by which the pod is ready; nil when it is
// not.
func readyCondition(pod *corev1.Pod) *corev1.PodCondition {
	if c := conditionOf(pod, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
		return c
	}
	return nil
}

// rankOf returns the index that the Job controller gave the pod.
func rankOf(pod *corev1.Pod) (int32, bool) {
	index, err := strconv.ParseInt(pod.Annotations[batchv1.JobCompletionIndexAnnotation], 10, 32)
	return int32(index), err == nil && index >= 0
}
