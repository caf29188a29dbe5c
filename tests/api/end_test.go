package api

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestEndOfTheCommandIsTheEndOfTheMiniCluster(t *testing.T) {
	t.Parallel()
	for code, conditionType := range map[int32]string{0: api.ConditionComplete, 3: api.ConditionFailed} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			m, _ := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
			m.waitForSize(3)
			world.kubelet.endCommand(t.Context(), m.pods()["0"], code)
			eventually(t, func() error {
				s := m.get().Status
				if !meta.IsStatusConditionTrue(s.Conditions, conditionType) || s.ExitCode == nil || *s.ExitCode != code {
					return fmt.Errorf("want %s with exit code %d; status %+v", conditionType, code, s)
				}
				if n := len(m.pods()); s.Size != 0 && n > 1 {
					return fmt.Errorf("%d pods are left", n)
				}
				return nil
			})
			if code != 0 {
				if got := m.waitForEvent(api.ReasonCommandFailed); !strings.Contains(got, "exit code 3") {
					t.Errorf("event %q", got)
				}
			}
		})
	}
}

func TestCleanupRemovesThePodsAndKeepsTheExitCode(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2, Cleanup: true, Services: []api.Container{{Name: "store", Image: "example.org/store:1"}}})
	m.waitForSize(2)
	services := types.NamespacedName{Namespace: m.key.Namespace, Name: name + "-services"}
	if err := world.client.Get(t.Context(), services, &appsv1.Deployment{}); err != nil {
		t.Fatalf("get the services: %v", err)
	}
	world.kubelet.endCommand(t.Context(), m.pods()["0"], 0)
	m.waitForEvent(api.EventCleanedUp)
	eventually(t, func() error {
		for o, key := range map[client.Object]types.NamespacedName{&batchv1.Job{}: m.key, &appsv1.Deployment{}: services} {
			if err := world.client.Get(t.Context(), key, o); !apierrors.IsNotFound(err) {
				return errors.New(fmt.Sprint(key, " is still there; ", err))
			}
		}
		s := m.get().Status
		if !meta.IsStatusConditionTrue(s.Conditions, api.ConditionComplete) || s.ExitCode == nil || *s.ExitCode != 0 || s.Size != 0 {
			return fmt.Errorf("status %+v", s)
		}
		return nil
	})

	// Another spec is another run.
	m.change(func(s *api.MiniClusterSpec) { s.Containers[0].Image = "example.org/image:2" })
	m.waitForSize(2)
	if s := m.get().Status; meta.IsStatusConditionTrue(s.Conditions, api.ConditionComplete) || s.ExitCode != nil {
		t.Errorf("status %+v while the command runs anew", s)
	}
}

// TestLostLeadComesBack: its rank is replaced, and the followers stay.
func TestLostLeadComesBack(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	before := m.pods()
	if err := world.client.Delete(t.Context(), before["0"]); err != nil {
		t.Fatal(err)
	}
	m.waitForReason(api.ConditionReady, api.ReasonLeadLost)
	m.waitForSize(2)
	m.waitForEvent(api.EventLeadBack)
	after := m.pods()
	if after["0"].UID == before["0"].UID || after["1"].UID != before["1"].UID {
		t.Error("want another lead and the same follower")
	}
}

func TestInstanceStandsOnItsObjects(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1, SelfScaling: true})
	m.waitForSize(1)
	secret := m.secret()
	if secret.Immutable == nil || !*secret.Immutable || !strings.Contains(string(secret.Data["curve.cert"]), "secret-key") {
		t.Errorf("the Secret holds %d entries, immutable: %v", len(secret.Data), secret.Immutable)
	}
	var policies networkingv1.NetworkPolicyList
	var budgets policyv1.PodDisruptionBudgetList
	for _, list := range []client.ObjectList{&policies, &budgets} {
		if err := world.client.List(t.Context(), list, client.InNamespace(m.key.Namespace)); err != nil {
			t.Fatal(err)
		}
		if n := meta.LenList(list); n != 1 {
			t.Errorf("%d objects of %T, want 1", n, list)
		}
	}
	pod := m.pods()["0"]
	may := func(verb, resource, subresource, name string) bool {
		return allowed(t, "system:serviceaccount:"+m.key.Namespace+":"+pod.Spec.ServiceAccountName, authorizationv1.ResourceAttributes{
			Namespace: m.key.Namespace, Verb: verb, Group: api.GroupVersion.Group,
			Resource: resource, Subresource: subresource, Name: name,
		})
	}
	for _, verb := range []string{"get", "patch", "update"} {
		eventually(t, func() error { // the API server learns of roles a little later
			if !may(verb, api.Resource, "scale", name) {
				return fmt.Errorf("its pods may not %s the scale of their MiniCluster", verb)
			}
			return nil
		})
		if may(verb, api.Resource, "scale", "another") || may(verb, api.Resource, "", name) || may(verb, api.Resource, "status", name) {
			t.Errorf("its pods may %s more than their own scale", verb)
		}
	}
}

// allowed asks the API server what a user may do.
func allowed(t *testing.T, user string, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &what}}
	if err := world.client.Create(t.Context(), review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

// TestOperatorCannotReadSecrets: whoever steals its token must not get Secrets.
func TestOperatorCannotReadSecrets(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for _, verb := range []string{"get", "list", "watch", "update", "patch", "delete"} {
		if allowed(t, operatorUser, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: verb, Resource: "secrets", Name: "any"}) {
			t.Errorf("the operator may %s secrets", verb)
		}
	}
}
