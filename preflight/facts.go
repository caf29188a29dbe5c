// Package preflight decides, before a stack touches a cluster that somebody else
// keeps, whether an update can work there, and what of the cluster it leaves alone:
//
//	desired (what the stack is about to declare) + facts (what is there) → verdict
//	verdict: problems, notices, what is kept, who serves metrics, permissions to ask for
//
// It is pure: package cluster asks the cluster, for facts at first and then for
// the permissions.
//
// Whose an object is, the object itself says: what a stack makes bears the stack's
// name in [declared.AnnotationStack]. The program cannot read Pulumi's state, and whatever
// is there without that name was there before, as far as anybody can tell. Such a
// namespace is used and stays when the stack goes; any other object is a problem,
// since Pulumi would take it for the stack's, change it, and delete it in the end.
// That errs on the side of leaving something behind. The definition of MiniClusters
// stays in any case: with it all of them would go, whoever made them.
package preflight

import (
	"slices"

	"github.com/gopherlocks/gopherlocks/declared"
)

// LabelPartOf, with the value PartOf, is on the definition of MiniClusters that is
// ours.
const (
	LabelPartOf = "app.kubernetes.io/part-of"
	PartOf      = "gopherlocks"
)

// Names of what is looked for.
const (
	// DefinitionName is the CustomResourceDefinition of MiniClusters, ours or that of
	// the Flux Operator.
	DefinitionName = "miniclusters.flux-framework.org"
	// SystemNamespace is one that every cluster has from its beginning to its end.
	SystemNamespace = "kube-system"
)

// Facts are what is there.
type Facts struct {
	// Version is that of the API server, such as v1.34.2.
	Version string
	// ClusterID is the same however the cluster is reached: the UID of its namespace
	// kube-system. It is empty for who may not read that, for which Judge asks.
	ClusterID string
	// User is who the stack is to the API server; empty where it does not tell.
	User string
	// Definition is that of MiniClusters; nil when there is none.
	Definition *Definition
	// FluxOperators are Deployments of the Flux Operator. FluxOperatorsUnknown says
	// why they could not be looked for; empty when they were.
	FluxOperators        []Deployment
	FluxOperatorsUnknown string
	// Operator is our operator's Deployment; nil when there is none.
	Operator *Owned
	// Objects are those of Desired that are there, of the exclusive ones.
	Objects map[declared.ID]Owned
	// MetricsAPI is nil when nobody serves metrics.
	MetricsAPI *MetricsAPI
	// Namespaces are those of Desired that exist, by name.
	Namespaces map[string]Owned
	// SecretsMissing are those of Desired.PullSecrets that are not there, though
	// their namespace is.
	SecretsMissing []NamespacedName
}

// NamespacedName is the name of an object in a namespace.
type NamespacedName struct{ Namespace, Name string }

func (n NamespacedName) String() string { return n.Namespace + "/" + n.Name }

// Owned is an object that may bear a stack's name.
type Owned struct {
	// Stack made it; empty when the object does not say.
	Stack string
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
	// Service is what answers; empty for one that the API server has built in.
	Service string
	// Unavailable says why it does not answer; empty when it does.
	Unavailable string
}

// Desired is what a stack is about to declare.
type Desired struct {
	// Stack is its name, as in declared.AnnotationStack.
	Stack string
	// Objects are what it declares in any case, and MetricsServer what besides where
	// it installs metrics-server.
	Objects, MetricsServer []declared.Object
	// Metrics says whether to install metrics-server.
	Metrics Metrics
	// Autoscales says that a MiniCluster has an autoscaler, which needs metrics.
	Autoscales bool
	// TakeOver lets it replace the Flux Operator's definition.
	TakeOver bool
	// Served are the versions of MiniClusters that our definition has.
	Served []string
	// PullSecrets must be there for images to be pulled, and are not made by it.
	PullSecrets []NamespacedName
}

// Metrics says who brings metrics-server.
type Metrics string

// Values of Metrics.
const (
	// MetricsAuto installs it where nobody else serves metrics.
	MetricsAuto Metrics = "auto"
	// MetricsInstall installs it.
	MetricsInstall Metrics = "install"
	// MetricsSkip does not.
	MetricsSkip Metrics = "skip"
)

// namespaces are the names of those that it declares.
func (want Desired) namespaces() (names []string) {
	for _, o := range want.Objects {
		if o.Resource == declared.Namespaces {
			names = append(names, o.Name)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// Namespaces are those that it is about, sorted: of objects, of pull secrets, and
// those that it declares.
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
