// Package kubeconfig is about the copies of kubeconfigs that clusters keep where
// their users want one.
package kubeconfig

import (
	"errors"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// RemoveCopy removes the copy at path of a cluster's kubeconfig, if there is one.
// The file is left alone where another cluster has written its own meanwhile: one
// that takes a cluster's place is made before the old one goes.
func RemoveCopy(path, cluster string) error {
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the copy of the kubeconfig: %w", err)
	}
	if !isOf(content, cluster) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the copy of the kubeconfig: %w", err)
	}
	return nil
}

// isOf tells whether a kubeconfig leads to a cluster: users may have renamed
// contexts and added clusters. What leads nowhere is nobody else's.
func isOf(content []byte, cluster string) bool {
	var kubeconfig struct {
		Clusters []struct{ Name string }
	}
	if err := yaml.Unmarshal(content, &kubeconfig); err != nil || len(kubeconfig.Clusters) == 0 {
		return true
	}
	for _, entry := range kubeconfig.Clusters {
		if entry.Name == cluster {
			return true
		}
	}
	return false
}
