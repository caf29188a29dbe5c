package components

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// miniClusterAPIVersion and miniClusterKind say what the operator serves.
const (
	miniClusterAPIVersion = "flux-framework.org/v1alpha2"
	miniClusterKind       = "MiniCluster"
)

// MiniClusterArgs describe a MiniCluster and who chooses its size.
type MiniClusterArgs struct {
	// Name of the MiniCluster; its pods are called NAME-0, NAME-1, ...
	Name string
	// Namespace of the MiniCluster; it is made.
	Namespace string
	// Size is the number of ranks. With Autoscale it is the size to begin
	// with, and the HPA's from then on.
	Size int
	// MinSize and MaxSize bound the size, whoever chooses it.
	MinSize, MaxSize int
	// Flux makes the ranks an instance of Flux, which runs the command as its job.
	// Without, each rank runs the command.
	Flux bool
	// Image and Command are what the ranks run; without Flux, an empty command
	// means the image's own.
	Image   pulumi.StringInput
	Command string
	// Resources are the requests and limits of a rank, as in a container.
	Resources map[string]map[string]string
	// Autoscale, when set, lets an HPA choose the size by CPU use.
	Autoscale *AutoscaleArgs
}

// MiniCluster is a MiniCluster in its namespace, and its HPA if it has one.
type MiniCluster struct {
	pulumi.ResourceState

	// Object is the custom resource.
	Object *apiextensions.CustomResource
}

// NewMiniCluster declares a MiniCluster. The operator must be installed in the
// cluster: let the component depend on it.
func NewMiniCluster(ctx *pulumi.Context, name string, args MiniClusterArgs, opts ...pulumi.ResourceOption) (*MiniCluster, error) {
	m := &MiniCluster{}
	if err := ctx.RegisterComponentResource("gopherlocks:components:MiniCluster", name, m, opts...); err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	namespace, err := corev1.NewNamespace(ctx, name+"-namespace", &corev1.NamespaceArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(args.Namespace)},
	}, pulumi.Parent(m))
	if err != nil {
		return nil, fmt.Errorf("namespace of MiniCluster %s: %w", args.Name, err)
	}
	m.Object, err = apiextensions.NewCustomResource(ctx, name, &apiextensions.CustomResourceArgs{
		ApiVersion: pulumi.String(miniClusterAPIVersion),
		Kind:       pulumi.String(miniClusterKind),
		Metadata: metav1.ObjectMetaArgs{
			Name:        pulumi.String(args.Name),
			Namespace:   namespace.Metadata.Name(),
			Annotations: miniClusterAnnotations(args),
		},
		OtherFields: kubernetes.UntypedArgs{"spec": miniClusterSpec(args)},
	}, append(sizeOwnership(args), pulumi.Parent(m))...)
	if err != nil {
		return nil, fmt.Errorf("MiniCluster %s: %w", args.Name, err)
	}
	if args.Autoscale != nil {
		if err := newAutoscaler(ctx, name+"-hpa", args, m); err != nil {
			return nil, err
		}
	}
	return m, ctx.RegisterResourceOutputs(m, pulumi.Map{
		"name":      pulumi.String(args.Name),
		"namespace": pulumi.String(args.Namespace),
	})
}

func miniClusterSpec(args MiniClusterArgs) pulumi.Map {
	container := pulumi.Map{
		"name":      pulumi.String(args.Name),
		"image":     args.Image,
		"resources": pulumi.ToMap(untyped(args.Resources)),
	}
	if args.Command != "" {
		container["command"] = pulumi.String(args.Command)
	}
	return pulumi.Map{
		"size":       pulumi.Int(args.Size),
		"minSize":    pulumi.Int(args.MinSize),
		"maxSize":    pulumi.Int(args.MaxSize),
		"flux":       pulumi.Map{"enabled": pulumi.Bool(args.Flux)},
		"containers": pulumi.Array{container},
	}
}

// sizeOwnership makes spec.size Pulumi's or leaves it to the HPA. The field
// stays declared either way: a manager that stops declaring a field that only
// it owns removes it, and the API server would fill in the default size, 1.
func sizeOwnership(args MiniClusterArgs) []pulumi.ResourceOption {
	if args.Autoscale == nil {
		return nil
	}
	return []pulumi.ResourceOption{pulumi.IgnoreChanges([]string{"spec.size"})}
}

// miniClusterAnnotations let Pulumi wait for the ranks and, where no HPA owns
// the size, take it back from whoever scaled the MiniCluster meanwhile.
func miniClusterAnnotations(args MiniClusterArgs) pulumi.StringMap {
	annotations := pulumi.StringMap{"pulumi.com/waitFor": pulumi.String("condition=Ready")}
	if args.Autoscale == nil {
		annotations["pulumi.com/patchForce"] = pulumi.String("true")
	}
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
