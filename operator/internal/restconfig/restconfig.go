// Package restconfig finds the API server.
package restconfig

import (
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Load returns the way to the API server: by the kubeconfig file or, without one, the
// pod's own.
func Load(kubeconfig string) (*rest.Config, error) {
	var config *rest.Config
	var err error
	if kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	} else {
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("find the API server (outside of a pod, give --kubeconfig): %w", err)
	}
	// No limit of our own: the API server shares its time fairly (API Priority
	// and Fairness), and a limit here would delay resizes when many come at once.
	config.QPS = -1
	return config, nil
}
