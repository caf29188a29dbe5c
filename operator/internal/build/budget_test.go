package build

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
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

func TestNoBudgetWhereTheLeadMayGo(t *testing.T) {
	none := with(sample(), func(s *api.MiniClusterSpec) { s.Pod.DisruptionBudget = api.DisruptionBudgetNone })
	for _, mc := range []*api.MiniCluster{plainSample(), none} {
		if budget := DisruptionBudget(mc); budget != nil {
			t.Errorf("budget %s", encode(t, budget))
		}
	}
}
