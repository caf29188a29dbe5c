package components

import (
	"errors"
	"fmt"
	"maps"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
)

const miniClusterType = "gopherlocks:components:MiniCluster"

// miniClusterAPIVersion and miniClusterKind say what the operator serves.
const (
	miniClusterAPIVersion = "flux-framework.org/v1alpha2"
	miniClusterKind       = "MiniCluster"
)

// MiniClusterArgs describe a MiniCluster and who chooses its size.
//
// What another resource may give is an Input. Name, sizes and resources are
// plain values on purpose: they are checked before anything is touched, and a
// size that is known only halfway through an update could not be.
type MiniClusterArgs struct {
	// Name of the MiniCluster; its pods are called NAME-0, NAME-1, ... At most
	// 57 characters a-z, 0-9 and -, beginning with a letter. Required.
	Name string
	// Namespace of the MiniCluster, which must exist. Required.
	Namespace pulumi.StringInput

	// Size is the number of ranks that the program insists on, from MinSize to
	// MaxSize; with Autoscale only the number to begin with. Nil, the MiniCluster
	// begins with MinSize ranks, and its size belongs to whoever scales it: a
	// person, the application, an autoscaler of your own.
	Size *int
	// MinSize is the smallest size, whoever chooses it. Default: 1, the lead.
	MinSize int
	// MaxSize is the largest size, whoever chooses it: at most 100,000. A change
	// restarts all ranks. Required.
	MaxSize int
	// Autoscale, when set, lets an HPA choose the size by CPU use.
	Autoscale *AutoscaleArgs
	// SelfScaling gives the ranks a token by which the application may scale its
	// own MiniCluster.
	SelfScaling bool
	// DrainTimeoutSeconds is for how many seconds ranks that are to go may
	// finish their jobs; 0 waits for nothing. Default (nil): the operator's,
	// 3600.
	DrainTimeoutSeconds *int

	// Placement is how the ranks are laid out over the nodes: "Spread", "OnePerNode"
	// or "Any". Default (""): the operator's, "Spread".
	Placement string
	// TopologyKey is the node label that "Spread" spreads over first, such as
	// "topology.kubernetes.io/zone". Default (""): the nodes alone.
	TopologyKey string

	// Flux makes the ranks an instance of Flux, which runs the command as its
	// job. Without, each rank runs the command.
	Flux bool
	// Image is what the ranks run. With Flux it needs a glibc. Required.
	Image pulumi.StringInput
	// Command of the ranks. Default (nil or ""): the image's own, or with Flux
	// an instance that waits for work.
	Command pulumi.StringInput
	// Resources are the requests and limits of a rank, by resource name, as in a
	// container: {"requests": {"cpu": "500m"}}. Autoscale needs requests.cpu.
	Resources map[string]map[string]string
	// ImagePullSecret is the name of a Secret in the namespace, of type
	// kubernetes.io/dockerconfigjson, by which the images of the ranks' pods are
	// pulled. Default (nil or ""): none.
	ImagePullSecret pulumi.StringInput

	// Stack is noted on the MiniCluster and its HPA, as in OperatorArgs.
	Stack string
}

// AutoscaleArgs say how an HPA chooses the size, between MinSize and MaxSize.
type AutoscaleArgs struct {
	// CPUTarget is the mean CPU use of the ranks to aim at, in percent of
	// their CPU request; at least 1. Required.
	CPUTarget int
	// ScaleDownStabilization is for how many seconds the HPA must have wished
	// for fewer ranks before it shrinks the MiniCluster; 0 to 3600. Default: 0,
	// at once.
	ScaleDownStabilization int
}

// MiniCluster is a MiniCluster, and its HPA if it has one.
type MiniCluster struct {
	pulumi.ResourceState

	// Name and Namespace are those of the custom resource, once it is ready.
	Name, Namespace pulumi.StringOutput
	// Object is the custom resource.
	Object *apiextensions.CustomResource
}

// NewMiniCluster declares a MiniCluster and waits until its ranks are ready. The
// operator must be installed in the cluster: where the same program does it,
// let the component depend on it. Arguments that cannot work are an error,
// which names all of them, before anything is declared.
func NewMiniCluster(ctx *pulumi.Context, name string, args MiniClusterArgs, opts ...pulumi.ResourceOption) (*MiniCluster, error) {
	if args.MinSize == 0 {
		args.MinSize = 1
	}
	if err := args.check(); err != nil {
		return nil, err
	}
	m := &MiniCluster{}
	if err := ctx.RegisterComponentResourceV2(miniClusterType, name, args.inputs(), m, opts...); err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	var err error
	m.Object, err = apiextensions.NewCustomResource(ctx, name, &apiextensions.CustomResourceArgs{
		ApiVersion: pulumi.String(miniClusterAPIVersion),
		Kind:       pulumi.String(miniClusterKind),
		Metadata: metav1.ObjectMetaArgs{
			Name:        pulumi.String(args.Name),
			Namespace:   args.Namespace,
			Annotations: args.annotations(),
		},
		OtherFields: kubernetes.UntypedArgs{"spec": args.spec()},
	}, append(args.sizeOwnership(), pulumi.Parent(m))...)
	if err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	m.Name, m.Namespace = m.Object.Metadata.Name().Elem(), m.Object.Metadata.Namespace().Elem()
	if args.Autoscale != nil {
		if err := newAutoscaler(ctx, name+"-hpa", args, m); err != nil {
			return nil, err
		}
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"name": m.Name, "namespace": m.Namespace})
}

// check applies the checks of the stack's configuration, for programs that
// have none.
func (a MiniClusterArgs) check() error {
	var errs []error
	add := func(field string, err error) {
		errs = append(errs, fmt.Errorf("MiniCluster %s: %s: %w", a.Name, field, err))
	}
	_, literal := a.Namespace.(pulumi.String)
	for _, p := range a.described().Check() {
		// Any other input is known when the resource is there that it is from.
		if p.Field != "namespace" || literal {
			add(p.Field, p.Err)
		}
	}
	if a.Namespace == nil {
		add("namespace", errors.New("is not set"))
	}
	if a.Image == nil {
		add("image", errors.New("is not set"))
	}
	return errors.Join(errs...)
}

func (a MiniClusterArgs) described() config.MiniCluster {
	described := config.MiniCluster{
		Name: a.Name,
		Size: a.Size, MinSize: a.MinSize, MaxSize: a.MaxSize,
		Resources: a.Resources, DrainTimeoutSeconds: a.DrainTimeoutSeconds,
		Placement: a.Placement, TopologyKey: a.TopologyKey,
	}
	if literal, ok := a.Namespace.(pulumi.String); ok {
		described.Namespace = string(literal)
	}
	if a.Autoscale != nil {
		described.Autoscale = true
		described.CPUTarget = a.Autoscale.CPUTarget
		described.ScaleDownStabilization = a.Autoscale.ScaleDownStabilization
	}
	return described
}

// inputs are what the component shows of itself to policies: a size that the
// object leaves to others, so that changes of it are ignored there, and what it is
// to be judged by. All else is in the object; said twice, a preview would show
// each change twice.
func (a MiniClusterArgs) inputs() pulumi.Map {
	if a.Size == nil || a.described().OwnsSize() {
		return pulumi.Map{}
	}
	return pulumi.Map{
		"name":      pulumi.String(a.Name),
		"namespace": a.Namespace,
		"size":      pulumi.Int(*a.Size),
		"minSize":   pulumi.Int(a.MinSize),
		"maxSize":   pulumi.Int(a.MaxSize),
	}
}

func (a MiniClusterArgs) spec() pulumi.Map {
	container := pulumi.Map{
		"name":      pulumi.String(a.Name),
		"image":     a.Image,
		"resources": pulumi.ToMap(untyped(a.Resources)),
	}
	if given(a.Command) {
		container["command"] = a.Command
	}
	if given(a.ImagePullSecret) {
		container["imagePullSecret"] = a.ImagePullSecret
	}
	spec := pulumi.Map{
		"size":       pulumi.Int(a.described().InitialSize()),
		"minSize":    pulumi.Int(a.MinSize),
		"maxSize":    pulumi.Int(a.MaxSize),
		"flux":       pulumi.Map{"enabled": pulumi.Bool(a.Flux)},
		"containers": pulumi.Array{container},
	}
	if a.SelfScaling {
		spec["selfScaling"] = pulumi.Bool(true)
	}
	if a.DrainTimeoutSeconds != nil {
		spec["scaleDown"] = pulumi.Map{"drainTimeoutSeconds": pulumi.Int(*a.DrainTimeoutSeconds)}
	}
	if placement := a.placement(); len(placement) > 0 {
		spec["pod"] = pulumi.Map{"placement": placement}
	}
	return spec
}

// placement is empty for the API's default, so that who says nothing declares
// nothing.
func (a MiniClusterArgs) placement() pulumi.Map {
	placement := pulumi.Map{}
	if a.Placement != "" && a.Placement != config.PlacementSpread {
		placement["policy"] = pulumi.String(a.Placement)
	}
	if a.TopologyKey != "" {
		placement["topologyKey"] = pulumi.String(a.TopologyKey)
	}
	return placement
}

func given(text pulumi.StringInput) bool { return text != nil && text != pulumi.String("") }

// sizeOwnership makes spec.size Pulumi's or leaves it to whoever scales. The
// field stays declared either way: a manager that stops declaring a field that
// only it owns removes it, and the API server would fill in the default size,
// 1.
func (a MiniClusterArgs) sizeOwnership() []pulumi.ResourceOption {
	if a.described().OwnsSize() {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges([]string{"spec.size"})}
}

// annotations let Pulumi wait for the ranks and, where no HPA is, take the
// fields that it declares back from whoever changed them meanwhile. A size that
// it ignores is not among them.
func (a MiniClusterArgs) annotations() pulumi.StringMap {
	annotations := pulumi.StringMap{"pulumi.com/waitFor": pulumi.String("condition=Ready")}
	if a.Autoscale == nil {
		annotations["pulumi.com/patchForce"] = pulumi.String("true")
	}
	maps.Copy(annotations, signature(a.Stack))
	return annotations
}

func untyped(resources map[string]map[string]string) map[string]any {
	all := make(map[string]any, len(resources))
	for kind, quantities := range resources {
		byName := make(map[string]any, len(quantities))
		for name, quantity := range quantities {
			byName[name] = quantity
		}
		all[kind] = byName
	}
	return all
}
