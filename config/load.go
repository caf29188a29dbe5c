package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumiconfig "github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"

	"github.com/gopherlocks/gopherlocks/components"
)

// Load reads the settings of the running program's stack. Its error names
// every key that is unknown, malformed or out of bounds, with value and bound.
func Load(ctx *pulumi.Context) (Settings, error) {
	all := pulumiconfig.New(ctx, "")
	credentials := ctx.Project() + ":" + credentialsKey
	// Without a file there is no passphrase to judge.
	stackFile, _ := os.ReadFile("Pulumi." + ctx.Stack() + ".yaml")
	settings, err := read(func(key string) string {
		if key != credentialsKey {
			return all.Get(key)
		}
		value, _ := ctx.GetConfig(credentials) // Without the warning that it is a secret.
		return value
	}, stackKeys(ctx.Project(), os.Getenv(pulumi.EnvConfig)), hasEmptyPassphrase(os.LookupEnv, stackFile))
	if settings.RegistryCredentials != "" && !ctx.IsConfigSecret(credentials) {
		err = errors.Join(err, errPlainCredentials)
	}
	if err != nil {
		return Settings{}, fmt.Errorf("configuration of stack %s is not valid, so nothing was changed:\n%w", ctx.Stack(), err)
	}
	return settings, nil
}

// stackKeys are the keys that the stack gives to the project, without their
// namespace. The Go SDK answers for single keys only; the language host hands
// all of them to the program in an environment variable. Without that variable
// (a program inside a program, by the Automation API) there are none.
func stackKeys(project, variable string) (keys []string) {
	var all map[string]string
	if err := json.Unmarshal([]byte(variable), &all); err != nil {
		return nil
	}
	for name := range all {
		if key, ours := strings.CutPrefix(name, project+":"); ours {
			keys = append(keys, key)
		}
	}
	return keys
}

// read reads the settings from get, which answers "" for a key without value,
// and checks them. Defaults are not its business: Pulumi fills them in from
// Pulumi.yaml. Keys that are given and never asked for are errors. What else the
// check needs is whether the stack's passphrase is empty.
func read(get func(key string) string, given []string, emptyPassphrase bool) (Settings, error) {
	p := parser{get: get}
	own, credentials := p.own(), p.text(p.key(credentialsKey))
	if components.Literal(own.ImagePullSecret) == "" && credentials != "" {
		own.ImagePullSecret = pulumi.String(defaultPullSecret)
	}
	settings := Settings{
		ClusterProvider: p.text(p.key("clusterProvider")),
		ClusterName:     p.text(p.key("clusterName")),
		TakeOverCluster: p.text(p.key("takeOverCluster")),
		KindWorkers:     p.integer(p.key("kindWorkers")),
		KindNodeImage:   p.text(p.key("kindNodeImage")),
		KindMounts:      p.kindMounts(),
		Kubeconfig:      p.text(p.key("kubeconfig")),
		Context:         p.text(p.key("context")),

		MiniClusters: p.miniClusters(own),

		OperatorImage:      p.text(p.key("operatorImage")),
		AgentImage:         p.text(p.key("agentImage")),
		MetricsServer:      p.metrics(p.key("metricsServer")),
		MetricsServerImage: p.text(p.key("metricsServerImage")),
		QueueMetrics:       p.boolean(p.key("queueMetrics")),
		QueueMetricsImage:  p.text(p.key("queueMetricsImage")),

		ImagePullSecret:     components.Literal(own.ImagePullSecret),
		RegistryCredentials: credentials,

		EmptyPassphrase: emptyPassphrase,

		TakeOverCRD: p.boolean(p.key("takeOverCRD")),
	}
	p.refuseUnknown("gopherlocks:", "a key", given, p.known)
	return settings, errors.Join(append(p.errs, settings.validate()...)...)
}
