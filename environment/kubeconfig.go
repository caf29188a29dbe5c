package environment

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// readKubeconfig returns the content of the kubeconfig at path, or where path
// is empty of the files that kubectl would read: with one context, so that nobody gets
// the credentials of others, and with certificates in place of the files that it may
// point to.
func readKubeconfig(path, context string) (string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	kubeconfig, err := rules.Load()
	if err != nil {
		return "", fmt.Errorf("gopherlocks:kubeconfig: give the path of a kubeconfig that can be read (see kubectl config view): %w", err)
	}
	files := strings.Join(rules.GetLoadingPrecedence(), ", ")
	contexts := slices.Sorted(maps.Keys(kubeconfig.Contexts))
	switch {
	case len(contexts) == 0:
		return "", fmt.Errorf("gopherlocks:kubeconfig: there is no context in %s: give the path of a kubeconfig that leads to the cluster", files)
	case context == "" && kubeconfig.CurrentContext == "":
		return "", fmt.Errorf("gopherlocks:context: is not set, and %s has no current one: choose one of %q", files, contexts)
	case context == "":
		context = kubeconfig.CurrentContext
	}
	if _, ok := kubeconfig.Contexts[context]; !ok {
		return "", fmt.Errorf("gopherlocks:context: %q is not in %s: choose one of %q", context, files, contexts)
	}
	content, err := reduce(kubeconfig, context)
	if err != nil {
		return "", fmt.Errorf("gopherlocks:kubeconfig: %w", err)
	}
	return content, nil
}

func reduce(kubeconfig *api.Config, context string) (string, error) {
	kubeconfig.CurrentContext = context
	if err := api.MinifyConfig(kubeconfig); err != nil {
		return "", err
	}
	if err := api.FlattenConfig(kubeconfig); err != nil {
		return "", err
	}
	content, err := clientcmd.Write(*kubeconfig)
	return string(content), err
}
