package components

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rbac "k8s.io/api/rbac/v1"
)

// Names of roles and bindings, as in upstream's manifests.
const (
	metricsServerRole        = "system:metrics-server"
	metricsReaderRole        = "system:aggregated-metrics-reader"
	metricsDelegatorBinding  = "metrics-server:system:auth-delegator"
	metricsAuthReaderBinding = "metrics-server-auth-reader"
	// These are Kubernetes' own.
	authDelegatorRole = "system:auth-delegator"
	authReaderRole    = "extension-apiserver-authentication-reader"
)

// What the roles grant; those of Kubernetes' own roles only to be asked about.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#other-component-roles
var (
	metricsReaderRules = []rbac.PolicyRule{policyRule("metrics.k8s.io", []string{"pods", "nodes"}, "get", "list", "watch")}
	metricsServerRules = []rbac.PolicyRule{
		policyRule("", []string{"nodes/metrics"}, "get"),
		policyRule("", []string{"pods", "nodes"}, "get", "list", "watch"),
	}
	authDelegatorRules = []rbac.PolicyRule{
		policyRule("authentication.k8s.io", []string{"tokenreviews"}, "create"),
		policyRule("authorization.k8s.io", []string{"subjectaccessreviews"}, "create"),
	}
	authReaderRules = []rbac.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"extension-apiserver-authentication"},
		Verbs: []string{"get", "list", "watch"},
	}}
)

// newMetricsServerRBAC lets metrics-server read the kubelets' metrics and
// check its callers, and lets people who may view a namespace read the metrics
// of its pods. It returns what metrics-server must not start without.
func newMetricsServerRBAC(
	ctx *pulumi.Context, name string, account *corev1.ServiceAccount, parent *MetricsServer,
) ([]pulumi.Resource, error) {
	child := pulumi.Parent(parent)
	aggregate := func(role string) string { return "rbac.authorization.k8s.io/aggregate-to-" + role }
	_, err := rbacv1.NewClusterRole(ctx, name+"-reader", &rbacv1.ClusterRoleArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String(metricsReaderRole),
			Labels: pulumi.StringMap{
				aggregate("view"):  pulumi.String("true"),
				aggregate("edit"):  pulumi.String("true"),
				aggregate("admin"): pulumi.String("true"),
			},
		},
		Rules: policyRules(metricsReaderRules),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("role of metrics' readers: %w", err)
	}
	role, err := rbacv1.NewClusterRole(ctx, name, &rbacv1.ClusterRoleArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(metricsServerRole)},
		Rules:    policyRules(metricsServerRules),
	}, child)
	if err != nil {
		return nil, fmt.Errorf("metrics-server's role: %w", err)
	}
	subjects := rbacv1.SubjectArray{rbacv1.SubjectArgs{
		Kind: pulumi.String("ServiceAccount"), Name: account.Metadata.Name().Elem(), Namespace: account.Metadata.Namespace(),
	}}
	own, err := rbacv1.NewClusterRoleBinding(ctx, name, &rbacv1.ClusterRoleBindingArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(metricsServerRole)},
		RoleRef:  roleRef("ClusterRole", role.Metadata.Name().Elem()),
		Subjects: subjects,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("binding of metrics-server's role: %w", err)
	}
	delegator, err := rbacv1.NewClusterRoleBinding(ctx, name+"-auth-delegator", &rbacv1.ClusterRoleBindingArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(metricsDelegatorBinding)},
		RoleRef:  roleRef("ClusterRole", pulumi.String(authDelegatorRole)),
		Subjects: subjects,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("binding of metrics-server as auth delegator: %w", err)
	}
	reader, err := rbacv1.NewRoleBinding(ctx, name+"-auth-reader", &rbacv1.RoleBindingArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String(metricsAuthReaderBinding), Namespace: pulumi.String(metricsServerNamespace),
		},
		RoleRef:  roleRef("Role", pulumi.String(authReaderRole)),
		Subjects: subjects,
	}, child)
	if err != nil {
		return nil, fmt.Errorf("binding of metrics-server as reader of authentication settings: %w", err)
	}
	return []pulumi.Resource{own, delegator, reader}, nil
}

func policyRule(group string, resources []string, verbs ...string) rbac.PolicyRule {
	return rbac.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// policyRules are Kubernetes' rules as Pulumi's.
func policyRules(rules []rbac.PolicyRule) (all rbacv1.PolicyRuleArray) {
	for _, rule := range rules {
		all = append(all, rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray(rule.APIGroups),
			Resources: pulumi.ToStringArray(rule.Resources),
			Verbs:     pulumi.ToStringArray(rule.Verbs),
		})
	}
	return all
}

func roleRef(kind string, name pulumi.StringInput) rbacv1.RoleRefArgs {
	return rbacv1.RoleRefArgs{
		ApiGroup: pulumi.String("rbac.authorization.k8s.io"), Kind: pulumi.String(kind), Name: name,
	}
}
