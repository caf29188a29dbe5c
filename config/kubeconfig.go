package config

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// ReadKubeconfig returns the content of the kubeconfig at path, or where path
// is empty of the files that kubectl would read, with certificates in place of
// the files that it may point to. It fails when the context, or where that is
// empty the current one, is not in it.
func ReadKubeconfig(path, context string) (string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	kubeconfig, err := rules.Load()
	if err != nil {
		return "", fmt.Errorf("gopherlocks:kubeconfig: %w", err)
	}
	if context == "" {
		context = kubeconfig.CurrentContext
	}
	if _, ok := kubeconfig.Contexts[context]; !ok {
		return "", fmt.Errorf("gopherlocks:context: %q is not in %v", context, rules.GetLoadingPrecedence())
	}
	if err := api.FlattenConfig(kubeconfig); err != nil {
		return "", fmt.Errorf("gopherlocks:kubeconfig: %w", err)
	}
	content, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return "", fmt.Errorf("gopherlocks:kubeconfig: %w", err)
	}
	return string(content), nil
}
