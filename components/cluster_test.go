package components

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
)

const kubeconfig = `apiVersion: v1
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
	r := declare(t, func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Existing: &ExistingArgs{Kubeconfig: pulumi.String(kubeconfig), Context: "second"}})
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
	r.get(t, "gopherlocks:components:Cluster", "mine").want(t, map[string]any{"existing.context": "second"})
	provider := r.get(t, "pulumi:providers:kubernetes", "mine")
	provider.want(t, map[string]any{"enableServerSideApply": true})
	if given := provider.rpc.GetObject().GetFields()["kubeconfig"].GetStructValue().GetFields(); given == nil {
		t.Error("the provider's kubeconfig is not a secret")
	}
}

func TestEmbeddedClusterTakesItsObjectsWithIt(t *testing.T) {
	r := newRecorder()
	r.outputs["gopherlocks:index:EmbeddedCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": kubeconfig, "endpoint": "https://a:6443", "containerdAddress": "/run/it", "stateDir": "/var/lib/it",
	})
	if err := r.run(func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Embedded: &EmbeddedArgs{Name: "dev-1", KubeconfigFile: "/k"}})
		if err != nil {
			return err
		}
		_, err = NewMiniCluster(ctx, "sample", sample(), c.ResourceOptions()...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.get(t, "gopherlocks:components:Cluster", "mine").want(t, map[string]any{"embedded.name": "dev-1", "embedded.kubeconfigFile": "/k"})
	embedded := r.get(t, "gopherlocks:index:EmbeddedCluster", "mine")
	embedded.want(t, map[string]any{"name": "dev-1", "kubeconfigFile": "/k"})
	miniCluster := r.get(t, miniClusterType, "sample").rpc
	if with := miniCluster.GetDeletedWith(); !strings.HasSuffix(with, "EmbeddedCluster::mine") {
		t.Errorf("the MiniCluster goes with %q, want the cluster", with)
	}
	if provider := r.get(t, miniClusterObject, "sample").rpc.GetProvider(); !strings.Contains(provider, "kubernetes::mine::") {
		t.Errorf("the MiniCluster has provider %q, want the cluster's", provider)
	}
}

func TestClusterOfKindTakesItsObjectsAndImages(t *testing.T) {
	r := newRecorder()
	r.outputs["gopherlocks:index:KindCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": kubeconfig, "endpoint": "https://a:6443",
	})
	if err := r.run(func(ctx *pulumi.Context) error {
		c, err := NewCluster(ctx, "mine", ClusterArgs{Kind: &KindArgs{Name: "dev-1", KubeconfigFile: "/k", Workers: 2, NodeImage: "node"}})
		if err != nil {
			return err
		}
		if _, err := c.LoadImage(ctx, "image", "cluster_test.go"); err != nil {
			return err
		}
		_, err = NewMiniCluster(ctx, "sample", sample(), c.ResourceOptions()...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	made := r.get(t, "gopherlocks:index:KindCluster", "mine")
	made.want(t, map[string]any{"name": "dev-1", "kubeconfigFile": "/k", "workers": 2.0, "nodeImage": "node"})
	r.get(t, "gopherlocks:index:LocalImage", "image").want(t, map[string]any{"kindCluster": "dev-1"})
	if with := r.get(t, miniClusterType, "sample").rpc.GetDeletedWith(); !strings.HasSuffix(with, "KindCluster::mine") {
		t.Errorf("the MiniCluster goes with %q, want the cluster", with)
	}
}

func TestNodesOfKindSeeTheMounts(t *testing.T) {
	r := newRecorder()
	r.outputs["gopherlocks:index:KindCluster"] = resource.NewPropertyMapFromMap(map[string]any{
		"kubeconfig": kubeconfig, "endpoint": "https://a:6443",
	})
	if err := r.run(func(ctx *pulumi.Context) error {
		_, err := NewCluster(ctx, "mine", ClusterArgs{Kind: &KindArgs{
			Name: "dev-1", KubeconfigFile: "/k", Workers: 1,
			Mounts: []config.KindMount{{HostPath: "/srv/data", ContainerPath: "/data", ReadOnly: true}},
		}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	nodes, _ := r.get(t, "gopherlocks:index:KindCluster", "mine").at("nodes").([]any)
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
		mustRefuse(t, func(ctx *pulumi.Context) error {
			_, err := NewCluster(ctx, "mine", args)
			return err
		}, want)
	}
}
