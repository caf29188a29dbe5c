package api

import (
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestImageChangeRestartsAllRanks: a Job's template cannot change. The new Job
// must wait until the last pod of the old one has ended.
func TestImageChangeRestartsAllRanks(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	old := m.job()
	release := world.kubelet.hold(m.key.Namespace)
	m.change(func(s *api.MiniClusterSpec) { s.Containers[0].Image = "example.org/image:2" })
	m.waitForReason(api.ConditionProgressing, api.ReasonRecreating)
	m.waitForEvent(api.EventRecreating)

	// The pods cannot end yet, so the old Job must still be there.
	eventually(t, func() error {
		job := m.job()
		if job.UID != old.UID {
			t.Fatal("a new Job exists beside pods of the old one")
		}
		if job.DeletionTimestamp == nil {
			return fmt.Errorf("the old Job is not being deleted")
		}
		return nil
	})
	release()
	m.waitForSize(2)
	if m.job().UID == old.UID {
		t.Error("the Job is the old one")
	}
	for rank, pod := range m.pods() {
		if got := pod.Spec.Containers[0].Image; got != "example.org/image:2" {
			t.Errorf("rank %s runs %s", rank, got)
		}
	}
}

// TestJobDeletedByHandComesBackAfterItsPods: kubectl deletes a Job before its pods.
// Even then two pods of one rank must not run at once.
func TestJobDeletedByHandComesBackAfterItsPods(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	old := m.job()
	release := world.kubelet.hold(m.key.Namespace)
	if err := world.client.Delete(t.Context(), old, client.PropagationPolicy("Background")); err != nil {
		t.Fatalf("delete the Job: %v", err)
	}
	m.waitForReason(api.ConditionProgressing, api.ReasonRecreating)
	var job batchv1.Job
	if err := world.client.Get(t.Context(), m.key, &job); !apierrors.IsNotFound(err) {
		t.Errorf("a Job exists beside pods of the old one: %v", err)
	}
	release()
	m.waitForSize(2)
}

// TestJobOfTheFluxOperatorIsMadeAnew: such a Job belongs to the MiniCluster but has
// none of our labels, as after its definition was taken over.
func TestJobOfTheFluxOperatorIsMadeAnew(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	old := m.job()
	theirs := old.DeepCopy()
	theirs.Annotations, theirs.Labels = nil, nil
	if err := world.client.Patch(t.Context(), theirs, client.MergeFrom(old)); err != nil {
		t.Fatalf("take our marks from the Job: %v", err)
	}
	m.waitForOtherJob(old)
	m.waitForSize(2)
}

func TestInvalidSpecLeavesRunningRanksAlone(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1, MaxSize: 3})
	m.waitForSize(1)
	uid := m.job().UID
	m.change(func(s *api.MiniClusterSpec) { s.Flux.CurveCert, s.Size = "none", 3 })
	m.waitForReason(api.ConditionReady, api.ReasonInvalidSpec)
	eventually(t, func() error {
		if n := len(m.pods()); n != 3 {
			return fmt.Errorf("want 3 ranks, have %d", n)
		}
		return nil
	})
	if m.job().UID != uid {
		t.Error("the Job was made anew with a certificate that is none")
	}
}

func TestDeletionTakesEverythingAlong(t *testing.T) {
	t.Parallel()
	for _, policy := range []client.PropagationPolicy{"Background", "Foreground"} {
		m, _ := createInstance(t, api.MiniClusterSpec{Size: 2})
		m.waitForSize(2)
		if err := world.client.Delete(t.Context(), m.get(), policy); err != nil {
			t.Fatalf("delete the MiniCluster: %v", err)
		}
		eventually(t, func() error {
			for _, list := range []client.ObjectList{
				&api.MiniClusterList{}, &batchv1.JobList{}, &corev1.ServiceList{}, &corev1.PodList{}, &corev1.SecretList{}, &networkingv1.NetworkPolicyList{},
			} {
				if err := world.client.List(t.Context(), list, client.InNamespace(m.key.Namespace)); err != nil {
					return err
				}
				if n := meta.LenList(list); n > 0 {
					return fmt.Errorf("%s: %d left of %T", policy, n, list)
				}
			}
			return nil
		})
	}
}
