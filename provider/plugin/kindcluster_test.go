package plugin

import (
	"strings"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

func TestKindInputsAreCheckedBeforeAnythingIsMade(t *testing.T) {
	with := func(inputs map[string]property.Value) map[string]property.Value {
		inputs["name"] = property.New("demo")
		return inputs
	}
	worker := property.New(map[string]property.Value{"role": property.New("worker")})
	for _, test := range []struct {
		inputs map[string]property.Value
		want   string
	}{
		{map[string]property.Value{}, "name"},
		{map[string]property.Value{"name": property.New("Upper Case")}, `name "Upper Case"`},
		{with(map[string]property.Value{"kubernetesVersion": property.New("v1.29.0")}), "at least 1.30"},
		{with(map[string]property.Value{"nodeImage": property.New("kindest/node:v1.29.0")}), "at least 1.30"},
		{with(map[string]property.Value{"nodeImage": property.New("a"), "kubernetesVersion": property.New("v1.30.0")}), "either nodeImage"},
		{with(map[string]property.Value{"controlPlanes": property.New(0.0)}), "minimum of 1"},
		{with(map[string]property.Value{"workers": property.New(-1.0)}), "minimum of 0"},
		{with(map[string]property.Value{"waitSeconds": property.New(-1.0)}), "minimum of 0"},
		{with(map[string]property.Value{"workers": property.New(1.0), "nodes": property.New([]property.Value{worker})}), "either the list"},
		{with(map[string]property.Value{"nodes": property.New([]property.Value{worker})}), "none of the 1"},
		{with(map[string]property.Value{"workers": property.New(1.0), "rawConfig": property.New("a: b")}), "its own list"},
		{with(map[string]property.Value{"rawConfig": property.New("a: b")}), "field a not found"},
		{with(map[string]property.Value{"kubeconfigFile": property.New("kubeconfig")}), "absolute"},
	} {
		failures := newProvider(t).check("KindCluster", test.inputs).Failures
		if len(failures) != 1 || !strings.Contains(failures[0].Property+": "+failures[0].Reason, test.want) {
			t.Errorf("%v: failures are %+v, want one about %s", test.inputs, failures, test.want)
		}
	}
}

func TestFirstPreviewKnowsTheNodesOfKind(t *testing.T) {
	t.Setenv(stackcluster.NodeImageVariable, "mine:v1.37.2")
	server := newProvider(t)
	inputs := server.check("KindCluster", map[string]property.Value{
		"name": property.New("demo"), "workers": property.New(2.0),
	}).Inputs
	response, err := server.Create(p.CreateRequest{Urn: urn("KindCluster"), Properties: inputs, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Properties.Get("context"); !got.Equals(property.New("kind-demo")) {
		t.Errorf("context is %v", got)
	}
	want := property.New([]property.Value{
		property.New("demo-control-plane"), property.New("demo-worker"), property.New("demo-worker2"),
	})
	if got := response.Properties.Get("nodeNames"); !got.Equals(want) {
		t.Errorf("nodeNames is %v", got)
	}
	if got := response.Properties.Get("kubeconfig"); !got.IsComputed() || !got.Secret() {
		t.Errorf("kubeconfig is %v, neither unknown nor secret", got)
	}
}

func TestDiffOfKindClusters(t *testing.T) {
	t.Setenv(stackcluster.NodeImageVariable, "")
	ptr := func(n int) *int { return &n }
	text := func(value string) *string { return &value }
	args := KindClusterArgs{Name: "demo", Workers: ptr(1), WaitSeconds: 300}
	state := copyInputs(args, KindClusterState{
		NodeImage: "kindest/node:v1.33.7", KubernetesVersion: "v1.33.7", NodeNames: []string{"demo-control-plane", "demo-worker"}, Running: true,
	})
	list := []KindNode{{Role: "control-plane"}, {Role: "worker"}}
	labeled := []KindNode{{Role: "control-plane"}, {Role: "worker", Labels: map[string]string{"a": "b"}}}
	type change = func(*KindClusterArgs, *kindObservation)
	for name, test := range map[string]struct {
		change change
		want   map[string]p.DiffKind
	}{
		"nothing, though the default image is another": {func(*KindClusterArgs, *kindObservation) {}, nil},
		"the image that was chosen":                    {func(a *KindClusterArgs, _ *kindObservation) { a.NodeImage = text("kindest/node:v1.33.7") }, nil},
		"the image, as an engine completes it":         {func(a *KindClusterArgs, _ *kindObservation) { a.NodeImage = text("docker.io/kindest/node:v1.33.7") }, nil},
		"the version that runs":                        {func(a *KindClusterArgs, _ *kindObservation) { a.KubernetesVersion = text("1.33.7") }, nil},
		"the same nodes, as a list":                    {func(a *KindClusterArgs, _ *kindObservation) { a.Workers, a.Nodes = nil, list }, nil},
		"another wait":                                 {func(a *KindClusterArgs, _ *kindObservation) { a.WaitSeconds = 1 }, nil},
		"a name":                                       {func(a *KindClusterArgs, _ *kindObservation) { a.Name = "other" }, kinds("name", p.UpdateReplace)},
		"an image":                                     {func(a *KindClusterArgs, _ *kindObservation) { a.NodeImage = text("mine") }, kinds("nodeImage", p.UpdateReplace)},
		"a version":                                    {func(a *KindClusterArgs, _ *kindObservation) { a.KubernetesVersion = text("v1.37.0") }, kinds("kubernetesVersion", p.UpdateReplace)},
		"workers":                                      {func(a *KindClusterArgs, _ *kindObservation) { a.Workers = ptr(2) }, kinds("workers", p.UpdateReplace)},
		"feature gates":                                {func(a *KindClusterArgs, _ *kindObservation) { a.FeatureGates = map[string]bool{"A": true} }, kinds("featureGates", p.UpdateReplace)},
		"a kubeconfig":                                 {func(a *KindClusterArgs, _ *kindObservation) { a.KubeconfigFile = text("/k") }, kinds("kubeconfigFile", p.Update)},
		"stopped nodes":                                {func(_ *KindClusterArgs, o *kindObservation) { o.running = false }, kinds("running", p.Update)},
		"a node that is gone":                          {func(_ *KindClusterArgs, o *kindObservation) { o.lost = []string{"demo-worker"} }, kinds("nodeNames", p.UpdateReplace)},
		"a cluster that is gone":                       {func(_ *KindClusterArgs, o *kindObservation) { *o = kindObservation{} }, kinds("nodeNames", p.UpdateReplace)},
		"a label": {
			func(a *KindClusterArgs, _ *kindObservation) { a.Workers, a.Nodes = nil, labeled },
			map[string]p.DiffKind{"workers": p.UpdateReplace, "nodes": p.UpdateReplace},
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed, seen := args, kindObservation{exists: true, running: true}
			test.change(&changed, &seen)
			response, err := diffKind(state, changed, seen)
			if err != nil {
				t.Fatal(err)
			}
			if response.HasChanges != (len(test.want) > 0) || len(response.DetailedDiff) != len(test.want) || !response.DeleteBeforeReplace {
				t.Fatalf("the diff is %+v, want %v", response, test.want)
			}
			for property, kind := range test.want {
				if got := response.DetailedDiff[property].Kind; got != kind {
					t.Errorf("%s: %q, want %q", property, got, kind)
				}
			}
		})
	}
}

func TestImportedKindClusterIsNoChange(t *testing.T) {
	found := kind.Cluster{
		Name: "demo", KubernetesVersion: "v1.37.0", Context: "kind-demo", Endpoint: "https://127.0.0.1:1", Kubeconfig: []byte("k"),
		Containers: []kind.NodeStatus{
			{Name: "demo-external-load-balancer", Running: true, Image: "envoy"},
			{Name: "demo-control-plane", Role: kind.ControlPlane, Image: "node", Running: true},
			{Name: "demo-worker", Role: kind.Worker, Image: "node", Running: true},
		},
	}
	args := importKind(found)
	if *args.ControlPlanes != 1 || *args.Workers != 1 || *args.NodeImage != "node" {
		t.Fatalf("the inputs are %+v", args)
	}
	state := kindState(args, KindClusterState{}, found)
	response, err := diffKind(state, args, kindObservation{exists: true, running: true})
	if err != nil || response.HasChanges {
		t.Errorf("the diff is %+v (%v)", response, err)
	}
}

func TestReservationOfKindLeavesAloneWhatIsNotOurs(t *testing.T) {
	// Nothing is remembered there, and no engine is on PATH.
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	server := newProvider(t)
	inputs := server.check("KindClusterReservation", map[string]property.Value{"name": property.New("demo")}).Inputs
	response, err := server.Create(p.CreateRequest{Urn: urn("KindClusterReservation"), Properties: inputs})
	if err != nil || response.ID != "demo" {
		t.Fatalf("the ID is %q (%v)", response.ID, err)
	}
	if err := server.Delete(p.DeleteRequest{ID: "demo", Urn: urn("KindClusterReservation"), Properties: response.Properties}); err != nil {
		t.Error(err)
	}
}

func TestStoppedClusterKeepsItsKubeconfig(t *testing.T) {
	before := KindClusterState{Kubeconfig: "k", Endpoint: "e", KubernetesVersion: "v1.37.0"}
	found := kind.Cluster{Name: "demo", Context: "kind-demo", Containers: []kind.NodeStatus{{Name: "demo-control-plane", Role: kind.ControlPlane}}}
	state := kindState(KindClusterArgs{Name: "demo"}, before, found)
	if state.Running || state.Kubeconfig != "k" || state.Endpoint != "e" || state.KubernetesVersion != "v1.37.0" {
		t.Errorf("the state is %+v", state)
	}
}

func TestImageNeedsOnePlaceToBeLoadedInto(t *testing.T) {
	server := newProvider(t)
	inputs := server.image(writeBinary(t, "app", "1")).AsMap()
	delete(inputs, "containerdAddress")
	if failures := server.check("LocalImage", inputs).Failures; len(failures) != 1 {
		t.Errorf("without a place: failures are %+v", failures)
	}
	inputs["kindCluster"] = property.New("demo")
	if failures := server.check("LocalImage", inputs).Failures; len(failures) != 0 {
		t.Errorf("with one: failures are %+v", failures)
	}
	inputs["containerdAddress"] = property.New("/socket")
	if failures := server.check("LocalImage", inputs).Failures; len(failures) != 1 {
		t.Errorf("with two: failures are %+v", failures)
	}
}
