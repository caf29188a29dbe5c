// Gopherlocks keeps an HPC cluster inside Kubernetes at the size that its work
// needs. This is its Pulumi program: one `pulumi up` makes or takes a
// Kubernetes cluster, installs metrics-server and the operator, and declares
// MiniClusters with their autoscalers.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/environment"
)

func main() { pulumi.Run(declare) }

func declare(ctx *pulumi.Context) error {
	settings, err := config.Load(ctx)
	if err != nil {
		return err
	}
	made, err := environment.New(ctx, settings)
	if err != nil {
		return err
	}
	ctx.Export("clusterProvider", pulumi.String(made.ClusterProvider))
	ctx.Export("kubeconfig", made.Cluster.Kubeconfig)
	ctx.Export("endpoint", made.Cluster.Endpoint)
	ctx.Export("stateDir", made.Cluster.StateDir)
	ctx.Export("miniClusters", summaries(settings.MiniClusters))
	return nil
}

// summaries say which MiniClusters the stack has, and between which bounds who
// chooses their sizes. Without an autoscaler its name is empty.
func summaries(miniClusters []config.MiniCluster) pulumi.Array {
	var all pulumi.Array
	for _, m := range miniClusters {
		all = append(all, pulumi.Map{
			"name":       pulumi.String(m.Name),
			"namespace":  m.Namespace,
			"minSize":    pulumi.Int(m.MinSize),
			"maxSize":    pulumi.Int(m.MaxSize),
			"autoscale":  pulumi.Bool(m.Autoscaler() != ""),
			"autoscaler": pulumi.String(m.Autoscaler()),
		})
	}
	return all
}
