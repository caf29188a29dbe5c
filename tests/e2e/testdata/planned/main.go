// Command planned is a Pulumi program with one MiniCluster, in the cluster of the
// environment. The configuration names its manifest, a JSON file, and gives its
// size.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apiextensions"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(declare) }

func declare(ctx *pulumi.Context) error {
	var manifest struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
		Spec             map[string]any
	}
	settings := config.New(ctx, "")
	data, err := os.ReadFile(settings.Require("manifest"))
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	if err != nil {
		return fmt.Errorf("planned:manifest: %w", err)
	}
	manifest.Spec["size"] = settings.RequireInt("size")
	_, err = apiextensions.NewCustomResource(ctx, manifest.Metadata.Name, &apiextensions.CustomResourceArgs{
		ApiVersion: pulumi.String(manifest.APIVersion),
		Kind:       pulumi.String(manifest.Kind),
		Metadata: metav1.ObjectMetaArgs{
			Name: pulumi.String(manifest.Metadata.Name), Namespace: pulumi.String(manifest.Metadata.Namespace),
		},
		OtherFields: kubernetes.UntypedArgs{"spec": pulumi.ToMap(manifest.Spec)},
	})
	return err
}
