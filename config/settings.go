// Package config reads the stack's configuration and checks it as a whole,
// before anything is touched. It also holds the checks of one MiniCluster's
// description, which package components applies to programs without such a
// configuration.
package config

import "github.com/gopherlocks/gopherlocks/preflight"

// Names of the cluster providers, the values of gopherlocks:clusterProvider.
const (
	// ProviderAuto is whatever the stack has by now, and in the beginning kind
	// where a container engine works, else an embedded cluster.
	ProviderAuto     = "auto"
	ProviderEmbedded = "embedded"
	ProviderKind     = "kind"
	ProviderExisting = "existing"
)

// Settings are the stack's configuration, complete and within bounds.
// Pulumi.yaml documents each key and its default.
type Settings struct {
	ClusterProvider string
	ClusterName     string // empty: the one that the stack has, or derived from stack and folder
	TakeOverCluster string // name of a cluster that a stack whose state was lost has left; empty: none
	KindWorkers     int    // nodes besides the control plane
	KindNodeImage   string // empty: as the resource KindCluster chooses
	KindMounts      []KindMount
	Kubeconfig      string // path; empty: as kubectl finds it
	Context         string // empty: the kubeconfig's current one

	// MiniClusters has at least one entry, and no two with the same namespace
	// and name.
	MiniClusters []MiniCluster

	OperatorImage      string
	AgentImage         string
	MetricsServer      preflight.Metrics
	MetricsServerImage string

	// ImagePullSecret is the Secret that the operator's own images are pulled with,
	// and those of MiniClusters that do not say otherwise; empty for none.
	ImagePullSecret string
	// RegistryCredentials, a Docker configuration, is what that Secret is made of;
	// empty when somebody else makes it. Treat it as a secret.
	RegistryCredentials string

	// EmptyPassphrase says that the stack's secrets are encrypted with none.
	EmptyPassphrase bool

	// TakeOverCRD lets an existing cluster's definition of MiniClusters be replaced.
	TakeOverCRD bool
}
