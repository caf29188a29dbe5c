package api

import (
	"errors"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

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
