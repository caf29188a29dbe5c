// Minicluster-only declares a MiniCluster on a cluster that you have, out of a
// Pulumi program of your own: of Gopherlocks it takes the one component. The
// operator must be installed there, by the project's own program or by another
// that uses components.NewOperator.
package main

import (
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/gopherlocks/gopherlocks/components"
)

func main() { pulumi.Run(declare) }

func declare(ctx *pulumi.Context) error {
	// The cluster of $KUBECONFIG or ~/.kube/config.
	cluster, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{
		Context: pulumi.String(config.Require(ctx, "context")),
	})
	if err != nil {
		return err
	}
	namespace, err := corev1.NewNamespace(ctx, "simulations", &corev1.NamespaceArgs{
		Metadata: metav1.ObjectMetaArgs{Name: pulumi.String("simulations")},
	}, pulumi.Provider(cluster))
	if err != nil {
		return err
	}
	simulation, err := components.NewMiniCluster(ctx, "simulation", components.MiniClusterArgs{
		Name:           "simulation",
		Namespace:      namespace.Metadata.Name().Elem(),
		MinSize:        2,
		MaxSize:        8,
		Flux:           true,
		QueueAutoscale: &components.QueueAutoscaleArgs{IdleSeconds: pulumi.IntRef(120)},
		Image:          pulumi.String("rockylinux:9"),
		Resources:      map[string]map[string]string{"requests": {"cpu": "500m", "memory": "256Mi"}},
	}, pulumi.Provider(cluster))
	if err != nil {
		return err
	}
	ctx.Export("miniCluster", pulumi.Sprintf("%s/%s", simulation.Namespace, simulation.Name))
	return nil
}
