// Gopherlocks keeps an HPC cluster inside Kubernetes at the size that its work
// needs. This is its Pulumi program: one `pulumi up` makes or takes a
// Kubernetes cluster, installs metrics-server and the operator, and declares a
// MiniCluster with its autoscaler.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
)

func main() { pulumi.Run(declare) }

func declare(ctx *pulumi.Context) error {
	settings, err := config.Load(ctx)
	if err != nil {
		return err
	}
	for _, warning := range settings.Warnings() {
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return err
		}
	}
	environment, err := components.NewEnvironment(ctx, settings)
	if err != nil {
		return err
	}
	ctx.Export("kubeconfig", environment.Cluster.Kubeconfig)
	ctx.Export("endpoint", environment.Cluster.Endpoint)
	ctx.Export("stateDir", environment.Cluster.StateDir)
	ctx.Export("miniCluster", pulumi.String(settings.Name))
	ctx.Export("namespace", pulumi.String(settings.Namespace))
	ctx.Export("minSize", pulumi.Int(settings.MinSize))
	ctx.Export("maxSize", pulumi.Int(settings.MaxSize))
	return nil
}
