package policies

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

// declared is a resource that a test asks the program to register.
type declared struct {
	Type, Name string
	// Parent is the name of a resource before it.
	Parent string `json:",omitempty"`
	// Properties are its inputs, as JSON has them, and unknown or secret values.
	Properties    map[string]any
	IgnoreChanges []string `json:",omitempty"`
	// Component says that no provider takes it.
	Component bool `json:",omitempty"`
}

// Markers of values that JSON does not have.
const (
	markUnknown = "$unknown"
	markSecret  = "$secret"
)

// unknown is a value that no preview knows.
var unknown = map[string]any{markUnknown: true}

func secret(value any) map[string]any { return map[string]any{markSecret: value} }

// program registers the resources of the stack's configuration. The Kubernetes
// provider writes files instead of talking to a cluster.
func program(ctx *pulumi.Context) error {
	cfg := config.New(ctx, "")
	var resources []declared
	if err := json.Unmarshal([]byte(cfg.Require("resources")), &resources); err != nil {
		return fmt.Errorf("resources: %w", err)
	}
	provider, err := kubernetes.NewProvider(ctx, "files", &kubernetes.ProviderArgs{
		RenderYamlToDirectory: pulumi.String(cfg.Require("folder")),
	})
	if err != nil {
		return err
	}
	made := map[string]pulumi.Resource{}
	var last pulumi.Resource = provider
	for _, d := range resources {
		// One after the other, as they were given.
		opts := []pulumi.ResourceOption{pulumi.IgnoreChanges(d.IgnoreChanges), pulumi.DependsOn([]pulumi.Resource{last})}
		if parent := made[d.Parent]; parent != nil {
			opts = append(opts, pulumi.Parent(parent))
		}
		inputs := toInput(d.Properties, provider).(pulumi.Map)
		if d.Component {
			component := &pulumi.ResourceState{}
			made[d.Name] = component
			err = ctx.RegisterComponentResourceV2(d.Type, d.Name, inputs, component, opts...)
		} else {
			object := &pulumi.CustomResourceState{}
			made[d.Name] = object
			err = ctx.RegisterResource(d.Type, d.Name, inputs, object, append(opts, pulumi.Provider(provider))...)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		if !d.Component { // One that waits for a component waits for its own parent.
			last = made[d.Name]
		}
	}
	return nil
}

// toInput makes an input of a value in JSON. For unknown values it takes the ID of
// the provider: a preview does not know it until the provider exists.
func toInput(value any, provider *kubernetes.Provider) pulumi.Input {
	switch value := value.(type) {
	case map[string]any:
		if value[markUnknown] != nil {
			return provider.ID()
		}
		if hidden, ok := value[markSecret]; ok {
			return pulumi.ToSecret(toInput(hidden, provider)).(pulumi.Input)
		}
		all := pulumi.Map{}
		for key, item := range value {
			all[key] = toInput(item, provider)
		}
		return all
	case []any:
		var all pulumi.Array
		for _, item := range value {
			all = append(all, toInput(item, provider))
		}
		return all
	case nil:
		return pulumi.Map{}
	default:
		return pulumi.ToOutput(value)
	}
}
