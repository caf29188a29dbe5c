// Package kubeconfig is about the copies of kubeconfigs that clusters keep where
// their users want one.
package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"
)

// RemoveCopy removes the copy at path of a cluster's kubeconfig, if there is one.
// It leaves the file alone if another cluster has written its own meanwhile: a
// replacement is made before the old cluster goes.
func RemoveCopy(path, cluster string) error {
	if path == "" {
		return nil
	}
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the copy of the kubeconfig: %w", err)
	}
	if !isOf(file, cluster) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the copy of the kubeconfig: %w", err)
	}
	return nil
}

// content is what matters of a kubeconfig.
type content struct {
	Clusters []entry
}

type entry struct {
	Name    string
	Cluster struct {
		Server string
		CA     string `yaml:"certificate-authority-data"`
	}
}

// Leads tells whether the file at path leads to where a cluster's kubeconfig does.
// It need not be the same: users may have renamed contexts and added clusters.
func Leads(path string, kubeconfig []byte) bool {
	file, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var is, wanted content
	if yaml.Unmarshal(file, &is) != nil || yaml.Unmarshal(kubeconfig, &wanted) != nil {
		return false
	}
	for _, cluster := range wanted.Clusters {
		if !slices.Contains(is.Clusters, cluster) {
			return false
		}
	}
	return true
}

// isOf tells whether a kubeconfig leads to a cluster. Users may have renamed
// contexts and added clusters. A file that leads nowhere counts as the cluster's.
func isOf(file []byte, cluster string) bool {
	var kubeconfig content
	if err := yaml.Unmarshal(file, &kubeconfig); err != nil || len(kubeconfig.Clusters) == 0 {
		return true
	}
	for _, entry := range kubeconfig.Clusters {
		if entry.Name == cluster {
			return true
		}
	}
	return false
}
