package components

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// kubeconfig is one as YAML. It is read without client-go, so that programs which use
// the components need not link that.
type kubeconfig map[string]any

func parseKubeconfig(content string) (kubeconfig, error) {
	var k kubeconfig
	if err := yaml.Unmarshal([]byte(content), &k); err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return k, nil
}

// pick leaves nothing in one of the lists but the entry of a name, and returns what that
// says; nil where there is none.
func (k kubeconfig) pick(list, kind string, name any) map[string]any {
	entries, _ := k[list].([]any)
	k[list] = entries[:0]
	for _, e := range entries {
		if named, _ := e.(map[string]any); named["name"] == name {
			k[list] = []any{e}
			of, _ := named[kind].(map[string]any)
			return of
		}
	}
	return nil
}

// pickContext leaves nothing but what belongs to a context, the current one where the
// name is empty.
func (k kubeconfig) pickContext(name string) (cluster, user map[string]any, err error) {
	if name != "" {
		k["current-context"] = name
	}
	current, _ := k["current-context"].(string)
	chosen := k.pick("contexts", "context", current)
	if chosen == nil {
		return nil, nil, fmt.Errorf("kubeconfig: context %q is not in it", current)
	}
	return k.pick("clusters", "cluster", chosen["cluster"]), k.pick("users", "user", chosen["user"]), nil
}

// selectContext returns the kubeconfig with the given context as its current one, or
// where that is empty with the one that it has. All others are left out, and files are
// put into it: whoever reads it gets to the right cluster, and gets nobody else's
// credentials.
func selectContext(content, context string) (string, error) {
	k, err := parseKubeconfig(content)
	if err != nil {
		return "", err
	}
	cluster, user, err := k.pickContext(context)
	if err != nil {
		return "", err
	}
	if err = errors.Join(embedFile(cluster, "certificate-authority"), embedFile(user, "client-certificate"), embedFile(user, "client-key")); err != nil {
		return "", fmt.Errorf("kubeconfig: %w", err)
	}
	selected, err := yaml.Marshal(k)
	return string(selected), err
}

// embedFile puts the content of a file in the place of its path.
func embedFile(of map[string]any, key string) error {
	path, _ := of[key].(string)
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	delete(of, key)
	of[key+"-data"] = base64.StdEncoding.EncodeToString(content)
	return nil
}

// endpoint is the URL of the API server that a kubeconfig leads to.
func endpoint(content string) (string, error) {
	k, err := parseKubeconfig(content)
	if err != nil {
		return "", err
	}
	cluster, _, err := k.pickContext("")
	if err != nil {
		return "", err
	}
	server, _ := cluster["server"].(string)
	if server == "" {
		return "", fmt.Errorf("kubeconfig: context %q leads to no server", k["current-context"])
	}
	return server, nil
}
