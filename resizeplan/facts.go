package resizeplan

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/whatif"
)

// Preview is what Pulumi would do.
type Preview struct {
	Stack string
	// MiniClusters and Autoscalers are all that are declared, also those that do
	// not change.
	MiniClusters, Autoscalers []Declared
	// Refusals stop the update, Warnings do not. Notices are the program's messages
	// about its resources.
	Refusals, Warnings, Notices []Finding
	// OtherChanges is the number of other resources that change.
	OtherChanges int
}

// Operation is what Pulumi would do with a resource.
type Operation string

// Operations.
const (
	Same    Operation = "same"
	Create  Operation = "create"
	Update  Operation = "update"
	Replace Operation = "replace"
	Delete  Operation = "delete"
)

// Declared is a Kubernetes object as a stack declares it.
type Declared struct {
	URN       string
	Operation Operation
	// Component is the URN of the component that declares it; empty for none. A
	// refusal of the component is one of the object.
	Component string
	// Namespace is empty if it is known only during the update.
	Namespace, Name string
	// Before is the object as it was declared, After as it is declared now, both as
	// in JSON; nil for none. NotKnown and Secret stand in for values.
	Before, After map[string]any
	// Result is the whole object after the update, from the API server's answer to
	// a dry run. It is nil if there was no question or no answer.
	Result map[string]any
	// Changed are the paths that Pulumi finds changed, such as "spec.maxSize".
	Changed []string
	// NewCluster says that the update makes the cluster itself.
	NewCluster bool
}

// NotKnown stands for a value that is known only during the update.
type NotKnown struct{}

// Secret stands for a value that is a secret.
type Secret struct{}

// Key names a MiniCluster.
type Key = types.NamespacedName

// Key of the object.
func (d Declared) Key() Key { return Key{Namespace: d.Namespace, Name: d.Name} }

// Live is what is in the cluster.
type Live struct {
	// Unknown says why nothing in the cluster is known; it is empty otherwise.
	Unknown      string
	MiniClusters map[Key]LiveMiniCluster
	Nodes        Nodes
}

// LiveMiniCluster is one MiniCluster with all that belongs to it.
type LiveMiniCluster struct {
	// Live has no MiniCluster if there is none.
	whatif.Live
	// Unknown says why it could not be read.
	Unknown string
	// Autoscalers are all in the namespace.
	Autoscalers        []autoscalingv2.HorizontalPodAutoscaler
	AutoscalersUnknown string
	// Jobs run on the ranks that go according to an earlier report; nil until the
	// lead was asked.
	Jobs *Jobs
}

// Nodes are the cluster's nodes with the pods that are bound to them and have not
// ended.
type Nodes struct {
	Nodes []corev1.Node
	Pods  []corev1.Pod
	// Unknown says why they could not be read.
	Unknown string
}
