// Package crds holds the generated CustomResourceDefinitions of Gopherlocks.
package crds

import _ "embed"

// MiniCluster is the YAML of the CustomResourceDefinition
// miniclusters.flux-framework.org.
//
//go:embed flux-framework.org_miniclusters.yaml
var MiniCluster []byte
