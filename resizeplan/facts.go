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
	// MiniClusters and Autoscalers are the declared ones, those that stay as they
	// are among them.
	MiniClusters, Autoscalers []Declared
	// Refusals stop the update, Warnings do not. Notices are what the program has to
	// say of its resources.
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
	// Component is the URN of the component that declares it; empty for none. What is
	// refused of the component is refused of the object.
	Component string
	// Namespace is empty where it is known only during the update.
	Namespace, Name string
	// Before and After are the object as it was declared and is declared now, as
	// JSON has it; nil for none. NotKnown and Secret stand for what they say.
	Before, After map[string]any
	// Result is the whole object after the update, as the API server answered to a
	// dry run; nil where it was not asked or did not answer.
	Result map[string]any
	// Changed are the paths that Pulumi finds changed, such as "spec.maxSize".
	Changed []string
	// NewCluster says that the cluster itself is made by the update.
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
	// Unknown says why nothing of it is known; empty when it is.
	Unknown      string
	MiniClusters map[Key]LiveMiniCluster
	Nodes        Nodes
}

// LiveMiniCluster is one MiniCluster with all that belongs to it.
type LiveMiniCluster struct {
	// Live has no MiniCluster where there is none.
	whatif.Live
	// Unknown says why it could not be read.
	Unknown string
	// Autoscalers are all of the namespace.
	Autoscalers        []autoscalingv2.HorizontalPodAutoscaler
	AutoscalersUnknown string
	// Jobs on the ranks that go by an earlier report; nil while nobody was asked.
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
