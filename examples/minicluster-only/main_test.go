package main

import (
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// engine makes every resource at once, as it was asked for.
type engine struct {
	mu       sync.Mutex
	declared map[string]resource.PropertyMap // inputs by type and name
}

func (e *engine) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.declared[args.TypeToken+" "+args.Name] = args.Inputs
	return args.Name + "-id", args.Inputs, nil
}

func (e *engine) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

func TestProgramDeclaresAMiniClusterAndItsAutoscalerOnly(t *testing.T) {
	e := &engine{declared: map[string]resource.PropertyMap{}}
	inContext := func(run *pulumi.RunInfo) { run.Config = map[string]string{"minicluster-only:context": "mine"} }
	if err := pulumi.RunErr(declare, pulumi.WithMocks("minicluster-only", "test", e), inContext); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"pulumi:providers:kubernetes cluster",
		"kubernetes:core/v1:Namespace simulations",
		"gopherlocks:components:MiniCluster simulation",
		"kubernetes:flux-framework.org/v1alpha2:MiniCluster simulation",
		"kubernetes:autoscaling/v2:HorizontalPodAutoscaler simulation-hpa",
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
