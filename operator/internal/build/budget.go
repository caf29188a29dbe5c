package build

import (
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// DisruptionBudget returns the budget that keeps the lead from being evicted, and
// with it all jobs; nil without Flux, where no rank is worth more than another, and
// where the author lets the lead go. A node drain waits for the MiniCluster's end, or for somebody who deletes it. A
// lead that is not ready may go.
//
// Jobs label their pods with their index since Kubernetes 1.28 (PodIndexLabel of
// pkg/features/kube_features.go); before, the budget selects no pod and protects
// none.
func DisruptionBudget(mc *api.MiniCluster) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	if !FluxEnabled(mc) || mc.Spec.Pod.DisruptionBudget == api.DisruptionBudgetNone {
		return nil
	}
	lead := maps.Clone(RankLabels(mc.Name))
	lead[batchv1.JobCompletionIndexAnnotation] = "0"
	budget := policyv1ac.PodDisruptionBudget(mc.Name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			// Not maxUnavailable: that asks the pods' controller for its scale,
			// and a Job has none.
			WithMinAvailable(intstr.FromInt32(1)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(lead)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow))
	return budget.WithAnnotations(contentAnnotation(budget))
}
