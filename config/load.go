package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumiconfig "github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// Load reads the settings of the running program's stack. Its error names
// every key that is malformed or out of bounds, with value and bound.
func Load(ctx *pulumi.Context) (Settings, error) {
	settings, err := parse(pulumiconfig.New(ctx, "").Get)
	if err == nil {
		err = settings.validate()
	}
	if err != nil {
		return Settings{}, fmt.Errorf("configuration of stack %s is not valid, so nothing was changed:\n%w", ctx.Stack(), err)
	}
	return settings, nil
}

// parse reads the settings from get, which answers "" for a key without value.
// Defaults are not its business: Pulumi fills them in from Pulumi.yaml.
func parse(get func(key string) string) (Settings, error) {
	p := parser{get: get}
	return Settings{
		ClusterProvider: p.text("clusterProvider"),
		ClusterName:     p.text("clusterName"),
		Kubeconfig:      p.text("kubeconfig"),
		Context:         p.text("context"),

		Name:                   p.text("name"),
		Namespace:              p.text("namespace"),
		Size:                   p.integer("size"),
		MinSize:                p.integer("minSize"),
		MaxSize:                p.integer("maxSize"),
		Autoscale:              p.boolean("autoscale"),
		CPUTarget:              p.integer("cpuTarget"),
		ScaleDownStabilization: p.integer("scaleDownStabilization"),
		Flux:                   p.boolean("flux"),
		Image:                  p.text("image"),
		Command:                p.text("command"),
		Resources:              p.resources("resources"),

		OperatorImage:      p.text("operatorImage"),
		AgentImage:         p.text("agentImage"),
		MetricsServer:      p.boolean("metricsServer"),
		MetricsServerImage: p.text("metricsServerImage"),
	}, errors.Join(p.errs...)
}

// parser collects what is wrong instead of stopping at the first error.
type parser struct {
	get  func(key string) string
	errs []error
}

func (p *parser) fail(key, value, want string) {
	p.errs = append(p.errs, fmt.Errorf("gopherlocks:%s: %q is not %s", key, value, want))
}

func (p *parser) text(key string) string { return p.get(key) }

func (p *parser) integer(key string) int {
	value := p.get(key)
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		p.fail(key, value, "a whole number of at most 32 bits")
	}
	return int(n)
}

func (p *parser) boolean(key string) bool {
	value := p.get(key)
	b, err := strconv.ParseBool(value)
	if err != nil {
		p.fail(key, value, "true or false")
	}
	return b
}

func (p *parser) resources(key string) Resources {
	value := p.get(key)
	if value == "" {
		return nil
	}
	var r Resources
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		p.fail(key, value, `an object such as {"requests": {"cpu": "100m"}}`)
	}
	return r
}
