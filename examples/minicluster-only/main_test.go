package main

import (
	"reflect"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/policies/rules"
)

// engine makes every resource at once, as it was asked for.
type engine struct {
	mu       sync.Mutex
	declared map[string]resource.PropertyMap // inputs by type and name
	stack    rules.Stack                     // the same, as policies see it
}

func (e *engine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.declared[args.TypeToken+" "+args.Name] = args.Inputs
	e.stack.Resources = append(e.stack.Resources, rules.Resource{
		URN: args.TypeToken + " " + args.Name, Type: args.TypeToken, Inputs: args.Inputs.Mappable(), IgnoreChanges: args.RegisterRPC.GetIgnoreChanges(),
	})
	return args.Name + "-id", args.Inputs, nil
}

func (e *engine) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// run runs the program, which must succeed.
func run(t *testing.T) *engine {
	t.Helper()
	e := &engine{declared: map[string]resource.PropertyMap{}}
	inContext := func(run *pulumi.RunInfo) { run.Config = map[string]string{"minicluster-only:context": "mine"} }
	if err := pulumi.RunErr(declare, pulumi.WithMocks("minicluster-only", "test", e), inContext); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestPoliciesHaveNothingAgainstIt, as they are without any configuration.
func TestPoliciesHaveNothingAgainstIt(t *testing.T) {
	stack := run(t).stack
	stack.Complete = true
	for _, rule := range rules.All() {
		for _, finding := range rule.Run(stack, nil) {
			t.Errorf("%s: %s: %s", rule.Name, finding.URN, finding.Message)
		}
	}
}

func TestProgramDeclaresAMiniClusterThatItsQueueScalesOnly(t *testing.T) {
	e := run(t)
	spec, _ := e.declared["kubernetes:flux-framework.org/v1alpha2:MiniCluster simulation"].Mappable()["spec"].(map[string]any)
	if want := map[string]any{"queue": map[string]any{"idleSeconds": 120.0}}; !reflect.DeepEqual(spec["autoscaling"], any(want)) {
		t.Errorf("spec.autoscaling = %v, want %v", spec["autoscaling"], want)
	}
	for _, want := range []string{
		"pulumi:providers:kubernetes cluster",
		"kubernetes:core/v1:Namespace simulations",
		"gopherlocks:components:MiniCluster simulation",
		"kubernetes:flux-framework.org/v1alpha2:MiniCluster simulation",
	} {
		if _, ok := e.declared[want]; !ok {
			t.Errorf("%s is not declared", want)
		}
		delete(e.declared, want)
	}
	for other := range e.declared {
		t.Errorf("%s is declared too", other)
	}
}
