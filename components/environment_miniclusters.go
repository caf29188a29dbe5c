package components

import (
	"fmt"

	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	metav1api "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// newMiniClustersFromSettings declares the MiniClusters and their namespaces,
// each as a resource called NAMESPACE/NAME, whatever its place in the list.
func newMiniClustersFromSettings(ctx *pulumi.Context, s config.Settings, at site, cluster *Cluster, operator *Operator) ([]*MiniCluster, error) {
	namespaces, err := newNamespaces(ctx, s.MiniClusters, at, cluster.ResourceOptions())
	if err != nil {
		return nil, err
	}
	secrets, err := newPullSecrets(ctx, s, at, namespaces, cluster.ResourceOptions())
	if err != nil {
		return nil, err
	}
	var declared []*MiniCluster
	var demoWorkload pulumi.StringInput // one image for all that have none of their own
	for _, m := range s.MiniClusters {
		image := pulumi.StringInput(pulumi.String(m.Image))
		if m.Image == "" {
			if demoWorkload == nil {
				if demoWorkload, err = imageOf(ctx, cluster, "", "demo-workload", "gopherlocks-demo-workload"); err != nil {
					return nil, err
				}
			}
			image = demoWorkload
		}
		opts := append(cluster.ResourceOptions(),
			pulumi.DependsOn(append([]pulumi.Resource{operator, namespaces[m.Namespace]}, secrets[m.Namespace]...)),
			pulumi.Protect(m.Protect))
		if formerlyAlone(m, s.MiniClusters) {
			opts = append(opts, pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String(m.Name)}}))
		}
		miniCluster, err := NewMiniCluster(ctx, m.Namespace+"/"+m.Name, miniClusterArgs(m, image, at.stack), opts...)
		if err != nil {
			return nil, err
		}
		tellLiveSize(ctx, cluster, m, miniCluster)
		declared = append(declared, miniCluster)
	}
	return declared, nil
}

// newNamespaces declares each namespace once, by name. One that holds a
// protected MiniCluster is protected too: it would take the MiniCluster with it.
// One that was there before is used, and stays when the stack goes.
func newNamespaces(ctx *pulumi.Context, miniClusters []config.MiniCluster, at site, opts []pulumi.ResourceOption) (map[string]*corev1.Namespace, error) {
	protected := map[string]bool{}
	aliases := map[string][]pulumi.Alias{}
	for _, m := range miniClusters {
		protected[m.Namespace] = protected[m.Namespace] || m.Protect
		if formerlyAlone(m, miniClusters) {
			aliases[m.Namespace] = append(aliases[m.Namespace], pulumi.Alias{
				Name:      pulumi.String(m.Name + "-namespace"),
				ParentURN: pulumi.CreateURN(pulumi.String(m.Name), pulumi.String(miniClusterType), nil, pulumi.String(ctx.Project()), pulumi.String(ctx.Stack())),
			})
		}
	}
	declared := map[string]*corev1.Namespace{}
	for _, m := range miniClusters {
		if declared[m.Namespace] != nil {
			continue
		}
		// Kubernetes' own cannot be deleted, in no cluster.
		kept := m.Namespace == metav1api.NamespaceDefault || at.keeps(preflight.Namespaces, m.Namespace)
		annotations, own := keptOrSigned(kept, at.stack)
		own = append(own, pulumi.Protect(protected[m.Namespace]), pulumi.Aliases(aliases[m.Namespace]))
		namespace, err := corev1.NewNamespace(ctx, m.Namespace, &corev1.NamespaceArgs{
			Metadata: metav1.ObjectMetaArgs{Name: pulumi.String(m.Namespace), Annotations: annotations},
		}, append(own, opts...)...)
		if err != nil {
			return nil, fmt.Errorf("namespace %s: %w", m.Namespace, err)
		}
		declared[m.Namespace] = namespace
	}
	return declared, nil
}

// newPullSecrets declares, once in each namespace, the Secret that images are
// pulled with, where the stack makes it.
func newPullSecrets(ctx *pulumi.Context, s config.Settings, at site, namespaces map[string]*corev1.Namespace, opts []pulumi.ResourceOption) (map[string][]pulumi.Resource, error) {
	declared := map[string][]pulumi.Resource{}
	pull := pullArgs(s, at)
	for _, m := range s.MiniClusters {
		if _, done := declared[m.Namespace]; done || pull == nil {
			continue
		}
		secret, err := newPullSecret(ctx, m.Namespace+"/"+pull.Secret, namespaces[m.Namespace].Metadata.Name().Elem(), pull, opts...)
		if err != nil {
			return nil, err
		}
		declared[m.Namespace] = secret
	}
	return declared, nil
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

func miniClusterArgs(m config.MiniCluster, image pulumi.StringInput, stack string) MiniClusterArgs {
	args := MiniClusterArgs{
		Name:                m.Name,
		Namespace:           pulumi.String(m.Namespace),
		Size:                m.Size,
		MinSize:             m.MinSize,
		MaxSize:             m.MaxSize,
		SelfScaling:         m.SelfScaling,
		DrainTimeoutSeconds: m.DrainTimeoutSeconds,
		Placement:           m.Placement,
		TopologyKey:         m.TopologyKey,
		Flux:                m.Flux,
		Image:               image,
		Command:             pulumi.String(m.Command),
		Resources:           m.Resources,
		ImagePullSecret:     pulumi.String(m.ImagePullSecret),
		Stack:               stack,
	}
	if m.Autoscale {
		args.Autoscale = &AutoscaleArgs{CPUTarget: m.CPUTarget, ScaleDownStabilization: m.ScaleDownStabilization}
	}
	return args
}
