// Package kind makes Kubernetes clusters with kind's library
// (https://kind.sigs.k8s.io). Their nodes are containers of this machine's Docker,
// nerdctl, Finch or Podman.
//
// The library leaves three things open, which are decided here. An interrupted
// creation is told from a cluster that somebody else made. Errors of the engine
// become errors that name the next step. A cluster counts as made when all of its
// nodes are ready. The user's own kubeconfig is never touched.
package kind

import (
	"errors"
	"time"
)

// ErrNotFound says that there is no cluster of a name.
var ErrNotFound = errors.New("no such kind cluster")

// Role is what a node is for.
type Role string

// The roles of nodes.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// Spec is what a cluster is made from.
type Spec struct {
	// Name is unique on the engine: lower-case letters, digits, dots and
	// hyphens, 50 characters at most.
	Name string
	// NodeImage is the image of all nodes. It overrides the images in RawConfig.
	// Default: DefaultNodeImage.
	NodeImage string
	// Nodes are the cluster's nodes, one control plane at least. Default: one
	// control plane that also runs pods.
	Nodes []Node
	// FeatureGates are passed to all components.
	FeatureGates map[string]bool
	// RawConfig is a whole configuration of kind in YAML, in place of Nodes and
	// FeatureGates: https://kind.sigs.k8s.io/docs/user/configuration/
	RawConfig string
	// Wait is how long the nodes may take to get ready once Kubernetes runs;
	// 0 means not to wait.
	Wait time.Duration
	// KubeconfigFile, if set, is an absolute path where a copy of the
	// administrator's kubeconfig is kept, readable by its owner alone.
	KubeconfigFile string
}

// Node is one node of a Spec.
type Node struct {
	Role   Role
	Labels map[string]string
	// Taints come on top of the one that Kubernetes gives control planes.
	Taints       []Taint
	ExtraMounts  []Mount
	PortMappings []PortMapping
}

// Taint keeps pods away that do not tolerate it.
type Taint struct{ Key, Value, Effect string }

// Mount is a file or folder of the machine that a node sees.
type Mount struct {
	HostPath, ContainerPath string
	ReadOnly                bool
}

// PortMapping publishes a port of a node on the machine.
type PortMapping struct {
	ContainerPort int
	// HostPort 0 means a free one.
	HostPort int
	// ListenAddress defaults to 0.0.0.0.
	ListenAddress string
	// Protocol is TCP, UDP or SCTP; default TCP.
	Protocol string
}

// NodeStatus is a node as it is.
type NodeStatus struct {
	// Name is the name of the container, and of the node in Kubernetes.
	Name string
	// Role is empty for the load balancer in front of several control planes, which
	// is no node.
	Role    Role
	Image   string
	Running bool
	// Started is when its container was started last.
	Started time.Time
}

// Cluster is a cluster as it is.
type Cluster struct {
	Name string
	// Containers are the nodes, and the load balancer of several control planes.
	Containers []NodeStatus
	// Kubeconfig is the administrator's, with credentials inside. It is nil until
	// all control planes run, and the load balancer if there are several.
	Kubeconfig []byte
	// Context is the name of the only context in Kubeconfig.
	Context string
	// Endpoint is the URL of the API server, reachable from this machine; empty
	// where Kubeconfig is nil.
	Endpoint string
	// KubernetesVersion is the version of the nodes, such as v1.37.0. It is empty
	// while no control plane runs.
	KubernetesVersion string
}

// Running says that all containers run.
func (c Cluster) Running() bool {
	for _, container := range c.Containers {
		if !container.Running {
			return false
		}
	}
	return true
}

// Nodes are the containers that are nodes.
func (c Cluster) Nodes() []NodeStatus {
	var nodes []NodeStatus
	for _, container := range c.Containers {
		if container.Role != "" {
			nodes = append(nodes, container)
		}
	}
	return nodes
}

// NodeNames are the names of the nodes.
func (c Cluster) NodeNames() []string {
	var names []string
	for _, node := range c.Nodes() {
		names = append(names, node.Name)
	}
	return names
}

// Progress is told what is being waited for, in a few words.
type Progress func(message string)
