package components

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/sdk/go/gopherlocks"
)

// KindArgs describe a cluster of kind.
type KindArgs struct {
	// Name identifies the cluster on the container engine. Required.
	Name string
	// KubeconfigFile is as in EmbeddedArgs. Required.
	KubeconfigFile string
	// TakeOver is as in EmbeddedArgs.
	TakeOver bool
	// Workers is the number of nodes besides the control plane. Default: 0, the
	// control plane runs the pods.
	Workers int
	// NodeImage is the image of all nodes. Default: that of the resource
	// KindCluster.
	NodeImage string
	// Mounts are files and folders of the machine that all nodes see.
	Mounts []KindMount
}

// KindMount is a file or folder of the machine that all nodes of a cluster of
// kind see.
type KindMount struct {
	// HostPath is its absolute path on the machine of the container engine.
	HostPath string `pulumi:"hostPath"`
	// ContainerPath is its absolute path in the nodes; by default the same.
	ContainerPath string `pulumi:"containerPath"`
	ReadOnly      bool   `pulumi:"readOnly"`
}

// inputs are those of the resource KindCluster. Nodes are counted where nothing
// more is to be said of them.
func (a KindArgs) inputs() *gopherlocks.KindClusterArgs {
	inputs := &gopherlocks.KindClusterArgs{
		Name:           pulumi.String(a.Name),
		KubeconfigFile: pulumi.String(a.KubeconfigFile),
	}
	if a.NodeImage != "" {
		inputs.NodeImage = pulumi.String(a.NodeImage)
	}
	if len(a.Mounts) == 0 {
		inputs.Workers = pulumi.Int(a.Workers)
		return inputs
	}
	nodes := gopherlocks.KindNodeArray{a.node("control-plane")}
	for range a.Workers {
		nodes = append(nodes, a.node("worker"))
	}
	inputs.Nodes = nodes
	return inputs
}

func (a KindArgs) node(role string) *gopherlocks.KindNodeArgs {
	return &gopherlocks.KindNodeArgs{Role: pulumi.String(role), ExtraMounts: kindMounts(a.Mounts)}
}

func kindMounts(mounts []KindMount) gopherlocks.KindMountArray {
	var all gopherlocks.KindMountArray
	for _, m := range mounts {
		all = append(all, &gopherlocks.KindMountArgs{
			HostPath: pulumi.String(m.HostPath), ContainerPath: pulumi.String(m.ContainerPath), ReadOnly: pulumi.Bool(m.ReadOnly),
		})
	}
	return all
}
