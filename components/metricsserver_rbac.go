package components

import (
	rbacv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/rbac/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	rbac "k8s.io/api/rbac/v1"

	"github.com/gopherlocks/gopherlocks/declared"
)

// Names of roles and bindings, as in upstream's manifests.
const (
	metricsServerRole = "system:metrics-server"
	metricsReaderRole = "system:aggregated-metrics-reader"
	// These are Kubernetes' own.
	authDelegatorRole = "system:auth-delegator"
	authReaderRole    = "extension-apiserver-authentication-reader"
	authNamespace     = "kube-system"
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

// metricsServerRBAC lets metrics-server read the kubelets' metrics and check its
// callers, and lets people who may view a namespace read the metrics of its pods.
// metrics-server must not start without the bindings.
func metricsServerRBAC(account *part) (roles, bindings []*part) {
	reader := clusterRolePart(metricsReaderRole, metricsReaderRules)
	reader.suffix = "-reader"
	reader.labels = aggregateToViewers()
	server := clusterRolePart(metricsServerRole, metricsServerRules)
	own := bindingPart("", metricsServerRole, server.Object, account)
	own.after = append(own.after, server)
	delegator, authReader := authBindings(metricsServerName, account)
	return []*part{reader, server}, []*part{own, delegator, authReader}
}

// aggregateToViewers are the labels of a role that everybody has who may view a namespace.
func aggregateToViewers() map[string]string {
	labels := map[string]string{}
	for _, role := range []string{"view", "edit", "admin"} {
		labels["rbac.authorization.k8s.io/aggregate-to-"+role] = "true"
	}
	return labels
}

// authBindings let an API that the API server asks on behalf of others know who they are,
// and ask what they may. The names are those of upstream's metrics-server.
func authBindings(name string, account *part) (delegator, reader *part) {
	delegator = bindingPart("", name+":system:auth-delegator",
		declared.Object{Resource: declared.ClusterRoles, Name: authDelegatorRole, Rules: authDelegatorRules}, account)
	delegator.suffix = "-auth-delegator"
	reader = bindingPart(authNamespace, name+"-auth-reader",
		declared.Object{Resource: declared.Roles, Namespace: authNamespace, Name: authReaderRole, Rules: authReaderRules}, account)
	reader.suffix = "-auth-reader"
	return delegator, reader
}

func rolePart(namespace, name string, rules []rbac.PolicyRule) *part {
	return &part{
		Object: declared.Object{Resource: declared.Roles, Namespace: namespace, Name: name, Rules: rules},
		declare: func(c child) (pulumi.Resource, error) {
			return rbacv1.NewRole(c.ctx, c.name, &rbacv1.RoleArgs{Metadata: c.meta, Rules: policyRules(rules)}, c.opts...)
		},
	}
}

func clusterRolePart(name string, rules []rbac.PolicyRule) *part {
	return &part{
		Object: declared.Object{Resource: declared.ClusterRoles, Name: name, Rules: rules},
		declare: func(c child) (pulumi.Resource, error) {
			return rbacv1.NewClusterRole(c.ctx, c.name, &rbacv1.ClusterRoleArgs{Metadata: c.meta, Rules: policyRules(rules)}, c.opts...)
		},
	}
}

func policyRule(group string, resources []string, verbs ...string) rbac.PolicyRule {
	return rbac.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// policyRules are Kubernetes' rules as Pulumi's.
func policyRules(rules []rbac.PolicyRule) (all rbacv1.PolicyRuleArray) {
	for _, rule := range rules {
		args := rbacv1.PolicyRuleArgs{
			ApiGroups: pulumi.ToStringArray(rule.APIGroups),
			Resources: pulumi.ToStringArray(rule.Resources),
			Verbs:     pulumi.ToStringArray(rule.Verbs),
		}
		if len(rule.ResourceNames) > 0 {
			args.ResourceNames = pulumi.ToStringArray(rule.ResourceNames)
		}
		all = append(all, args)
	}
	return all
}
