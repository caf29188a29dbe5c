package components

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

const aliceContexts = `apiVersion: v1
kind: Config
current-context: first
clusters:
- {name: a, cluster: {server: https://a:6443}}
- {name: b, cluster: {server: https://b:6443}}
contexts:
- {name: first, context: {cluster: a, user: alice}}
- {name: second, context: {cluster: b, user: alice}}
users:
- {name: alice, user: {token: secret}}
`

func TestExistingClusterIsReachedByItsContext(t *testing.T) {
	r := componentstest.Declare(t, func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Existing: &ExistingArgs{Kubeconfig: pulumi.String(aliceContexts), Context: "second"}})
		if err != nil {
			return err
		}
		c.Endpoint.ApplyT(func(endpoint string) error {
			if endpoint != "https://b:6443" {
				t.Errorf("endpoint = %q", endpoint)
			}
			return nil
		})
		c.Kubeconfig.ApplyT(func(content string) error {
			if !strings.Contains(content, "current-context: second") {
				t.Errorf("the kubeconfig's readers get another context:\n%s", content)
			}
			return nil
		})
		if _, err := c.LoadImage(ctx, "image", "program"); err == nil {
			t.Error("an image was loaded onto a cluster that is not ours")
		}
		return nil
	})
	r.Get(t, "gopherlocks:components:Cluster", "mine").Want(t, map[string]any{"existing.context": "second"})
	provider := r.Get(t, "pulumi:providers:kubernetes", "mine")
	provider.Want(t, map[string]any{"enableServerSideApply": true})
	if given := provider.RPC.GetObject().GetFields()["kubeconfig"].GetStructValue().GetFields(); given == nil {
		t.Error("the provider's kubeconfig is not a secret")
	}
}

func TestEmbeddedClusterTakesItsObjectsWithIt(t *testing.T) {
	r := componentstest.NewRecorder()
	r.Outputs["gopherlocks:index:EmbeddedCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": aliceContexts, "endpoint": "https://a:6443", "containerdAddress": "/run/it", "stateDir": "/var/lib/it",
	})
	if err := r.Run(func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Embedded: &EmbeddedArgs{Name: "dev-1", KubeconfigFile: "/k"}})
		if err != nil {
			return err
		}
		_, err = NewMiniCluster(ctx, "sample", sample(), c.ResourceOptions()...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.Get(t, "gopherlocks:components:Cluster", "mine").Want(t, map[string]any{"embedded.name": "dev-1", "embedded.kubeconfigFile": "/k"})
	embedded := r.Get(t, "gopherlocks:index:EmbeddedCluster", "mine")
	embedded.Want(t, map[string]any{"name": "dev-1", "kubeconfigFile": "/k"})
	miniCluster := r.Get(t, MiniClusterType, "sample").RPC
	if with := miniCluster.GetDeletedWith(); !strings.HasSuffix(with, "EmbeddedCluster::mine") {
		t.Errorf("the MiniCluster goes with %q, want the cluster", with)
	}
	if provider := r.Get(t, miniClusterObject, "sample").RPC.GetProvider(); !strings.Contains(provider, "kubernetes::mine::") {
		t.Errorf("the MiniCluster has provider %q, want the cluster's", provider)
	}
}

func TestClusterOfKindTakesItsObjectsAndImages(t *testing.T) {
	r := componentstest.NewRecorder()
	r.Outputs["gopherlocks:index:KindCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": aliceContexts, "endpoint": "https://a:6443",
	})
	if err := r.Run(func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Kind: &KindArgs{Name: "dev-1", KubeconfigFile: "/k", Workers: 2, NodeImage: "node"}})
		if err != nil {
			return err
		}
		if _, err = c.LoadImage(ctx, "image", "cluster_test.go"); err != nil {
			return err
		}
		_, err = NewMiniCluster(ctx, "sample", sample(), c.ResourceOptions()...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	made := r.Get(t, "gopherlocks:index:KindCluster", "mine")
	made.Want(t, map[string]any{"name": "dev-1", "kubeconfigFile": "/k", "workers": 2.0, "nodeImage": "node"})
	r.Get(t, "gopherlocks:index:LocalImage", "image").Want(t, map[string]any{"kindCluster": "dev-1"})
	if with := r.Get(t, MiniClusterType, "sample").RPC.GetDeletedWith(); !strings.HasSuffix(with, "KindCluster::mine") {
		t.Errorf("the MiniCluster goes with %q, want the cluster", with)
	}
}

func TestNodesOfKindSeeTheMounts(t *testing.T) {
	r := componentstest.NewRecorder()
	r.Outputs["gopherlocks:index:KindCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": aliceContexts, "endpoint": "https://a:6443",
	})
	if err := r.Run(func(ctx *pulumi.Context) error {
		_, err := NewCluster(ctx, "mine", ClusterArgs{Kind: &KindArgs{
			Name: "dev-1", KubeconfigFile: "/k", Workers: 1,
			Mounts: []KindMount{{HostPath: "/srv/data", ContainerPath: "/data", ReadOnly: true}},
		}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	nodes, _ := r.Get(t, "gopherlocks:index:KindCluster", "mine").At("nodes").([]any)
	mounts := []any{map[string]any{"hostPath": "/srv/data", "containerPath": "/data", "readOnly": true}}
	want := []any{
		map[string]any{"role": "control-plane", "extraMounts": mounts},
		map[string]any{"role": "worker", "extraMounts": mounts},
	}
	if !reflect.DeepEqual(nodes, want) {
		t.Errorf("nodes = %v, want %v", nodes, want)
	}
}

func TestClusterComesFromOnePlace(t *testing.T) {
	for want, args := range map[string]ClusterArgs{
		"give exactly one of Embedded, Kind and Existing": {},
		"Kind and Existing":                      {Embedded: &EmbeddedArgs{Name: "a", KubeconfigFile: "b"}, Existing: &ExistingArgs{Kubeconfig: pulumi.String("c")}},
		"embedded: give name and kubeconfigFile": {Embedded: &EmbeddedArgs{Name: "a"}},
		"kind: give name and kubeconfigFile":     {Kind: &KindArgs{Name: "a"}},
		"existing: kubeconfig is not set":        {Existing: &ExistingArgs{}},
	} {
		componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
			_, err := NewCluster(ctx, "mine", args)
			return err
		}, want)
	}
}
