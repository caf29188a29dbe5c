// Package config reads the stack's configuration and checks it as a whole,
// before anything is touched.
package config

// Names of the cluster providers, the values of gopherlocks:clusterProvider.
const (
	ProviderEmbedded = "embedded"
	ProviderExisting = "existing"
)

// Settings are the stack's configuration, complete and within bounds.
// Pulumi.yaml documents each key and its default.
type Settings struct {
	ClusterProvider string
	ClusterName     string // empty: derived from stack and folder
	Kubeconfig      string // path; empty: as kubectl finds it
	Context         string // empty: the kubeconfig's current one

	Name, Namespace        string
	Size, MinSize, MaxSize int
	Autoscale              bool
	CPUTarget              int  // percent of the CPU request
	ScaleDownStabilization int  // seconds
	Flux                   bool // whether the ranks are an instance of Flux
	Image, Command         string
	Resources              Resources

	OperatorImage      string
	AgentImage         string
	MetricsServer      bool
	MetricsServerImage string
}

// Resources are requests and limits by resource name, as in a container.
type Resources map[string]map[string]string
