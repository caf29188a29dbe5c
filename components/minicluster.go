package components

import (
	"fmt"
	"maps"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/declared"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// MiniClusterType is the component's type in Pulumi.
const MiniClusterType = "gopherlocks:components:MiniCluster"

// miniClusterKind is the kind that the operator serves.
const miniClusterKind = "MiniCluster"

// MiniClusterArgs describe a MiniCluster and who chooses its size.
//
// What another resource may give is an Input. Name, sizes and resources are
// plain values on purpose: they are checked before anything is touched, and a
// size that is known only halfway through an update could not be.
//
// The stack's configuration is read into the same type: package config takes each
// tag for a key.
type MiniClusterArgs struct {
	// Name of the MiniCluster; its pods are called NAME-0, NAME-1, ... At most
	// 57 characters a-z, 0-9 and -, beginning with a letter. Required.
	Name string `pulumi:"name"`
	// Namespace of the MiniCluster, which must exist. Required.
	Namespace pulumi.StringInput `pulumi:"namespace"`

	// Size is the number of ranks that the program insists on, from MinSize to
	// MaxSize; with an autoscaler only the number to begin with. Nil, the MiniCluster
	// begins with MinSize ranks, and its size belongs to whoever scales it: a
	// person, the application, an autoscaler of your own.
	Size *int `pulumi:"size"`
	// MinSize is the smallest size, whoever chooses it. Default: 1, the lead.
	MinSize int `pulumi:"minSize"`
	// MaxSize is the largest size, whoever chooses it: at most 100,000. A change
	// restarts nobody, up to the ceiling that the lead has started with: see
	// flux.ceiling. Required.
	MaxSize int `pulumi:"maxSize"`
	// Autoscale, when set, lets an HPA choose the size by CPU use.
	Autoscale *AutoscaleArgs
	// QueueAutoscale, when set, lets the operator choose the size by the jobs in
	// Flux's queue. It needs Flux, and takes the place of Autoscale.
	QueueAutoscale *QueueAutoscaleArgs
	// SelfScaling gives the ranks a token by which the application may scale its
	// own MiniCluster.
	SelfScaling bool `pulumi:"selfScaling"`
	// DrainTimeoutSeconds is for how many seconds ranks that are to go may
	// finish their jobs; 0 waits for nothing. Default (nil): the operator's,
	// 3600.
	DrainTimeoutSeconds *int `pulumi:"drainTimeoutSeconds"`

	// Suspend puts the MiniCluster to sleep: its queue is stopped, jobs that run may end,
	// and no pod is left. With false it comes back.
	Suspend bool `pulumi:"suspend"`
	// RestartPolicy is when a change that the ranks cannot take over restarts them:
	// "WhenIdle", "AtOnce" or "OnRequest". Default (""): the operator's, "WhenIdle".
	RestartPolicy string `pulumi:"restartPolicy"`
	// RestartTimeoutSeconds is for how many seconds jobs may go on before a restart or
	// sleep; 0 waits for nothing. Default (nil): DrainTimeoutSeconds.
	RestartTimeoutSeconds *int `pulumi:"restartTimeoutSeconds"`
	// RestartOnTimeout is what becomes of jobs that run when that time is over: "Cancel" or
	// "Requeue". Default (""): the operator's, "Cancel".
	RestartOnTimeout string `pulumi:"restartOnTimeout"`
	// StateClaim is the name of a PersistentVolumeClaim in the namespace that keeps the
	// queue of Flux over restarts, sleep and the loss of the lead. It needs Flux. Default
	// (nil or ""): none, and the queue ends with the lead's pod.
	StateClaim pulumi.StringInput `pulumi:"stateClaim"`
	// Ceiling is the largest MaxSize that needs no restart. It needs Flux. Default (0): the
	// operator's, twice MaxSize and at least 64.
	Ceiling int `pulumi:"ceiling"`

	// Placement is how the ranks are spread over the nodes: "Spread", "OnePerNode"
	// or "Any". Default (""): the operator's, "Spread".
	Placement string `pulumi:"placement"`
	// TopologyKey is the node label that "Spread" spreads over first, such as
	// "topology.kubernetes.io/zone". Default (""): the nodes alone.
	TopologyKey string `pulumi:"topologyKey"`

	// Flux makes the ranks an instance of Flux, which runs the command as its
	// job. Without, each rank runs the command.
	Flux bool `pulumi:"flux"`
	// Image is what the ranks run. With Flux it needs a glibc. Required.
	Image pulumi.StringInput `pulumi:"image"`
	// Command of the ranks. Default (nil or ""): the image's own, or with Flux
	// an instance that waits for work.
	Command pulumi.StringInput `pulumi:"command"`
	// Resources are the requests and limits of a rank, by resource name, as in a
	// container: {"requests": {"cpu": "500m"}}. Autoscale needs requests.cpu.
	Resources map[string]map[string]string `pulumi:"resources"`
	// ImagePullSecret is the name of a Secret in the namespace, of type
	// kubernetes.io/dockerconfigjson, by which the images of the ranks' pods are
	// pulled. Default (nil or ""): none.
	ImagePullSecret pulumi.StringInput `pulumi:"imagePullSecret"`

	// Stack is noted on the MiniCluster and its HPA, as in OperatorArgs.
	Stack string
}

// MiniCluster is a MiniCluster, and its HPA if it has one.
type MiniCluster struct {
	pulumi.ResourceState

	// Name and Namespace are those of the custom resource, once its ranks are ready
	// or it has ended well. A MiniCluster that has failed has no Name: its error ends
	// the update.
	Name, Namespace pulumi.StringOutput
	// Object is the custom resource.
	Object *apiextensions.CustomResource
}

// NewMiniCluster declares a MiniCluster and waits until its ranks are ready, or until
// it has ended. One that has failed is an error of the program. The operator must be
// installed in the cluster: where the same program does it, let the component depend
// on it. Arguments that cannot work are an error, which names all of them, before
// anything is declared.
func NewMiniCluster(ctx *pulumi.Context, name string, args MiniClusterArgs, opts ...pulumi.ResourceOption) (*MiniCluster, error) {
	if args.MinSize == 0 {
		args.MinSize = 1
	}
	if err := args.check(); err != nil {
		return nil, err
	}
	m := &MiniCluster{}
	if err := ctx.RegisterComponentResourceV2(MiniClusterType, name, args.inputs(), m, opts...); err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	parts := args.parts()
	if err := declareParts(ctx, name, parts, pulumi.Parent(m)); err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	m.Object = parts[0].made.(*apiextensions.CustomResource)
	m.Name, m.Namespace = m.Object.Metadata.Name().Elem(), m.Object.Metadata.Namespace().Elem()
	if !ctx.DryRun() { // A preview shows the status of before the change.
		m.Name = unlessFailed(m.Name, m.Namespace, m.Object.OtherFields)
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{"name": m.Name, "namespace": m.Namespace})
}

// Objects are what the component declares.
func (a MiniClusterArgs) Objects() []declared.Object { return objectsOf(a.parts()) }

func (a MiniClusterArgs) parts() []*part {
	object := &part{
		Object: declared.Object{Resource: declared.MiniClusters, Namespace: Literal(a.Namespace), Name: a.Name, Exclusive: true},
		declare: func(c child) (pulumi.Resource, error) {
			c.meta.Namespace = a.Namespace
			return apiextensions.NewCustomResource(c.ctx, c.name, &apiextensions.CustomResourceArgs{
				ApiVersion:  pulumi.String(api.GroupVersion.String()),
				Kind:        pulumi.String(miniClusterKind),
				Metadata:    c.meta,
				OtherFields: kubernetes.UntypedArgs{"spec": a.spec()},
			}, append(c.opts, a.sizeOwnership()...)...)
		},
	}
	object.annotations = a.annotations()
	if a.Autoscale == nil {
		return []*part{object}
	}
	autoscaler := a.autoscalerPart()
	autoscaler.after = []*part{object}
	return []*part{object, autoscaler}
}

// Literal is the text of an input that the program has given itself, and empty for one
// that comes from another resource.
func Literal(input pulumi.StringInput) string {
	text, _ := input.(pulumi.String)
	return string(text)
}

// InitialSize is the number of ranks to begin with.
func (a MiniClusterArgs) InitialSize() int {
	if a.Size != nil {
		return *a.Size
	}
	return a.MinSize
}

// Autoscalers, by what they look at.
const (
	AutoscalerCPU   = "cpu"
	AutoscalerQueue = "queue"
)

// Autoscaler is the one that chooses the size, or "" for none.
func (a MiniClusterArgs) Autoscaler() string {
	switch {
	case a.Autoscale != nil:
		return AutoscalerCPU
	case a.QueueAutoscale != nil:
		return AutoscalerQueue
	}
	return ""
}

// OwnsSize tells whether the description is what decides about the size from
// day to day, and not an autoscaler, the application or a person.
func (a MiniClusterArgs) OwnsSize() bool { return a.Size != nil && a.Autoscaler() == "" }

// inputs are what the component shows of itself to policies: a size that the
// object leaves to others, so that changes of it are ignored there, and what it is
// to be judged by. All else is in the object; said twice, a preview would show
// each change twice.
func (a MiniClusterArgs) inputs() pulumi.Map {
	if a.Size == nil || a.OwnsSize() {
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
		"size":       pulumi.Int(a.InitialSize()),
		"minSize":    pulumi.Int(a.MinSize),
		"maxSize":    pulumi.Int(a.MaxSize),
		"flux":       a.fluxSpec(),
		"containers": pulumi.Array{container},
	}
	if given(a.StateClaim) {
		container["volumes"] = pulumi.Map{"state": pulumi.Map{"path": pulumi.String(stateFolder), "claimName": a.StateClaim}}
	}
	if a.Suspend {
		// Else nothing is declared: the operator may set it, too.
		spec["suspend"] = pulumi.Bool(true)
	}
	if restart := a.restart(); len(restart) > 0 {
		spec["restart"] = restart
	}
	if a.SelfScaling {
		spec["selfScaling"] = pulumi.Bool(true)
	}
	if a.DrainTimeoutSeconds != nil {
		spec["scaleDown"] = pulumi.Map{"drainTimeoutSeconds": pulumi.Int(*a.DrainTimeoutSeconds)}
	}
	if a.QueueAutoscale != nil {
		spec["autoscaling"] = pulumi.Map{"queue": a.QueueAutoscale.spec()}
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
	if a.Placement != "" && a.Placement != api.PlacementSpread {
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
	if a.OwnsSize() {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges([]string{"spec.size"})}
}

// annotations let Pulumi wait for the ranks or the end and, where no autoscaler is, take
// the fields that it declares back from whoever changed them meanwhile. A size that
// it ignores is not among them.
func (a MiniClusterArgs) annotations() map[string]string {
	annotations := map[string]string{"pulumi.com/waitFor": waitForSettled}
	if a.Autoscaler() == "" {
		annotations["pulumi.com/patchForce"] = "true"
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
