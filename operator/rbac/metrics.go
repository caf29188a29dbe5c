package rbac

import rbacv1 "k8s.io/api/rbac/v1"

// MetricsRules are what gopherlocks-metrics may do in every namespace, beside asking the API
// server who its callers are: find MiniClusters and their leads.
var MetricsRules = []rbacv1.PolicyRule{
	{APIGroups: []string{"flux-framework.org"}, Resources: []string{"miniclusters"}, Verbs: []string{"get", "list"}},
	{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}},
}

// MetricsKeyRules are what it may do in the operator's namespace: read the operator's key,
// from which the credentials of leads follow.
var MetricsKeyRules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"gopherlocks-operator-key"}, Verbs: []string{"get"}},
}
