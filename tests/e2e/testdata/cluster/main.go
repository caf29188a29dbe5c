// This program makes a cluster with only our images, so that a test can use it as
// somebody else's.
package main

import (
	"os/exec"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/gopherlocks/gopherlocks/components"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		cluster, err := components.NewCluster(ctx, "cluster", clusterArgs(ctx))
		if err != nil {
			return err
		}
		for _, image := range []string{"operator", "agent", "demo-workload"} {
			program, err := exec.LookPath("gopherlocks-" + image)
			if err != nil {
				return err
			}
			if program, err = filepath.EvalSymlinks(program); err != nil {
				return err
			}
			reference, err := cluster.LoadImage(ctx, image, program)
			if err != nil {
				return err
			}
			ctx.Export(image, reference)
		}
		return nil
	})
}

// clusterArgs describe a cluster of one node, or of three in containers.
func clusterArgs(ctx *pulumi.Context) components.ClusterArgs {
	name, kubeconfigFile := config.Require(ctx, "name"), config.Require(ctx, "kubeconfigFile")
	if config.Require(ctx, "clusterProvider") == "kind" {
		return components.ClusterArgs{Kind: &components.KindArgs{Name: name, KubeconfigFile: kubeconfigFile, Workers: 2}}
	}
	return components.ClusterArgs{Embedded: &components.EmbeddedArgs{Name: name, KubeconfigFile: kubeconfigFile}}
}
