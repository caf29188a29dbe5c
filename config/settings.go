// Package config reads the stack's configuration and checks it as a whole,
// before anything is touched. It also holds the checks of one MiniCluster's
// description, which package components applies to programs without such a
// configuration.
package config

// Names of the cluster providers, the values of gopherlocks:clusterProvider.
const (
	ProviderEmbedded = "embedded"
	ProviderKind     = "kind"
	ProviderExisting = "existing"
)

// Settings are the stack's configuration, complete and within bounds.
// Pulumi.yaml documents each key and its default.
type Settings struct {
	ClusterProvider string
	ClusterName     string // empty: derived from stack and folder
	KindWorkers     int    // nodes besides the control plane
	KindNodeImage   string // empty: as the resource KindCluster chooses
	Kubeconfig      string // path; empty: as kubectl finds it
	Context         string // empty: the kubeconfig's current one

	KindMounts      []KindMount
	// MiniClusters has at least one entry, and no two with the same namespace
	// and name.
	MiniClusters []MiniCluster

	OperatorImage      string
	AgentImage         string
	MetricsServer      bool
	MetricsServerImage string
}
