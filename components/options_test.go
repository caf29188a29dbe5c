package components

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

type owner struct{ pulumi.ResourceState }

// TestComponentsHonourResourceOptions gives each component every option, and
// looks at what reaches the component and its parts.
func TestComponentsHonourResourceOptions(t *testing.T) {
	for token, c := range map[string]struct {
		part    string // one of its parts
		declare func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error
	}{
		"gopherlocks:components:MiniCluster": {miniClusterObject + " it", func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
			_, err := NewMiniCluster(ctx, "it", sample(), opts...)
			return err
		}},
		"gopherlocks:components:Operator": {"kubernetes:apps/v1:Deployment it", func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
			_, err := NewOperator(ctx, "it", OperatorArgs{Image: pulumi.String("image"), AgentImage: pulumi.String("agent")}, opts...)
			return err
		}},
		"gopherlocks:components:MetricsServer": {"kubernetes:apps/v1:Deployment it", func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
			_, err := NewMetricsServer(ctx, "it", MetricsServerArgs{Image: pulumi.String("image")}, opts...)
			return err
		}},
		"gopherlocks:components:QueueMetrics": {"kubernetes:apps/v1:Deployment it", func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
			_, err := NewQueueMetrics(ctx, "it", QueueMetricsArgs{Image: pulumi.String("image")}, opts...)
			return err
		}},
		"gopherlocks:components:Cluster": {"pulumi:providers:kubernetes it", func(ctx *pulumi.Context, opts ...pulumi.ResourceOption) error {
			_, err := NewCluster(ctx, "it", ClusterArgs{Existing: &ExistingArgs{Kubeconfig: pulumi.String(aliceContexts)}}, opts...)
			return err
		}},
	} {
		t.Run(token, func(t *testing.T) {
			r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
				parent := &owner{}
				if err := ctx.RegisterComponentResource("test:index:Owner", "parent", parent); err != nil {
					return err
				}
				provider, err := kubernetes.NewProvider(ctx, "provider", nil)
				if err != nil {
					return err
				}
				first, err := corev1.NewNamespace(ctx, "first", nil)
				if err != nil {
					return err
				}
				return c.declare(ctx, pulumi.Parent(parent), pulumi.Provider(provider), pulumi.DependsOn([]pulumi.Resource{first}),
					pulumi.Aliases([]pulumi.Alias{{Name: pulumi.String("former")}}), pulumi.Protect(true), pulumi.DeletedWith(first))
			})
			component := r.Get(t, token, "it").RPC
			if !strings.HasSuffix(component.GetParent(), "::parent") {
				t.Errorf("parent = %q", component.GetParent())
			}
			if dependencies := strings.Join(component.GetDependencies(), " "); !strings.Contains(dependencies, "::first") {
				t.Errorf("dependencies = %q", dependencies)
			}
			if former := r.Get(t, token, "it").FormerNames(); len(former) != 1 || former[0] != "former" {
				t.Errorf("former names = %q", former)
			}
			if !component.GetProtect() || !strings.HasSuffix(component.GetDeletedWith(), "::first") {
				t.Errorf("protect %t, deleted with %q", component.GetProtect(), component.GetDeletedWith())
			}
			part := r.Asked[c.part].RPC
			if part == nil {
				t.Fatalf("no %s is declared, but %v", c.part, r.Keys())
			}
			// What the engine does not hand down from parent to child must be here.
			if !part.GetProtect() || !strings.HasSuffix(part.GetParent(), token+"::it") {
				t.Errorf("its part has protect %t and parent %q", part.GetProtect(), part.GetParent())
			}
			if provider := part.GetProvider(); !strings.HasPrefix(c.part, "pulumi:providers") && !strings.Contains(provider, "::provider::") {
				t.Errorf("its part has provider %q", provider)
			}
		})
	}
}
