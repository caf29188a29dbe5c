// Package preflight judges an update before a stack touches somebody else's
// cluster: whether it can work there, and what of the cluster it leaves alone.
//
//	desired (what the stack is about to declare) + facts (what is there) → verdict
//	verdict: problems, notices, what is kept, who serves metrics, permissions to ask for
//
// It is pure: package cluster asks the cluster, first for facts and then for the
// permissions.
//
// Each object says which stack it belongs to: what a stack makes has the stack's
// name in [declared.AnnotationStack]. The program cannot read Pulumi's state, so it
// takes any object without that name for one that was there before. Such a
// namespace is used, and stays when the stack goes. Any other such object is a
// problem: Pulumi would take it for the stack's, change it, and delete it in the
// end. In doubt, something is left behind. The definition of MiniClusters always
// stays: all MiniClusters would go with it, whoever made them.
package preflight

import (
	"slices"

	"github.com/gopherlocks/gopherlocks/declared"
)

// LabelPartOf, with the value PartOf, marks our own definition of MiniClusters.
const (
	LabelPartOf = "app.kubernetes.io/part-of"
	PartOf      = "gopherlocks"
)

// Names of what is looked for.
const (
	// DefinitionName is the CustomResourceDefinition of MiniClusters, ours or the
	// Flux Operator's.
	DefinitionName = "miniclusters.flux-framework.org"
	// SystemNamespace is one that every cluster has from its beginning to its end.
	SystemNamespace = "kube-system"
)

// Facts are what is there.
type Facts struct {
	// Version is the API server's, such as v1.34.2.
	Version string
	// ClusterID is the UID of the namespace kube-system, which is the same however
	// the cluster is reached. It is empty if the user may not read that namespace;
	// Judge then asks for the permission.
	ClusterID string
	// User is the stack's user name at the API server; empty if that does not tell.
	User string
	// Definition is the definition of MiniClusters; nil when there is none.
	Definition *Definition
	// FluxOperators are Deployments of the Flux Operator. FluxOperatorsUnknown says
	// why the search for them failed; it is empty otherwise.
	FluxOperators        []Deployment
	FluxOperatorsUnknown string
	// Operator is our operator's Deployment; nil when there is none.
	Operator *Owned
	// Objects are the exclusive objects of Desired that exist.
	Objects map[declared.ID]Owned
	// MetricsAPI is nil when nobody serves metrics.
	MetricsAPI *MetricsAPI
	// Namespaces are the namespaces of Desired that exist, by name.
	Namespaces map[string]Owned
	// SecretsMissing are the secrets of Desired.PullSecrets that do not exist
	// although their namespace does.
	SecretsMissing []NamespacedName
}

// NamespacedName is the name of an object in a namespace.
type NamespacedName struct{ Namespace, Name string }

func (n NamespacedName) String() string { return n.Namespace + "/" + n.Name }

// Owned is an object that may have a stack's name.
type Owned struct {
	// Stack made it; empty when the object does not say.
	Stack string
	// Service is what answers for an APIService, as NAMESPACE/NAME; empty if the API
	// server itself does, and of any other object.
	Service string
}

// Definition is a CustomResourceDefinition of MiniClusters.
type Definition struct {
	// Ours says that it is Gopherlocks' and not the Flux Operator's, whoever
	// installed it.
	Ours bool
	// Stored are the versions that objects are, or once were, stored in.
	Stored []string
	// MiniClusters is how many objects of it there are; -1 when that is not known.
	MiniClusters int
	// HelmRelease is the release of Helm that it belongs to; empty for none.
	HelmRelease NamespacedName
}

// Deployment is one that may run.
type Deployment struct {
	NamespacedName
	Image    string
	Replicas int32
}

// MetricsAPI is what serves the metrics of pods.
type MetricsAPI struct {
	Owned
	// Unavailable says why it does not answer; empty when it does.
	Unavailable string
}

// Desired is what a stack is about to declare.
type Desired struct {
	// Stack is its name, as in declared.AnnotationStack.
	Stack string
	// Objects are what it always declares. MetricsServer is what it adds if it
	// installs metrics-server.
	Objects, MetricsServer []declared.Object
	// Metrics says whether to install metrics-server.
	Metrics Metrics
	// Autoscales says that a MiniCluster has an HPA, which needs metrics.
	Autoscales bool
	// TakeOver lets it replace the Flux Operator's definition.
	TakeOver bool
	// Served are the versions of MiniClusters that our definition has.
	Served []string
	// PullSecrets are needed to pull images. The stack does not make them.
	PullSecrets []NamespacedName
}

// Metrics says who brings metrics-server.
type Metrics string

// Values of Metrics.
const (
	// MetricsAuto installs it if nobody else serves metrics.
	MetricsAuto Metrics = "auto"
	// MetricsInstall installs it.
	MetricsInstall Metrics = "install"
	// MetricsSkip does not.
	MetricsSkip Metrics = "skip"
)

// namespaces are the names of the namespaces that it declares.
func (want Desired) namespaces() (names []string) {
	for _, o := range want.Objects {
		if o.Resource == declared.Namespaces {
			names = append(names, o.Name)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Namespaces are all that it touches, sorted: those of objects and of pull secrets,
// and those that it declares.
func (want Desired) Namespaces() []string {
	names := want.namespaces()
	for _, o := range slices.Concat(want.Objects, want.MetricsServer) {
		if o.Namespace != "" {
			names = append(names, o.Namespace)
		}
	}
	for _, s := range want.PullSecrets {
		names = append(names, s.Namespace)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
