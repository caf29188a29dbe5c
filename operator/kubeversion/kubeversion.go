// Package kubeversion is the one rule about versions of Kubernetes. It is a leaf:
// the program, the policies and the plugin's clusters of kind follow it, each for
// the clusters that it sees.
package kubeversion

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
)

// Minor of 1.Minor, and Minimum in words, are the oldest version that Gopherlocks
// works on: 1.27 made completions of an Indexed Job mutable.
// Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#elastic-indexed-jobs
const (
	Minor   = 27
	Minimum = "1.27"
)

// Check returns an error for a version, such as v1.26.15 or v1.34.2-gke.1, that is
// older than Minimum or none at all.
func Check(found string) error {
	parsed, err := version.ParseGeneric(found)
	if err != nil {
		return fmt.Errorf("version %q of Kubernetes cannot be read: %w", found, err)
	}
	if parsed.LessThan(version.MustParseGeneric(Minimum)) {
		return fmt.Errorf("version %s of Kubernetes must be at least %s: Indexed Jobs can be resized from then on", found, Minimum)
	}
	return nil
}
