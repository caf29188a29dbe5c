package components

import (
	"errors"
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/sdk/go/gopherlocks"
)

// ClusterArgs describe where Kubernetes comes from: exactly one of Embedded,
// Kind and Existing is set.
type ClusterArgs struct {
	// Embedded makes a single-node cluster on this machine.
	Embedded *EmbeddedArgs
	// Kind makes a cluster whose nodes are containers on this machine.
	Kind *KindArgs
	// Existing uses a cluster that is there already.
	Existing *ExistingArgs
}

// EmbeddedArgs describe a cluster on this machine.
type EmbeddedArgs struct {
	// Name identifies the cluster on this machine. Required.
	Name string
	// KubeconfigFile is the path where a copy of the administrator's
	// kubeconfig is kept as long as the cluster exists. Required.
	KubeconfigFile string
	// TakeOver takes over a cluster of the name that a stack whose state was lost has
	// left. Default: it is refused.
	TakeOver bool
}

// ExistingArgs describe a cluster that somebody else keeps.
type ExistingArgs struct {
	// Kubeconfig is the content of a kubeconfig. It is treated as a secret.
	// Required.
	Kubeconfig pulumi.StringInput
	// Context is a context in it. Default: its current one.
	Context string
	// ID is what the cluster is known by, such as the UID of its namespace kube-system:
	// as long as it is the same, another way to the cluster, like a new address or
	// CA, changes nothing there. Default: with the kubeconfig's entry of the cluster,
	// Pulumi replaces all that was made in it.
	ID string
	// MetricsServedBy names what serves the metrics of pods in it, for policies to
	// see. Default: nothing is said of it.
	MetricsServedBy string
}

// Cluster is a Kubernetes cluster for the other components to install into.
type Cluster struct {
	pulumi.ResourceState

	// Kubeconfig gives access to the cluster: to one of this machine as its
	// administrator, to an existing one by the chosen context, its current and
	// only one. It is a secret.
	Kubeconfig pulumi.StringOutput
	// Endpoint is the URL of the API server.
	Endpoint pulumi.StringOutput
	// StateDir is the folder of an embedded cluster's state and logs; empty on
	// others.
	StateDir pulumi.StringOutput

	provider *kubernetes.Provider
	// own is the resource that makes the cluster; nil for an existing one.
	own pulumi.Resource
	// nodes say where a cluster of ours takes images from this machine.
	nodes func(*gopherlocks.LocalImageArgs)
}

// NewCluster makes a cluster or takes an existing one.
func NewCluster(ctx *pulumi.Context, name string, args ClusterArgs, opts ...pulumi.ResourceOption) (*Cluster, error) {
	if err := args.check(); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	c := &Cluster{}
	if err := ctx.RegisterComponentResourceV2("gopherlocks:components:Cluster", name, args.inputs(), c, opts...); err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	if err := c.provide(ctx, name, args); err != nil {
		return nil, err
	}
	providerArgs := &kubernetes.ProviderArgs{EnableServerSideApply: pulumi.Bool(true), Kubeconfig: c.Kubeconfig}
	if args.Existing != nil && args.Existing.ID != "" {
		providerArgs.ClusterIdentifier = pulumi.String(args.Existing.ID)
	}
	provider, err := kubernetes.NewProvider(ctx, name, providerArgs, pulumi.Parent(c))
	if err != nil {
		return nil, fmt.Errorf("provider of the Kubernetes cluster %s: %w", name, err)
	}
	c.provider = provider
	return c, ctx.RegisterResourceOutputs(c, pulumi.Map{
		"endpoint": c.Endpoint, "kubeconfig": c.Kubeconfig, "stateDir": c.StateDir,
	})
}

func (c *Cluster) provide(ctx *pulumi.Context, name string, args ClusterArgs) error {
	switch {
	case args.Embedded != nil:
		return c.embed(ctx, name, args.Embedded)
	case args.Kind != nil:
		return c.makeKind(ctx, name, args.Kind)
	default:
		c.take(args.Existing)
		return nil
	}
}

func (a ClusterArgs) check() error {
	given := 0
	for _, set := range []bool{a.Embedded != nil, a.Kind != nil, a.Existing != nil} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("give exactly one of Embedded, Kind and Existing")
	case a.Kind != nil && (a.Kind.Name == "" || a.Kind.KubeconfigFile == ""):
		return errors.New("kind: give name and kubeconfigFile")
	case a.Embedded != nil && (a.Embedded.Name == "" || a.Embedded.KubeconfigFile == ""):
		return errors.New("embedded: give name and kubeconfigFile")
	case a.Existing != nil && a.Existing.Kubeconfig == nil:
		return errors.New("existing: kubeconfig is not set")
	}
	return nil
}

// inputs leave out the kubeconfig: the state has it as an output.
func (a ClusterArgs) inputs() pulumi.Map {
	if a.Existing != nil {
		existing := pulumi.Map{"context": pulumi.String(a.Existing.Context)}
		if a.Existing.MetricsServedBy != "" {
			existing["metricsServedBy"] = pulumi.String(a.Existing.MetricsServedBy)
		}
		return pulumi.Map{"existing": existing}
	}
	if a.Kind != nil {
		return pulumi.Map{"kind": pulumi.Map{
			"name": pulumi.String(a.Kind.Name), "kubeconfigFile": pulumi.String(a.Kind.KubeconfigFile),
			"workers": pulumi.Int(a.Kind.Workers), "nodeImage": pulumi.String(a.Kind.NodeImage), "mounts": kindMounts(a.Kind.Mounts),
		}}
	}
	return pulumi.Map{"embedded": pulumi.Map{
		"name": pulumi.String(a.Embedded.Name), "kubeconfigFile": pulumi.String(a.Embedded.KubeconfigFile),
	}}
}

func (c *Cluster) take(args *ExistingArgs) {
	selected := args.Kubeconfig.ToStringOutput().ApplyT(func(content string) (string, error) {
		return selectContext(content, args.Context)
	})
	c.Kubeconfig = pulumi.ToSecret(selected).(pulumi.StringOutput)
	c.Endpoint = pulumi.Unsecret(c.Kubeconfig.ApplyT(endpoint)).(pulumi.StringOutput)
	c.StateDir = pulumi.String("").ToStringOutput()
}

func (c *Cluster) embed(ctx *pulumi.Context, name string, args *EmbeddedArgs) error {
	// On record before the cluster begins to be, so that `pulumi destroy` removes
	// also one of whose creation Pulumi did not live to see the end.
	reservation, err := gopherlocks.NewClusterReservation(ctx, name, &gopherlocks.ClusterReservationArgs{
		Name: pulumi.String(args.Name), TakeOver: pulumi.Bool(args.TakeOver),
	}, pulumi.Parent(c))
	if err != nil {
		return fmt.Errorf("reservation of the embedded cluster %s: %w", args.Name, err)
	}
	embedded, err := gopherlocks.NewEmbeddedCluster(ctx, name, &gopherlocks.EmbeddedClusterArgs{
		Name:           pulumi.String(args.Name),
		KubeconfigFile: pulumi.String(args.KubeconfigFile),
	}, pulumi.Parent(c), pulumi.DependsOn([]pulumi.Resource{reservation}))
	if err != nil {
		return fmt.Errorf("embedded cluster %s: %w", args.Name, err)
	}
	c.own = embedded
	c.nodes = func(args *gopherlocks.LocalImageArgs) { args.ContainerdAddress = embedded.ContainerdAddress }
	c.Kubeconfig, c.Endpoint, c.StateDir = embedded.Kubeconfig, embedded.Endpoint, embedded.StateDir
	return nil
}

func (c *Cluster) makeKind(ctx *pulumi.Context, name string, args *KindArgs) error {
	// As for an embedded cluster.
	reservation, err := gopherlocks.NewKindClusterReservation(ctx, name, &gopherlocks.KindClusterReservationArgs{
		Name: pulumi.String(args.Name), TakeOver: pulumi.Bool(args.TakeOver),
	}, pulumi.Parent(c))
	if err != nil {
		return fmt.Errorf("reservation of the kind cluster %s: %w", args.Name, err)
	}
	made, err := gopherlocks.NewKindCluster(ctx, name, args.inputs(), pulumi.Parent(c), pulumi.DependsOn([]pulumi.Resource{reservation}))
	if err != nil {
		return fmt.Errorf("kind cluster %s: %w", args.Name, err)
	}
	c.own = made
	c.nodes = func(args *gopherlocks.LocalImageArgs) { args.KindCluster = made.Name }
	c.Kubeconfig, c.Endpoint, c.StateDir = made.Kubeconfig, made.Endpoint, pulumi.String("").ToStringOutput()
	return nil
}

// ResourceOptions are the options of a resource that lives in the cluster: it
// uses the cluster's provider and, where the cluster is ours, goes with it
// instead of being deleted object by object before it.
func (c *Cluster) ResourceOptions() []pulumi.ResourceOption {
	opts := []pulumi.ResourceOption{pulumi.Provider(c.provider)}
	if c.own != nil {
		opts = append(opts, pulumi.DeletedWith(c.own))
	}
	return opts
}

// LoadImage makes an image of a static Linux program and puts it on the
// cluster's nodes. It returns the reference to run it by, which changes with
// the program. Only a cluster of this machine has nodes to put it on.
func (c *Cluster) LoadImage(ctx *pulumi.Context, name, program string) (pulumi.StringOutput, error) {
	if c.own == nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %s: only a cluster of this machine can load local images; give the reference of an image that the cluster can pull", name)
	}
	args := &gopherlocks.LocalImageArgs{
		Repository: pulumi.String("localhost/gopherlocks/" + name),
		Binary:     pulumi.NewFileAsset(program),
	}
	c.nodes(args)
	image, err := gopherlocks.NewLocalImage(ctx, name, args, pulumi.Parent(c), pulumi.DeletedWith(c.own))
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("image %s: %w", name, err)
	}
	return image.Reference, nil
}
