package api

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestPartsComeBack, whether somebody deletes or changes them, the Secret too, of which the
// operator sees nothing.
func TestPartsComeBack(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{
		Size: 1, MaxSize: 2, SelfScaling: true, Services: []api.Container{{Name: "store", Image: "example.org/store:1"}},
	})
	m.waitForSize(1)
	beside := func(suffix string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: m.key.Namespace, Name: m.key.Name + suffix}
	}
	policy, budget := &networkingv1.NetworkPolicy{ObjectMeta: beside("")}, &policyv1.PodDisruptionBudget{ObjectMeta: beside("")}
	account, role := &corev1.ServiceAccount{ObjectMeta: beside("-self-scaling")}, &rbacv1.Role{ObjectMeta: beside("-self-scaling")}
	binding, services := &rbacv1.RoleBinding{ObjectMeta: beside("-self-scaling")}, &appsv1.Deployment{ObjectMeta: beside("-services")}
	parts := []client.Object{account, role, binding, services, policy, budget}
	read := func() {
		t.Helper()
		for _, part := range parts {
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(part), part); err != nil {
				t.Fatalf("get %T: %v", part, err)
			}
		}
	}
	content := func() []any {
		return []any{account.OwnerReferences, role.Rules, binding.Subjects, *services.Spec.Replicas, policy.Spec, budget.Spec}
	}
	read()
	before, secret := content(), m.secret()

	for _, o := range append(parts, secret) {
		if err := world.client.Delete(t.Context(), o.DeepCopyObject().(client.Object)); err != nil {
			t.Fatalf("delete %T: %v", o, err)
		}
	}
	for _, o := range append(parts, secret) {
		eventually(t, func() error {
			there := o.DeepCopyObject().(client.Object)
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(o), there); err != nil {
				return err
			}
			if there.GetUID() == o.GetUID() {
				return fmt.Errorf("%T %s is not deleted yet", o, o.GetName())
			}
			return nil
		})
	}

	read()
	account.OwnerReferences = nil
	role.Rules = nil
	binding.Subjects = nil
	services.Spec.Replicas = ptr.To[int32](0)
	policy.Spec.Ingress = nil
	budget.Spec.MinAvailable = ptr.To(intstr.FromInt32(0))
	for _, part := range parts {
		if err := world.client.Update(t.Context(), part); err != nil {
			t.Fatalf("change %T: %v", part, err)
		}
	}
	eventually(t, func() error {
		read()
		if got := content(); !reflect.DeepEqual(got, before) {
			return fmt.Errorf("what was changed is %+v, want %+v", got, before)
		}
		return nil
	})

	secret = m.secret()
	if err := world.client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		read()
		if !slices.ContainsFunc(policy.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == secret.UID }) {
			return fmt.Errorf("the network policy is owned by %+v, want the new Secret %s too", policy.OwnerReferences, secret.UID)
		}
		return nil
	})

	// Where nobody can tell of the Secret, as with an earlier operator's network policy, the
	// pods do: a kubelet mounts none that is not there. This node does nothing at all.
	untie := fmt.Appendf(nil, `{"metadata":{"ownerReferences":[{"apiVersion":"flux-framework.org/v1alpha2","kind":"MiniCluster","name":%q,"uid":%q,"controller":true}]}}`,
		m.key.Name, m.get().UID)
	if err := world.client.Patch(t.Context(), policy, client.RawPatch(types.MergePatchType, untie)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		read()
		if owners := policy.OwnerReferences; len(owners) != 1 || owners[0].BlockOwnerDeletion == nil {
			return fmt.Errorf("the network policy is owned by %+v", owners)
		}
		return nil
	})
	node := m.key.Namespace + "-waits"
	world.kubelet.setSilent(node, true)
	world.kubelet.setPlace(m.key.Namespace, func(*corev1.Pod) (string, string) { return node, "" })
	if err := world.client.Delete(t.Context(), m.secret()); err != nil {
		t.Fatal(err)
	}
	m.mustScale(2)
	eventually(t, func() error {
		return world.client.Get(t.Context(), client.ObjectKeyFromObject(secret), &corev1.Secret{})
	})
	world.kubelet.setSilent(node, false)
	m.waitForSize(2)
}

// TestWhatTheSpecNoLongerAsksForIsRemoved, above all a withdrawn permission. What
// others have made stays, whatever its name.
func TestWhatTheSpecNoLongerAsksForIsRemoved(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{
		Size: 1, SelfScaling: true,
		Services: []api.Container{{Name: "store", Image: "example.org/store:1"}},
		Network:  api.Network{HeadlessName: "hosts"},
	})
	m.waitForSize(1)
	beside := func(suffix string) types.NamespacedName {
		return types.NamespacedName{Namespace: m.key.Namespace, Name: m.key.Name + suffix}
	}
	parts := map[client.Object]types.NamespacedName{
		&corev1.ServiceAccount{}:        beside("-self-scaling"),
		&rbacv1.Role{}:                  beside("-self-scaling"),
		&rbacv1.RoleBinding{}:           beside("-self-scaling"),
		&appsv1.Deployment{}:            beside("-services"),
		&networkingv1.NetworkPolicy{}:   m.key,
		&policyv1.PodDisruptionBudget{}: m.key,
		&corev1.Service{}:               {Namespace: m.key.Namespace, Name: "hosts"},
	}
	for o, key := range parts {
		if err := world.client.Get(t.Context(), key, o); err != nil {
			t.Fatalf("before: get %T: %v", o, err)
		}
	}
	theirs := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "theirs"}}
	if err := world.client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}

	// Without a restart of the ranks.
	m.change(func(s *api.MiniClusterSpec) { s.Services = nil })
	eventually(t, func() error {
		if err := world.client.Get(t.Context(), beside("-services"), &appsv1.Deployment{}); !apierrors.IsNotFound(err) {
			return errors.New(fmt.Sprint("the services are still there: ", err))
		}
		return nil
	})
	m.waitForSize(1)

	m.change(func(s *api.MiniClusterSpec) {
		s.SelfScaling, s.Network.HeadlessName, s.Flux.Enabled = false, "", ptr.To(false)
	})
	eventually(t, func() error {
		for o, key := range parts {
			if err := world.client.Get(t.Context(), key, o); !apierrors.IsNotFound(err) {
				return errors.New(fmt.Sprint(key, " is still there: ", err))
			}
		}
		return nil
	})
	m.waitForSize(1)
	for o, key := range map[client.Object]types.NamespacedName{theirs: client.ObjectKeyFromObject(theirs), &corev1.Service{}: m.key} {
		if err := world.client.Get(t.Context(), key, o); err != nil {
			t.Errorf("get %T: %v", o, err)
		}
	}
}
