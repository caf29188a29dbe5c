package components

import (
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// recorder is an engine that makes every resource at once, as it was asked for.
type recorder struct {
	mu    sync.Mutex
	asked map[string]resource.PropertyMap // inputs by type and name
	opts  map[string][]string             // ignored properties by type and name
}

func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := args.TypeToken + " " + args.Name
	r.asked[key] = args.Inputs
	r.opts[key] = args.RegisterRPC.GetIgnoreChanges()
	return args.Name + "-id", args.Inputs, nil
}

func (r *recorder) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	return resource.PropertyMap{}, nil
}

func declare(t *testing.T, program pulumi.RunFunc) *recorder {
	t.Helper()
	r := &recorder{asked: map[string]resource.PropertyMap{}, opts: map[string][]string{}}
	if err := pulumi.RunErr(program, pulumi.WithMocks("gopherlocks", "dev", r)); err != nil {
		t.Fatal(err)
	}
	return r
}

func sample(autoscale *AutoscaleArgs) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		_, err := NewMiniCluster(ctx, "sample", MiniClusterArgs{
			Name: "flux-sample", Namespace: "flux-operator", Size: 2, MinSize: 2, MaxSize: 4,
			Image:     pulumi.String("image"),
			Resources: map[string]map[string]string{"requests": {"cpu": "100m"}},
			Autoscale: autoscale,
		})
		return err
	}
}

const (
	miniClusterKey = "kubernetes:flux-framework.org/v1alpha2:MiniCluster sample"
	hpaKey         = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler sample-hpa"
)

func TestAutoscaledMiniClusterLeavesItsSizeToTheHPA(t *testing.T) {
	r := declare(t, sample(&AutoscaleArgs{CPUTarget: 50, ScaleDownStabilization: 30}))
	if ignored := r.opts[miniClusterKey]; len(ignored) != 1 || ignored[0] != "spec.size" {
		t.Errorf("ignored changes = %v, want spec.size", ignored)
	}
	cluster := r.asked[miniClusterKey].Mappable()
	spec := cluster["spec"].(map[string]any)
	if spec["size"] != 2.0 {
		t.Errorf("spec.size = %v: it must stay declared, as the size to begin with", spec["size"])
	}
	annotations := cluster["metadata"].(map[string]any)["annotations"].(map[string]any)
	if _, forced := annotations["pulumi.com/patchForce"]; forced {
		t.Error("an autoscaled MiniCluster forces its size on the HPA")
	}
	hpa := r.asked[hpaKey].Mappable()["spec"].(map[string]any)
	if hpa["minReplicas"] != 2.0 || hpa["maxReplicas"] != 4.0 {
		t.Errorf("HPA bounds = %v to %v, want the MiniCluster's 2 to 4", hpa["minReplicas"], hpa["maxReplicas"])
	}
}

func TestFixedMiniClusterTakesItsSizeBack(t *testing.T) {
	r := declare(t, sample(nil))
	if ignored := r.opts[miniClusterKey]; len(ignored) != 0 {
		t.Errorf("ignored changes = %v, want none", ignored)
	}
	if _, there := r.asked[hpaKey]; there {
		t.Error("a MiniCluster of fixed size has an HPA")
	}
	metadata := r.asked[miniClusterKey].Mappable()["metadata"].(map[string]any)
	if got := metadata["annotations"].(map[string]any)["pulumi.com/patchForce"]; got != "true" {
		t.Errorf("patchForce = %v, want true: somebody may have scaled meanwhile", got)
	}
}

func TestOperatorIsInstalledWithItsGeneratedManifests(t *testing.T) {
	r := declare(t, func(ctx *pulumi.Context) error {
		_, err := NewOperator(ctx, "operator", OperatorArgs{Image: pulumi.String("image"), AgentImage: pulumi.String("agent")})
		return err
	})
	for _, want := range []string{
		"kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition operator-customresourcedefinition",
		"kubernetes:rbac.authorization.k8s.io/v1:ClusterRole operator-clusterrole",
		"kubernetes:rbac.authorization.k8s.io/v1:Role operator-role",
		"kubernetes:apps/v1:Deployment operator",
	} {
		if _, ok := r.asked[want]; !ok {
			t.Errorf("%s is not declared", want)
		}
	}
	role := r.asked["kubernetes:rbac.authorization.k8s.io/v1:Role operator-role"].Mappable()["metadata"].(map[string]any)
	if role["namespace"] != operatorNamespace {
		t.Errorf("the Role is in namespace %v, want %s, where the operator is", role["namespace"], operatorNamespace)
	}
}

func TestManifestWithoutANameIsRefused(t *testing.T) {
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		_, err := newManifests(ctx, "nameless", []byte("apiVersion: v1\nkind: ConfigMap\n"), "")
		return err
	}, pulumi.WithMocks("gopherlocks", "dev", &recorder{}))
	if err == nil || !strings.Contains(err.Error(), "metadata.name") {
		t.Errorf("error = %v, want one that names metadata.name", err)
	}
}

func TestClusterIsNamedAfterStackAndFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	first, err := embeddedArgs("dev", "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := embeddedArgs("dev", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	elsewhere, err := embeddedArgs("dev", "")
	if err != nil {
		t.Fatal(err)
	}
	if first.Name != again.Name || first.Name == elsewhere.Name || !strings.HasPrefix(first.Name, "dev-") || len(first.Name) != len("dev-")+6 {
		t.Errorf("names = %q, again %q, elsewhere %q", first.Name, again.Name, elsewhere.Name)
	}
	if given, err := embeddedArgs("dev", "mine"); err != nil || given.Name != "mine" {
		t.Errorf("a given name became %+v, %v", given, err)
	}
}
