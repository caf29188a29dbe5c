package api

import (
	"errors"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func deleteNamespace(t *testing.T, name string) {
	t.Helper()
	if err := world.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		t.Fatalf("delete the namespace: %v", err)
	}
}

func waitForNoNamespace(t *testing.T, name string) {
	t.Helper()
	eventually(t, func() error {
		namespace := &corev1.Namespace{}
		if err := world.client.Get(t.Context(), types.NamespacedName{Name: name}, namespace); !apierrors.IsNotFound(err) {
			return errors.New(fmt.Sprint("the namespace is still there: ", namespace.Status.Conditions, err))
		}
		return nil
	})
}

// TestNamespaceGoesAroundRunningRanks: the Job controller keeps the last pod of each
// rank until there is another, which there cannot be.
func TestNamespaceGoesAroundRunningRanks(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 3})
	m.waitForSize(3)
	deleteNamespace(t, m.key.Namespace)
	waitForNoNamespace(t, m.key.Namespace)
}

// TestSuspendedJobIsNotResumed, as one that waits in a queue.
func TestSuspendedJobIsNotResumed(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	suspend := func(suspended bool) {
		t.Helper()
		job := m.job()
		before := job.DeepCopy()
		job.Spec.Suspend = ptr.To(suspended)
		if err := world.client.Patch(t.Context(), job, client.MergeFrom(before)); err != nil {
			t.Fatalf("suspend the Job: %v", err)
		}
	}
	if err := world.client.Delete(t.Context(), m.pods()["1"]); err != nil {
		t.Fatalf("delete a pod: %v", err)
	}
	suspend(true)
	m.waitForReason(api.ConditionReady, api.ReasonSuspended)
	m.waitForEvent(api.ReasonSuspended)

	// The Job controller would keep the one that was deleted until it is replaced.
	eventually(t, func() error {
		if n := len(world.kubelet.podsIn(m.key.Namespace)); n > 0 {
			return fmt.Errorf("%d pods are left", n)
		}
		return nil
	})

	m.mustScale(3)
	eventually(t, func() error {
		if n := *m.job().Spec.Completions; n != 3 {
			return fmt.Errorf("the Job has %d ranks, want 3", n)
		}
		return nil
	})
	old := m.job()
	m.change(func(s *api.MiniClusterSpec) { s.Containers[0].Image = "example.org/image:2" })
	old = m.waitForOtherJob(old)
	m.waitForReason(api.ConditionReady, api.ReasonSuspended)
	if !*old.Spec.Suspend || !*m.job().Spec.Suspend || len(m.pods()) > 0 {
		t.Errorf("the Job was resumed: %+v", old.Spec)
	}
	suspend(false)
	m.waitForSize(3)
}

// onePodPerRank fails if a rank has two pods that have not ended.
func onePodPerRank(m miniCluster) error {
	seen := map[string]string{}
	for _, pod := range world.kubelet.podsIn(m.key.Namespace) {
		if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		if other := seen[rankOf(pod)]; other != "" {
			return fmt.Errorf("rank %s has the pods %s and %s", rankOf(pod), other, pod.Name)
		}
		seen[rankOf(pod)] = pod.Name
	}
	return nil
}

// TestPodsWithoutAJobEndBeforeNewOnes: their Job was deleted, and they were left.
func TestPodsWithoutAJobEndBeforeNewOnes(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	before := uids(m.pods())
	if err := world.client.Delete(t.Context(), m.job(), client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatalf("delete the Job: %v", err)
	}
	eventually(t, func() error {
		if err := onePodPerRank(m); err != nil {
			t.Fatal(err)
		}
		after := uids(m.pods())
		for rank, uid := range before {
			if after[rank] == "" || after[rank] == uid {
				return fmt.Errorf("rank %s has no new pod", rank)
			}
		}
		return nil
	})
	m.waitForSize(2)
}

// TestObjectsWithoutAnOwnerAreTakenOver: their MiniCluster was deleted, and they were
// left. A restored backup looks the same.
func TestObjectsWithoutAnOwnerAreTakenOver(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	old := m.job()
	if err := world.client.Delete(t.Context(), m.get(), client.PropagationPolicy(metav1.DeletePropagationOrphan)); err != nil {
		t.Fatalf("delete the MiniCluster: %v", err)
	}
	eventually(t, func() error {
		var mc api.MiniCluster
		if err := world.client.Get(t.Context(), m.key, &mc); !apierrors.IsNotFound(err) {
			return errors.New(fmt.Sprint("the MiniCluster is still there: ", err))
		}
		return nil
	})
	service, policy := &corev1.Service{}, &networkingv1.NetworkPolicy{}
	for _, o := range []client.Object{service, policy} {
		if err := world.client.Get(t.Context(), m.key, o); err != nil || metav1.GetControllerOf(o) != nil {
			t.Fatalf("%T is owned by %+v: %v", o, o.GetOwnerReferences(), err)
		}
	}

	again, _ := createInstanceIn(t, m.key.Namespace, api.MiniClusterSpec{Size: 2})
	eventually(t, func() error {
		if err := onePodPerRank(again); err != nil {
			t.Fatal(err)
		}
		var job batchv1.Job
		if err := world.client.Get(t.Context(), m.key, &job); err != nil {
			return err
		}
		if job.UID == old.UID {
			return fmt.Errorf("the Job is the old one")
		}
		return nil
	})
	again.waitForSize(2)
	if secret := again.secret(); !metav1.IsControlledBy(secret, again.get()) {
		t.Errorf("the ranks mount the Secret of %+v", secret.OwnerReferences)
	}
	for _, o := range []client.Object{service, policy} {
		uid := o.GetUID()
		if err := world.client.Get(t.Context(), m.key, o); err != nil {
			t.Fatal(err)
		}
		if o.GetUID() != uid || !metav1.IsControlledBy(o, again.get()) {
			t.Errorf("%T is owned by %+v", o, o.GetOwnerReferences())
		}
	}
}
