package build

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestRanksMayScaleTheirOwnMiniClusterOnly(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.SelfScaling = true })
	account, builtRole, builtBinding := SelfScaling(mc)
	role, binding := decode[rbacv1.Role](t, builtRole), decode[rbacv1.RoleBinding](t, builtBinding)
	equal(t, "rules", role.Rules, []rbacv1.PolicyRule{{
		APIGroups: []string{"flux-framework.org"}, Resources: []string{"miniclusters/scale"},
		ResourceNames: []string{"sample"}, Verbs: []string{"get", "patch", "update"},
	}})
	equal(t, "role of the binding", binding.RoleRef, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name})
	equal(t, "subjects", binding.Subjects, []rbacv1.Subject{{Kind: "ServiceAccount", Name: *account.Name, Namespace: "ns"}})
	pod := builtPod(t, mc).Spec
	equal(t, "account", pod.ServiceAccountName, *account.Name)
	equal(t, "token", *pod.AutomountServiceAccountToken, true)
}

func TestRanksMayDoNothingByDefault(t *testing.T) {
	if account, role, binding := SelfScaling(sample()); account != nil || role != nil || binding != nil {
		t.Error("an account, role or binding without selfScaling")
	}
	if pod := builtPod(t, sample()).Spec; pod.ServiceAccountName != "" || *pod.AutomountServiceAccountToken {
		t.Errorf("pod %s", encode(t, pod))
	}
}
