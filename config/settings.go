// Package config reads the stack's configuration and checks it as a whole,
// before anything is touched.
package config

import (
	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// Settings are the stack's configuration, complete and within bounds.
// Pulumi.yaml documents each key and its default.
type Settings struct {
	ClusterProvider string // see package stackcluster
	ClusterName     string // empty: the one that the stack has, or derived from stack and folder
	TakeOverCluster string // name of a cluster that a stack whose state was lost has left; empty: none
	KindWorkers     int    // nodes besides the control plane
	KindNodeImage   string // empty: as the resource KindCluster chooses
	KindMounts      []components.KindMount
	Kubeconfig      string // path; empty: as kubectl finds it
	Context         string // empty: the kubeconfig's current one

	// MiniClusters has at least one entry, and no two with the same namespace
	// and name.
	MiniClusters []MiniCluster

	OperatorImage      string
	AgentImage         string
	MetricsServer      preflight.Metrics
	MetricsServerImage string
	// QueueMetrics says that the queue's numbers are served to others' autoscalers.
	QueueMetrics      bool
	QueueMetricsImage string

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
