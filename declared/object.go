// Package declared describes the Kubernetes objects that a stack declares, as far as
// others must know them before: what permissions they take, and which of them must
// not be somebody else's. The components declare their objects by these descriptions,
// and package preflight judges by the same.
package declared

import rbacv1 "k8s.io/api/rbac/v1"

// AnnotationStack, on what stays or goes with a stack, is the stack that made it:
// ORGANIZATION/PROJECT/STACK.
const AnnotationStack = "flux-framework.org/pulumi-stack"

// MetricsAPIName is the APIService of the metrics of pods and nodes.
const MetricsAPIName = "v1beta1.metrics.k8s.io"

// Resource is a kind of objects, as permissions name it.
type Resource struct{ Group, Resource string }

// Kinds of objects.
var (
	Namespaces          = Resource{"", "namespaces"}
	Secrets             = Resource{"", "secrets"}
	Services            = Resource{"", "services"}
	ServiceAccounts     = Resource{"", "serviceaccounts"}
	Deployments         = Resource{"apps", "deployments"}
	ClusterRoles        = Resource{rbacv1.GroupName, "clusterroles"}
	ClusterRoleBindings = Resource{rbacv1.GroupName, "clusterrolebindings"}
	Roles               = Resource{rbacv1.GroupName, "roles"}
	RoleBindings        = Resource{rbacv1.GroupName, "rolebindings"}
	Definitions         = Resource{"apiextensions.k8s.io", "customresourcedefinitions"}
	APIServices         = Resource{"apiregistration.k8s.io", "apiservices"}
	Autoscalers         = Resource{"autoscaling", "horizontalpodautoscalers"}
	MiniClusters        = Resource{"flux-framework.org", "miniclusters"}
)

// Object is one that a stack declares.
type Object struct {
	Resource
	// Namespace is empty for one of the whole cluster.
	Namespace, Name string
	// Rules are what a Role or ClusterRole grants.
	Rules []rbacv1.PolicyRule
	// Role is the one that a binding grants; nil for all else.
	Role *Object
	// Exclusive says that it bears the stack's name, in AnnotationStack, and that one
	// which is there without is somebody else's.
	Exclusive bool
	// Stays says that it is not deleted when the stack goes.
	Stays bool
}

// ID names an object.
type ID struct {
	Resource
	Namespace, Name string
}

// ID of the object.
func (o Object) ID() ID { return ID{o.Resource, o.Namespace, o.Name} }
