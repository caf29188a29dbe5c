package build

import (
	rbacv1 "k8s.io/api/rbac/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// SelfScaling returns what lets the ranks' pods read and change the scale of their
// own MiniCluster, and nothing else; nil three times where spec.selfScaling is
// not set. The operator must have these rights itself to give them.
func SelfScaling(mc *api.MiniCluster) (*corev1ac.ServiceAccountApplyConfiguration, *rbacv1ac.RoleApplyConfiguration, *rbacv1ac.RoleBindingApplyConfiguration) {
	if !mc.Spec.SelfScaling {
		return nil, nil, nil
	}
	name := SelfScalingName(mc.Name)
	account := corev1ac.ServiceAccount(name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc))
	role := rbacv1ac.Role(name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithRules(rbacv1ac.PolicyRule().
			WithAPIGroups(api.GroupVersion.Group).
			WithResources(api.Resource+"/scale").
			WithResourceNames(mc.Name).
			WithVerbs("get", "patch", "update"))
	binding := rbacv1ac.RoleBinding(name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithRoleRef(rbacv1ac.RoleRef().
			WithAPIGroup(rbacv1.GroupName).
			WithKind("Role").
			WithName(name)).
		WithSubjects(rbacv1ac.Subject().
			WithKind(rbacv1.ServiceAccountKind).
			WithName(name).
			WithNamespace(mc.Namespace))
	return account.WithAnnotations(contentAnnotation(account)),
		role.WithAnnotations(contentAnnotation(role)),
		binding.WithAnnotations(contentAnnotation(binding))
}
