// Package kubeversion is the one rule about versions of Kubernetes. It is a leaf:
// the program, the policies and the plugin's clusters of kind follow it, each for
// the clusters that it sees.
package kubeversion

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
)

// Minimum is the oldest version that Gopherlocks works on. The definition of
// MiniClusters has validation rules that API servers of 1.29 and older cannot
// compile, so that they refuse it. A test of package crds asks the validators of
// this very version.
const Minimum = "1.30"

// Check returns an error for a version, such as v1.29.15 or v1.34.2-gke.1, that is
// older than Minimum or none at all.
func Check(found string) error {
	parsed, err := version.ParseGeneric(found)
	if err != nil {
		return fmt.Errorf("version %q of Kubernetes cannot be read: %w", found, err)
	}
	if parsed.LessThan(version.MustParseGeneric(Minimum)) {
		return fmt.Errorf("version %s of Kubernetes must be at least %s: older ones refuse the definition of MiniClusters, whose validation rules they cannot compile", found, Minimum)
	}
	return nil
}
