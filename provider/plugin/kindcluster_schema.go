package plugin

import (
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// defaultWaitSeconds is the default of the input waitSeconds.
const defaultWaitSeconds = 300

// KindClusterArgs are the inputs of a KindCluster.
type KindClusterArgs struct {
	Name              string          `pulumi:"name"`
	NodeImage         *string         `pulumi:"nodeImage,optional"`
	KubernetesVersion *string         `pulumi:"kubernetesVersion,optional"`
	ControlPlanes     *int            `pulumi:"controlPlanes,optional"`
	Workers           *int            `pulumi:"workers,optional"`
	Nodes             []KindNode      `pulumi:"nodes,optional"`
	FeatureGates      map[string]bool `pulumi:"featureGates,optional"`
	RawConfig         *string         `pulumi:"rawConfig,optional"`
	WaitSeconds       int             `pulumi:"waitSeconds,optional"`
	KubeconfigFile    *string         `pulumi:"kubeconfigFile,optional"`
}

// KindNode is a node of a KindCluster.
type KindNode struct {
	Role              string            `pulumi:"role"`
	Labels            map[string]string `pulumi:"labels,optional"`
	Taints            []KindTaint       `pulumi:"taints,optional"`
	ExtraMounts       []KindMount       `pulumi:"extraMounts,optional"`
	ExtraPortMappings []KindPortMapping `pulumi:"extraPortMappings,optional"`
}

// KindTaint is a taint of a KindNode.
type KindTaint struct {
	Key    string `pulumi:"key"`
	Value  string `pulumi:"value,optional"`
	Effect string `pulumi:"effect"`
}

// KindMount is a file or folder of the machine in a KindNode.
type KindMount struct {
	HostPath      string `pulumi:"hostPath"`
	ContainerPath string `pulumi:"containerPath"`
	ReadOnly      bool   `pulumi:"readOnly,optional"`
}

// KindPortMapping is a port of a KindNode on the machine.
type KindPortMapping struct {
	ContainerPort int    `pulumi:"containerPort"`
	HostPort      int    `pulumi:"hostPort,optional"`
	ListenAddress string `pulumi:"listenAddress,optional"`
	Protocol      string `pulumi:"protocol,optional"`
}

// KindClusterState are the outputs of a KindCluster.
type KindClusterState struct {
	Name           string          `pulumi:"name"`
	ControlPlanes  *int            `pulumi:"controlPlanes,optional"`
	Workers        *int            `pulumi:"workers,optional"`
	Nodes          []KindNode      `pulumi:"nodes,optional"`
	FeatureGates   map[string]bool `pulumi:"featureGates,optional"`
	RawConfig      *string         `pulumi:"rawConfig,optional"`
	WaitSeconds    int             `pulumi:"waitSeconds"`
	KubeconfigFile *string         `pulumi:"kubeconfigFile,optional"`

	NodeImage         string   `pulumi:"nodeImage"`
	KubernetesVersion string   `pulumi:"kubernetesVersion"`
	Kubeconfig        string   `pulumi:"kubeconfig" provider:"secret"`
	Context           string   `pulumi:"context"`
	Endpoint          string   `pulumi:"endpoint"`
	NodeNames         []string `pulumi:"nodeNames"`
	Running           bool     `pulumi:"running"`
}

// Descriptions of the inputs, which are outputs too.
const (
	describeKindName      = "Name of the cluster, unique on the container engine: 1 to 50 lower-case letters, digits, dots and hyphens."
	describeControlPlanes = "Number of control planes. Several get a load balancer in front of them. Default: 1."
	describeWorkers       = "Number of workers. Without any, the control plane runs pods, too. Default: 0."
	describeNodes         = "The nodes one by one, in place of `controlPlanes` and `workers`."
	describeFeatureGates  = "Feature gates of Kubernetes, for all components."
	describeRawConfig     = "A whole configuration of kind in YAML (https://kind.sigs.k8s.io/docs/user/configuration/), in " +
		"place of all about nodes and feature gates. `nodeImage` overrides its images."
	describeWait               = "Seconds that the nodes may take to get ready once Kubernetes runs; 0 does not wait."
	describeKindKubeconfigFile = "Absolute path where a copy of the administrator's kubeconfig is kept, readable by its " +
		"owner alone. Default: none."
)

// Annotate documents the inputs.
func (args *KindClusterArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, describeKindName)
	a.Describe(&args.NodeImage, "Image of all nodes, of Kubernetes "+kubeversion.Minimum+" or later. Default: the environment variable "+
		stackcluster.NodeImageVariable+", else "+kind.DefaultNodeImage+".")
	a.Describe(&args.KubernetesVersion, "Version of Kubernetes, such as v1.37.0, in place of `nodeImage`. At least "+
		kubeversion.Minimum+"; kind must have released a node image for it.")
	a.Describe(&args.ControlPlanes, describeControlPlanes)
	a.Describe(&args.Workers, describeWorkers)
	a.Describe(&args.Nodes, describeNodes)
	a.Describe(&args.FeatureGates, describeFeatureGates)
	a.Describe(&args.RawConfig, describeRawConfig)
	a.Describe(&args.WaitSeconds, describeWait)
	a.SetDefault(&args.WaitSeconds, defaultWaitSeconds)
	a.Describe(&args.KubeconfigFile, describeKindKubeconfigFile)
}

// Annotate documents the type.
func (n *KindNode) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindNode")
	a.Describe(&n, "A node.")
	a.Describe(&n.Role, "`control-plane` or `worker`.")
	a.Describe(&n.Labels, "Labels of the node in Kubernetes.")
	a.Describe(&n.Taints, "Taints of the node, besides the one that Kubernetes gives control planes.")
	a.Describe(&n.ExtraMounts, "Files and folders of the machine that the node sees.")
	a.Describe(&n.ExtraPortMappings, "Ports of the node that are published on the machine.")
}

// Annotate documents the type.
func (t *KindTaint) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindTaint")
	a.Describe(&t, "A taint, which keeps pods away that do not tolerate it.")
	a.Describe(&t.Key, "Key of the taint.")
	a.Describe(&t.Value, "Value of the taint. Default: empty.")
	a.Describe(&t.Effect, "`NoSchedule`, `PreferNoSchedule` or `NoExecute`.")
}

// Annotate documents the type.
func (m *KindMount) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindMount")
	a.Describe(&m, "A file or folder of the machine in a node.")
	a.Describe(&m.HostPath, "Absolute path on the machine that the container engine runs on.")
	a.Describe(&m.ContainerPath, "Absolute path in the node.")
	a.Describe(&m.ReadOnly, "Whether the node may only read. Default: false.")
}

// Annotate documents the type.
func (m *KindPortMapping) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindPortMapping")
	a.Describe(&m, "A port of a node on the machine.")
	a.Describe(&m.ContainerPort, "Port of the node.")
	a.Describe(&m.HostPort, "Port of the machine; 0, the default, is a free one.")
	a.Describe(&m.ListenAddress, "Address of the machine to listen at. Default: 0.0.0.0, which is all of them.")
	a.Describe(&m.Protocol, "`TCP`, `UDP` or `SCTP`. Default: `TCP`.")
}

// Annotate documents the outputs.
func (s *KindClusterState) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, describeKindName)
	a.Describe(&s.ControlPlanes, describeControlPlanes)
	a.Describe(&s.Workers, describeWorkers)
	a.Describe(&s.Nodes, describeNodes)
	a.Describe(&s.FeatureGates, describeFeatureGates)
	a.Describe(&s.RawConfig, describeRawConfig)
	a.Describe(&s.WaitSeconds, describeWait)
	a.Describe(&s.KubeconfigFile, describeKindKubeconfigFile)
	a.Describe(&s.Kubeconfig, "The administrator's kubeconfig, with credentials inside.")
	a.Describe(&s.Context, "Name of the only context in the kubeconfig.")
	a.Describe(&s.Endpoint, "URL of the API server, reachable from this machine.")
	a.Describe(&s.NodeNames, "Names of the nodes, and of their containers; control planes first.")
	a.Describe(&s.NodeImage, "Image that the nodes were made from. If a `rawConfig` has several, the first node's.")
	a.Describe(&s.KubernetesVersion, "Version of Kubernetes on the nodes, such as v1.37.0.")
	a.Describe(&s.Running, "Whether all nodes run. An update starts those that do not.")
}

// WireDependencies says which outputs a preview knows.
func (*KindCluster) WireDependencies(f infer.FieldSelector, args *KindClusterArgs, state *KindClusterState) {
	f.OutputField(&state.Kubeconfig).AlwaysSecret()
	// Only what replaces the cluster changes how it is reached.
	made := []infer.InputField{
		f.InputField(&args.Name), f.InputField(&args.NodeImage), f.InputField(&args.KubernetesVersion),
		f.InputField(&args.ControlPlanes), f.InputField(&args.Workers), f.InputField(&args.Nodes),
		f.InputField(&args.FeatureGates), f.InputField(&args.RawConfig),
	}
	for _, output := range []any{
		&state.Kubeconfig, &state.Endpoint, &state.Context, &state.NodeNames, &state.NodeImage, &state.KubernetesVersion,
	} {
		f.OutputField(output).DependsOn(made...)
		if state.Kubeconfig != "" {
			// An update changes none of them. It must be said, since an input that
			// is left out differs from what was chosen in its place.
			f.OutputField(output).AlwaysKnown()
		}
	}
	if state.Context != "" {
		// These follow from the inputs, so that a first preview can use them.
		f.OutputField(&state.Context).AlwaysKnown()
		f.OutputField(&state.NodeNames).AlwaysKnown()
		f.OutputField(&state.Running).AlwaysKnown()
	}
}

func (n KindNode) spec() kind.Node {
	node := kind.Node{Role: kind.Role(n.Role), Labels: n.Labels}
	for _, taint := range n.Taints {
		node.Taints = append(node.Taints, kind.Taint(taint))
	}
	for _, mount := range n.ExtraMounts {
		node.ExtraMounts = append(node.ExtraMounts, kind.Mount(mount))
	}
	for _, mapping := range n.ExtraPortMappings {
		node.PortMappings = append(node.PortMappings, kind.PortMapping(mapping))
	}
	return node
}
