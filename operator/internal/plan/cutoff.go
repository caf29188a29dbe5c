package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// A Job is complete, for good, once it has no more completions than ranks that have
// succeeded. So a shrink to ranks that have all ended would make a success of what it
// takes from the others. Such a shrink takes the pods alone: parallelism becomes 0, and
// completions stay. Nothing runs then, and the MiniCluster can grow again.
// Source: syncJob in k8s.io/kubernetes/pkg/controller/job; that completions can only be
// changed together with parallelism, and parallelism alone: validateCompletions in
// k8s.io/kubernetes/pkg/apis/batch/validation.

// doneRanks are the ranks of the Job that have ended with exit code 0. A pod may tell
// of it before its Job does.
func doneRanks(o Observed) idset.Set {
	if o.Job == nil {
		return idset.Set{}
	}
	// What cannot be read names no rank: the API server lets nothing else pass.
	done, _ := idset.Parse(o.Job.Status.CompletedIndexes)
	var told []int32
	for i := range o.Pods {
		pod := &o.Pods[i]
		if rank, ok := rankOf(pod); ok && pod.Status.Phase == corev1.PodSucceeded && metav1.IsControlledBy(pod, o.Job) {
			told = append(told, rank)
		}
	}
	return done.Union(idset.Of(told...))
}

// cutOffRanks are those whose work is, or is about to be, cut off by a shrink to ranks
// that have all ended. With Flux there are none: the command's end is that of all.
func (f facts) cutOffRanks() idset.Set {
	if f.flux || f.Job == nil || f.end != nil {
		return idset.Set{}
	}
	done := doneRanks(f.Observed)
	if !idset.Range(0, f.desired).Minus(done).IsEmpty() {
		return idset.Set{}
	}
	return f.going().Minus(done)
}

// jobSize returns what completions and parallelism of the Job are to be.
func (f facts) jobSize() (completions, parallelism int32) {
	if !f.cutOffRanks().IsEmpty() {
		return f.completions, 0
	}
	return f.desired, f.desired
}
