package environment

import (
	"fmt"
	"slices"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	metav1api "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/declared"
)

// newMiniClusters declares the MiniClusters and their namespaces, each as a resource
// called NAMESPACE/NAME, whatever its place in the list.
func newMiniClusters(ctx *pulumi.Context, s config.Settings, t target, cluster *components.Cluster, operator *components.Operator) ([]*components.MiniCluster, error) {
	before := map[string][]pulumi.Resource{} // by namespace
	for _, name := range namespacesOf(s.MiniClusters) {
		// With the operator gone, a namespace that holds others' MiniClusters would never go.
		made, err := newNamespace(ctx, name, s, t, append(cluster.ResourceOptions(), pulumi.DependsOn(operator.Parts())))
		if err != nil {
			return nil, err
		}
		before[name] = append(made, operator.Parts()...)
	}
	var all []*components.MiniCluster
	var demoWorkload pulumi.StringInput // one image for all that have none of their own
	for _, m := range s.MiniClusters {
		args := m.MiniClusterArgs
		args.Stack = t.stack
		if components.Literal(args.Image) == "" {
			if demoWorkload == nil {
				var err error
				if demoWorkload, err = imageOf(ctx, cluster, "", "demo-workload", "gopherlocks-demo-workload"); err != nil {
					return nil, err
				}
			}
			args.Image = demoWorkload
		}
		opts := append(cluster.ResourceOptions(), pulumi.DependsOn(before[components.Literal(m.Namespace)]), pulumi.Protect(m.Protect))
		if formerlyAlone(m, s.MiniClusters) {
			opts = append(opts, pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(m.Name)}}))
		}
		made, err := components.NewMiniCluster(ctx, m.ResourceName(), args, opts...)
		if err != nil {
			return nil, err
		}
		tellLiveSize(ctx, cluster, m, made)
		all = append(all, made)
	}
	return all, nil
}

// namespacesOf are the namespaces of MiniClusters, each once.
func namespacesOf(miniClusters []config.MiniCluster) (names []string) {
	for _, m := range miniClusters {
		if name := components.Literal(m.Namespace); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// newNamespace declares a namespace of MiniClusters, with the Secret that images are
// pulled with. One that holds a protected MiniCluster is protected too: it would take
// the MiniCluster with it. One that was there before is used, and stays when the stack
// goes. It returns what MiniClusters must come after.
func newNamespace(ctx *pulumi.Context, name string, s config.Settings, t target, inCluster []pulumi.ResourceOption) ([]pulumi.Resource, error) {
	var aliases []pulumi.Alias
	protect := false
	for _, m := range s.MiniClusters {
		if components.Literal(m.Namespace) != name {
			continue
		}
		protect = protect || m.Protect
		if formerlyAlone(m, s.MiniClusters) {
			aliases = append(aliases, pulumi.Alias{
				Name:      pulumi.String(m.Name + "-namespace"),
				ParentURN: pulumi.CreateURN(pulumi.String(m.Name), pulumi.String(components.MiniClusterType), nil, pulumi.String(ctx.Project()), pulumi.String(ctx.Stack())),
			})
		}
	}
	meta := metav1.ObjectMetaArgs{Name: pulumi.String(name)}
	opts := append(slices.Clone(inCluster), pulumi.Protect(protect), pulumi.Aliases(aliases))
	// Kubernetes' own cannot be deleted, in no cluster.
	if name == metav1api.NamespaceDefault || t.keepsNamespace(name) {
		opts = append(opts, pulumi.RetainOnDelete(true))
	} else if t.stack != "" {
		meta.Annotations = pulumi.StringMap{declared.AnnotationStack: pulumi.String(t.stack)}
	}
	namespace, err := corev1.NewNamespace(ctx, name, &corev1.NamespaceArgs{Metadata: meta}, opts...)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	pull := pullArgs(s, t.stack)
	if pull == nil {
		return []pulumi.Resource{namespace}, nil
	}
	secrets, err := components.NewPullSecret(ctx, name+"/"+pull.Secret, name, pull, append(slices.Clone(inCluster), pulumi.DependsOn([]pulumi.Resource{namespace}))...)
	return append(secrets, namespace), err
}

// formerlyAlone tells whether m takes over what a stack has by the names of
// before there could be several MiniClusters: NAME for the MiniCluster, and
// NAME-namespace as a part of it. The first of a name does, since an alias can
// lead to one resource only.
func formerlyAlone(m config.MiniCluster, all []config.MiniCluster) bool {
	for _, other := range all {
		if other.Name == m.Name {
			return other.Namespace == m.Namespace
		}
	}
	return false
}
