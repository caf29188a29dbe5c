// Package plugin is the Pulumi provider "gopherlocks": an embedded Kubernetes
// cluster, clusters of kind, and images that are loaded into them, as resources.
package plugin

//go:generate go run ./generate ../../sdk/go/gopherlocks

import (
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

const (
	// Name is the name of the Pulumi package.
	Name = "gopherlocks"
	// module is the part of a resource's token between package and type.
	module = "index"
)

// New returns the provider.
func New() (p.Provider, error) {
	return infer.NewProviderBuilder().
		WithDisplayName("Gopherlocks").
		WithDescription("Kubernetes clusters on this machine, without Docker or by kind, and local images for them.").
		WithRepository("https://github.com/gopherlocks/gopherlocks").
		WithLicense("Apache-2.0").
		WithGoImportPath("github.com/gopherlocks/gopherlocks/sdk/go/gopherlocks").
		WithResources(
			declaredReads{infer.Resource(&ClusterChoice{})},
			declaredReads{infer.Resource(&ClusterReservation{})},
			secretReads{infer.Resource(&EmbeddedCluster{})},
			secretReads{infer.Resource(&KindCluster{})},
			declaredReads{infer.Resource(&KindClusterReservation{})},
			declaredReads{infer.Resource(&LocalImage{})},
		).
		Build()
}
