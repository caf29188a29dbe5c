package api

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// hold keeps an object in place when it is deleted, until the returned function is
// called.
func hold(t *testing.T, o client.Object) (release func()) {
	t.Helper()
	const finalizer = "test.gopherlocks.example/held"
	edit := func(change func([]string) []string) {
		t.Helper()
		eventually(t, func() error {
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
			before := o.DeepCopyObject().(client.Object)
			o.SetFinalizers(change(o.GetFinalizers()))
			return world.client.Patch(t.Context(), o, client.MergeFrom(before))
		})
	}
	edit(func(all []string) []string { return append(all, finalizer) })
	return func() {
		t.Helper()
		edit(func(all []string) []string {
			return slices.DeleteFunc(all, func(f string) bool { return f == finalizer })
		})
	}
}

// TestSecretOfAnEarlierMiniClusterIsNotUsed: it will be garbage-collected soon, and
// has the earlier MiniCluster's token.
func TestSecretOfAnEarlierMiniClusterIsNotUsed(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1})
	m.waitForSize(1)
	defer hold(t, m.secret())()
	if err := world.client.Delete(t.Context(), m.get()); err != nil {
		t.Fatal(err)
	}
	again, _ := createInstanceIn(t, m.key.Namespace, api.MiniClusterSpec{Size: 1})
	again.waitForSize(1)
	if secret := again.secret(); !metav1.IsControlledBy(secret, again.get()) {
		t.Errorf("the ranks mount the Secret of %+v", secret.OwnerReferences)
	}
}

// TestPartsOfOthersAreLeftAlone: no Job begins beside other people's objects. The
// MiniCluster does not become their owner: they would be deleted with it.
func TestPartsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	meta := func(suffix string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name + suffix} }
	for kind, theirs := range map[string]client.Object{
		"ServiceAccount": &corev1.ServiceAccount{ObjectMeta: meta("-self-scaling")},
		"Role":           &rbacv1.Role{ObjectMeta: meta("-self-scaling")},
		"RoleBinding": &rbacv1.RoleBinding{
			ObjectMeta: meta("-self-scaling"),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name + "-self-scaling"},
		},
		"Deployment":          &appsv1.Deployment{ObjectMeta: meta("-services"), Spec: deploymentSpec()},
		"NetworkPolicy":       &networkingv1.NetworkPolicy{ObjectMeta: meta("")},
		"PodDisruptionBudget": &policyv1.PodDisruptionBudget{ObjectMeta: meta("")},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			theirs.SetNamespace(newNamespace(t))
			if err := world.client.Create(t.Context(), theirs); err != nil {
				t.Fatalf("create their object: %v", err)
			}
			m, _ := createInstanceIn(t, theirs.GetNamespace(), api.MiniClusterSpec{
				Size: 1, SelfScaling: true,
				Services: []api.Container{{Name: "store", Image: "example.org/store:1"}},
			})
			c := m.waitForReason(api.ConditionReady, api.ReasonNameConflict)
			if want := "a " + kind + " called \"" + theirs.GetName() + "\""; !strings.Contains(c.Message, want) {
				t.Errorf("the condition says %q, want %q", c.Message, want)
			}
			if got := jobWrites(writes(t, m.key.Namespace)); len(got) > 0 {
				t.Errorf("a Job was written: %v", got)
			}
			after := theirs.DeepCopyObject().(client.Object)
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(theirs), after); err != nil {
				t.Fatal(err)
			}
			if len(after.GetOwnerReferences()) > 0 || len(after.GetLabels()) > 0 || after.GetGeneration() != theirs.GetGeneration() {
				t.Errorf("their object was changed: %+v", after)
			}
			if err := world.client.Delete(t.Context(), theirs); err != nil {
				t.Fatal(err)
			}
			m.touch() // it is looked at again each minute in any case
			m.waitForSize(1)
		})
	}
}

// TestPartOfAnotherHoldsUpNoRanks: running ranks do not need that part.
func TestPartOfAnotherHoldsUpNoRanks(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1, MaxSize: 2})
	m.waitForSize(1)
	theirs := &appsv1.Deployment{}
	theirs.Namespace, theirs.Name = m.key.Namespace, name+"-services"
	theirs.Spec = deploymentSpec()
	if err := world.client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	m.change(func(s *api.MiniClusterSpec) {
		s.Services = []api.Container{{Name: "store", Image: "example.org/store:1"}}
		s.Size = 2
	})
	m.waitForReason(api.ConditionReady, api.ReasonNameConflict)
	m.waitForPods(2)
}

// TestPartOfAnEarlierMiniClusterIsWaitedFor: if it were taken over, it would be
// garbage-collected while the new ranks need it.
func TestPartOfAnEarlierMiniClusterIsWaitedFor(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1})
	m.waitForSize(1)
	release := hold(t, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: m.key.Name}})
	if err := world.client.Delete(t.Context(), m.get()); err != nil {
		t.Fatal(err)
	}
	again, _ := createInstanceIn(t, m.key.Namespace, api.MiniClusterSpec{Size: 1})
	eventually(t, func() error {
		if c := again.waitForReason(api.ConditionProgressing, api.ReasonRecreating); !strings.Contains(c.Message, "NetworkPolicy") {
			return errors.New("the operator waits for something else: " + c.Message)
		}
		return nil
	})
	release()
	again.waitForSize(1)
	var policy networkingv1.NetworkPolicy
	if err := world.client.Get(t.Context(), again.key, &policy); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(&policy, again.get()) {
		t.Errorf("the network policy belongs to %+v", policy.OwnerReferences)
	}
}
