package api

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestOnlyTheLeadIsKeptFromEviction: a lead that is not ready may go.
func TestOnlyTheLeadIsKeptFromEviction(t *testing.T) {
	t.Parallel()
	m, _, n := createOnNodes(t, map[string]string{"0": "b"}, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	lead, follower := m.pods()["0"], m.pods()["1"]
	waitForBudget(t, m.key, 1)
	if err := evict(t, lead); !apierrors.IsTooManyRequests(err) {
		t.Errorf("the lead: %v, want too many requests", err)
	}
	if err := evict(t, follower); err != nil {
		t.Errorf("a follower: %v", err)
	}
	eventually(t, func() error {
		if pod := m.pods()["1"]; pod == nil || pod.UID == follower.UID {
			return fmt.Errorf("rank 1 is not back")
		}
		return nil
	})
	m.waitForSize(2)

	n.lose("b")
	m.waitForMessage(api.ReasonLeadLost, "rank 0 is on node "+n.name("b"))
	if err := evict(t, lead); err != nil {
		t.Errorf("a lead on a lost node: %v", err)
	}
}

// TestBudgetOfYourOwnKeepsFollowers: docs/several-nodes.md shows it. A pod that two
// budgets select could not be evicted at all.
func TestBudgetOfYourOwnKeepsFollowers(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	m.waitForSize(3)
	own := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "followers"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: ptr.To(intstr.FromInt32(1)),
			Selector: &metav1.LabelSelector{
				MatchLabels: map[string]string{batchv1.JobNameLabel: name},
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: batchv1.JobCompletionIndexAnnotation, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"0"}},
				},
			},
		},
	}
	if err := world.client.Create(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	waitForBudget(t, client.ObjectKeyFromObject(own), 2)
	pods := m.pods()
	if err := evict(t, pods["1"]); err != nil {
		t.Errorf("the first follower: %v", err)
	}
	for rank, pod := range map[string]*corev1.Pod{"2": pods["2"], "0": pods["0"]} {
		if err := evict(t, pod); !apierrors.IsTooManyRequests(err) {
			t.Errorf("rank %s: %v, want too many requests", rank, err)
		}
	}
}

// waitForBudget waits until a budget has seen so many healthy pods.
func waitForBudget(t *testing.T, key client.ObjectKey, healthy int32) {
	t.Helper()
	eventually(t, func() error {
		var budget policyv1.PodDisruptionBudget
		if err := world.client.Get(t.Context(), key, &budget); err != nil {
			return err
		}
		if s := budget.Status; s.ObservedGeneration != budget.Generation || s.CurrentHealthy != healthy || s.ExpectedPods != healthy {
			return fmt.Errorf("budget %s has seen %+v", key.Name, s)
		}
		return nil
	})
}

func evict(t *testing.T, pod *corev1.Pod) error {
	t.Helper()
	return world.client.SubResource("eviction").Create(t.Context(), pod, &policyv1.Eviction{})
}
