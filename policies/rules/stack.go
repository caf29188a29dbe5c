package rules

import "strings"

// Resource is a resource of a Pulumi stack. Property values are as in JSON (nil,
// bool, float64, string, []any, map[string]any), and Unknown or Secret.
type Resource struct {
	URN, Type string
	// Parent is the URN of the resource that it belongs to, or "".
	Parent string
	// Inputs are what the program declares. With ignoreChanges they hold the old
	// values of what is ignored.
	Inputs map[string]any
	// Outputs are what the provider answered; nil until it was asked.
	Outputs map[string]any
	// IgnoreChanges are the property paths that the program leaves to others.
	IgnoreChanges []string
}

// Stack is what a program has registered.
type Stack struct {
	// Resources in the order of their registration; the last is the newest.
	Resources []Resource
	// Complete says that no more resources come: what is not there now is missing.
	Complete bool
	// Config is the stack's configuration, by full key.
	Config map[string]string
}

// Unknown stands for a value that is not known before the update.
type Unknown struct{}

// Secret is a value that rules judge, but messages must not show.
type Secret struct{ Value any }

// Types of resources that rules look at.
const (
	typeMiniClusterComponent   = "gopherlocks:components:MiniCluster"
	typeClusterComponent       = "gopherlocks:components:Cluster"
	typeOperatorComponent      = "gopherlocks:components:Operator"
	typeMetricsServerComponent = "gopherlocks:components:MetricsServer"
	typeAPIService             = "kubernetes:apiregistration.k8s.io/v1:APIService"
	typeHelmRelease            = "kubernetes:helm.sh/v3:Release"
	prefixOwnTypes             = "gopherlocks:index:"
	prefixMiniCluster          = "kubernetes:" + group + "/"
	prefixAutoscaling          = "kubernetes:autoscaling/"
)

// group is the API group of MiniClusters, kind their kind.
const (
	group = "flux-framework.org"
	kind  = "MiniCluster"
)

// apiVersions are those that the operator serves.
var apiVersions = []string{group + "/v1alpha2", group + "/v1alpha1"}

// patchSuffix ends the types of Pulumi's Patch resources. They declare some fields of an
// object, and somebody else has the rest.
const patchSuffix = "Patch"

// isOf says whether a type is a Kubernetes kind in a group, of any version, or a Patch
// of one.
func isOf(resourceType, groupPrefix, kind string) bool {
	version, found := strings.CutPrefix(resourceType, groupPrefix)
	return found && strings.HasSuffix(strings.TrimSuffix(version, patchSuffix), ":"+kind)
}

// isPatch says that the resource has only some fields of its object: one that is
// missing is not the default.
func (r *Resource) isPatch() bool {
	return strings.HasPrefix(r.Type, "kubernetes:") && strings.HasSuffix(r.Type, patchSuffix)
}

// input returns a property that the program declares.
func (r *Resource) input(path ...string) field {
	return field{value: anyMap(r.Inputs)}.at(path...)
}

// output returns a property that the provider answered.
func (r *Resource) output(path ...string) field {
	return field{value: anyMap(r.Outputs)}.at(path...)
}

// anyMap returns nil for a nil map: as an interface a nil map would not be nil.
func anyMap(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// Concerns says whether any rule looks at a resource of this type.
func (r *Resource) Concerns() bool {
	return strings.HasPrefix(r.Type, "kubernetes:") || strings.HasPrefix(r.Type, "gopherlocks:")
}
