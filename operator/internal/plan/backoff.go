package plan

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// steadyAfter is how long a rank must have been ready until the stops that it
// replaces are forgotten: the Job controller's shortest back-off, so that a rank
// that keeps on being stopped is not replaced ever faster.
const steadyAfter = 10 * time.Second

// planForgetStops has the Job controller forget that a rank was stopped from
// outside (eviction, loss of a node, deletion), once its replacement is steady.
//
// The Job controller waits before it replaces a rank: 10 s, twice as long for
// each earlier stop, up to 10 minutes. It never forgets one by itself, also of
// those that the podFailurePolicy ignores, so that a rank that is evicted with
// every upgrade of its node would be away for minutes in the end. The number is an
// annotation of the rank's pod, which its replacement inherits; we remove it.
// Failures of a rank's own are counted in another one, which stays.
// Source: getRemainingTimePerIndex and getNewIndexFailureCounts in
// k8s.io/kubernetes/pkg/controller/job.
func planForgetStops(o Observed, p *Plan) {
	if o.Job == nil {
		return
	}
	for i := range o.Pods {
		pod := &o.Pods[i]
		if pod.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] == "" || pod.DeletionTimestamp != nil || !metav1.IsControlledBy(pod, o.Job) {
			continue
		}
		ready := readyCondition(pod)
		if ready == nil || hasEnded(pod) {
			continue
		}
		if steady := ready.LastTransitionTime.Add(steadyAfter); o.Now.Before(steady) {
			p.wakeBy(steady)
			continue
		}
		p.ForgetStops = append(p.ForgetStops, pod)
	}
}

// wakeBy brings the next plan forward to a time.
func (p *Plan) wakeBy(at time.Time) {
	if p.WakeAt.IsZero() || at.Before(p.WakeAt) {
		p.WakeAt = at
	}
}
