package build

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

func TestBudgetKeepsTheLeadOnly(t *testing.T) {
	mc := sample()
	budget := decode[policyv1.PodDisruptionBudget](t, DisruptionBudget(mc))
	selector := labels.SelectorFromSet(budget.Spec.Selector.MatchLabels)
	rank := func(index string) labels.Set {
		pod := labels.Set(builtPod(t, mc).Labels)
		pod[batchv1.JobCompletionIndexAnnotation] = index // as the Job controller does
		return pod
	}
	if !selector.Matches(rank("0")) || selector.Matches(rank("1")) {
		t.Errorf("selector %s", selector)
	}
	if budget.Spec.MinAvailable.IntValue() != 1 || budget.Spec.MaxUnavailable != nil {
		t.Errorf("budget %s", encode(t, budget.Spec))
	}
	equal(t, "leads that are not ready", budget.Spec.UnhealthyPodEvictionPolicy, ptr.To(policyv1.AlwaysAllow))
}

func TestRanksWithoutFluxNeedNoBudget(t *testing.T) {
	if budget := DisruptionBudget(plainSample()); budget != nil {
		t.Errorf("budget %s", encode(t, budget))
	}
}
