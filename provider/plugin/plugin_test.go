package plugin

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blang/semver"
	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/integration"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/gopherlocks/gopherlocks/version"
)

// provider is the plugin as pulumi sees it.
type provider struct {
	*testing.T
	integration.Server
}

func newProvider(t *testing.T) provider {
	t.Helper()
	made, err := New()
	if err != nil {
		t.Fatal(err)
	}
	server, err := integration.NewServer(t.Context(), Name, semver.MustParse(version.Version), integration.WithProvider(made))
	if err != nil {
		t.Fatal(err)
	}
	return provider{t, server}
}

func urn(kind string) resource.URN {
	return resource.URN("urn:pulumi:test::gopherlocks::" + Name + ":index:" + kind + "::it")
}

func (s provider) check(kind string, inputs map[string]property.Value) p.CheckResponse {
	s.Helper()
	response, err := s.Check(p.CheckRequest{Urn: urn(kind), Inputs: property.NewMap(inputs)})
	if err != nil {
		s.Fatal(err)
	}
	return response
}

func TestClusterInputsAreCheckedBeforeAnythingIsMade(t *testing.T) {
	for _, test := range []struct {
		inputs map[string]property.Value
		want   string
	}{
		{map[string]property.Value{"name": property.New("Upper Case")}, "name"},
		{map[string]property.Value{"name": property.New("a"), "subnet": property.New("10.0.0.0")}, "subnet"},
		{map[string]property.Value{"name": property.New("a"), "subnet": property.New("10.0.0.0/30")}, "subnet"},
		{map[string]property.Value{"name": property.New("a"), "hpaSyncPeriodSeconds": property.New(0.0)}, "minimum"},
		{map[string]property.Value{"name": property.New("a"), "kubeconfigFile": property.New("kubeconfig")}, "absolute"},
		{map[string]property.Value{}, "name"},
	} {
		failures := newProvider(t).check("EmbeddedCluster", test.inputs).Failures
		if len(failures) != 1 || !strings.Contains(failures[0].Property+failures[0].Reason, test.want) {
			t.Errorf("%v: failures are %+v, want one about %s", test.inputs, failures, test.want)
		}
	}
}

func TestReservationHasTheIDOfItsCluster(t *testing.T) {
	server := newProvider(t)
	inputs := server.check("ClusterReservation", map[string]property.Value{"name": property.New("demo")}).Inputs
	response, err := server.Create(p.CreateRequest{Urn: urn("ClusterReservation"), Properties: inputs})
	if err != nil {
		t.Fatal(err)
	}
	if response.ID != "demo" {
		t.Errorf("the ID is %q", response.ID)
	}
	other := inputs.Set("name", property.New("other"))
	diff, err := server.Diff(p.DiffRequest{ID: response.ID, Urn: urn("ClusterReservation"), State: response.Properties, Inputs: other, OldInputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	if change := diff.DetailedDiff["name"]; change.Kind != p.UpdateReplace {
		t.Errorf("another name is %+v, want a replacement", diff)
	}
	if failures := server.check("ClusterReservation", map[string]property.Value{"name": property.New("Upper Case")}).Failures; len(failures) != 1 {
		t.Errorf("failures of a name that no cluster can have: %+v", failures)
	}
}

// Whoever holds a reservation deletes what there is of its name.
func TestReservationRefusesTheClusterOfAnother(t *testing.T) {
	root := t.TempDir()
	t.Setenv("XDG_STATE_HOME", root)
	for _, file := range []string{"demo/cluster.json", "gopherlocks/kind/demo.json"} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"phase": "creating", "kubeconfigFile": "/k"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := newProvider(t)
	for resource, more := range map[string]map[string]property.Value{
		"ClusterReservation":     {"stateRoot": property.New(root)},
		"KindClusterReservation": nil,
	} {
		reserve := func(name string, takeOver, preview bool) error {
			inputs := property.NewMap(more).Set("name", property.New(name)).Set("takeOver", property.New(takeOver))
			_, err := server.Create(p.CreateRequest{Urn: urn(resource), Properties: server.check(resource, inputs.AsMap()).Inputs, DryRun: preview})
			return err
		}
		for _, preview := range []bool{true, false} {
			err := reserve("demo", false, preview)
			if err == nil {
				t.Errorf("%s: the name of a cluster that is there is not refused (preview: %v)", resource, preview)
				continue
			}
			for _, want := range []string{"demo (its kubeconfig is /k)", "pulumi config set takeOverCluster demo", "clusterName NAME"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", resource, err, want)
				}
			}
			if err := reserve("demo", true, preview); err != nil {
				t.Errorf("%s: a cluster that is to be taken over: %v", resource, err)
			}
			if err := reserve("other", false, preview); err != nil {
				t.Errorf("%s: a free name: %v", resource, err)
			}
		}
	}
}

func TestFirstPreviewKnowsWhatFollowsFromTheName(t *testing.T) {
	server := newProvider(t)
	inputs := server.check("EmbeddedCluster", map[string]property.Value{"name": property.New("demo")}).Inputs
	response, err := server.Create(p.CreateRequest{Urn: urn("EmbeddedCluster"), Properties: inputs, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	want := property.New("/var/lib/gopherlocks/demo/containerd.sock")
	if got := response.Properties.Get("containerdAddress"); !got.Equals(want) {
		t.Errorf("containerdAddress is %v", got)
	}
	if got := response.Properties.Get("kubeconfig"); !got.IsComputed() || !got.Secret() {
		t.Errorf("kubeconfig is %v, neither unknown nor secret", got)
	}
}

func TestPreviewOfAnUpdateKnowsTheKubeconfig(t *testing.T) {
	server := newProvider(t)
	// No cluster on this machine has this folder.
	inputs := server.check("EmbeddedCluster", map[string]property.Value{
		"name": property.New("demo"), "stateRoot": property.New(t.TempDir()),
	}).Inputs
	const kubeconfig = "a kubeconfig"
	state := property.NewMap(map[string]property.Value{
		"name": property.New("demo"), "stateRoot": inputs.Get("stateRoot"), "subnet": property.New("10.200.0.0/16"),
		"kubeconfig": property.New(kubeconfig).WithSecret(true), "context": property.New(""), "endpoint": property.New(""),
		"kubernetesVersion": property.New(""), "nodeName": property.New(""), "stateDir": property.New("/s/demo"),
		"containerdAddress": property.New(""), "running": property.New(false),
	})
	response, err := server.Update(p.UpdateRequest{
		ID: "demo", Urn: urn("EmbeddedCluster"), State: state, Inputs: inputs.Set("hpaSyncPeriodSeconds", property.New(5.0)), DryRun: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Properties.Get("kubeconfig"); !got.IsString() || got.AsString() != kubeconfig {
		t.Errorf("the kubeconfig is %v: all that is in the cluster would be replaced", got)
	}
	for _, name := range []string{"running", "networkOpen"} {
		if got := response.Properties.Get(name); !got.Equals(property.New(true)) {
			t.Errorf("%s is %v after an update", name, got)
		}
	}
}

func TestDiffOfClusters(t *testing.T) {
	text := func(value string) *string { return &value }
	seconds := 5
	running := observation{exists: true, running: true}
	args := EmbeddedClusterArgs{Name: "a", StateRoot: "/s"}
	state := EmbeddedClusterState{Name: "a", StateRoot: "/s", Subnet: "10.200.0.0/16", Running: true}
	for name, test := range map[string]struct {
		change func(*EmbeddedClusterArgs, *observation)
		want   map[string]p.DiffKind
	}{
		"nothing":                               {func(*EmbeddedClusterArgs, *observation) {}, nil},
		"a name":                                {func(a *EmbeddedClusterArgs, _ *observation) { a.Name = "b" }, kinds("name", p.UpdateReplace)},
		"a state root":                          {func(a *EmbeddedClusterArgs, _ *observation) { a.StateRoot = "/t" }, kinds("stateRoot", p.UpdateReplace)},
		"the same state root in other words":    {func(a *EmbeddedClusterArgs, _ *observation) { a.StateRoot = "/t/../s/" }, nil},
		"the chosen subnet":                     {func(a *EmbeddedClusterArgs, _ *observation) { a.Subnet = text("10.200.0.0/16") }, nil},
		"a subnet":                              {func(a *EmbeddedClusterArgs, _ *observation) { a.Subnet = text("10.9.0.0/16") }, kinds("subnet", p.UpdateReplace)},
		"a folder with the same programs":       {func(a *EmbeddedClusterArgs, _ *observation) { a.BinDir = text("/clone") }, nil},
		"programs":                              {func(_ *EmbeddedClusterArgs, o *observation) { o.programsChanged = true }, kinds("binDir", p.Update)},
		"a kubeconfig":                          {func(a *EmbeddedClusterArgs, _ *observation) { a.KubeconfigFile = text("/k") }, kinds("kubeconfigFile", p.Update)},
		"a copy of the kubeconfig that is gone": {func(_ *EmbeddedClusterArgs, o *observation) { o.kubeconfigLost = true }, kinds("kubeconfigFile", p.Update)},
		"a period":                              {func(a *EmbeddedClusterArgs, _ *observation) { a.HPASyncPeriodSeconds = &seconds }, kinds("hpaSyncPeriodSeconds", p.Update)},
		"a node that died":                      {func(_ *EmbeddedClusterArgs, o *observation) { o.running = false }, kinds("running", p.Update)},
		"another network":                       {func(_ *EmbeddedClusterArgs, o *observation) { o.drift.NameServers = []string{"192.0.2.1"} }, kinds("nameServers", p.Update)},
		"lost firewall rules":                   {func(_ *EmbeddedClusterArgs, o *observation) { o.drift.NetworkClosed = true }, kinds("networkOpen", p.Update)},
		"a lost state":                          {func(_ *EmbeddedClusterArgs, o *observation) { *o = observation{} }, kinds("stateDir", p.UpdateReplace)},
	} {
		t.Run(name, func(t *testing.T) {
			changed, seen := args, running
			test.change(&changed, &seen)
			response := diffCluster(state, changed, seen)
			if response.HasChanges != (len(test.want) > 0) || len(response.DetailedDiff) != len(test.want) {
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

func kinds(property string, kind p.DiffKind) map[string]p.DiffKind {
	return map[string]p.DiffKind{property: kind}
}

func TestIDLeadsBackToTheCluster(t *testing.T) {
	for _, id := range []string{"demo", "/elsewhere/demo"} {
		ref := parseID(id)
		if got := buildID(ref); got != id || ref.Name != "demo" {
			t.Errorf("%s became %+v and then %s", id, ref, got)
		}
	}
}

func TestDeletedClusterReadsAsGone(t *testing.T) {
	response, err := newProvider(t).Read(p.ReadRequest{
		ID: filepath.Join(t.TempDir(), "none"), Urn: urn("EmbeddedCluster"),
	})
	if err != nil || response.ID != "" {
		t.Errorf("the ID is %q, the error %v", response.ID, err)
	}
}

func TestWhatOnlyTheStackKnowsIsNotImported(t *testing.T) {
	server := newProvider(t)
	text := func(value string) property.Value { return property.New(value) }
	for kind, outputs := range map[string]map[string]property.Value{
		"ClusterChoice":          {"clusterProvider": text("kind"), "reason": text("why")},
		"ClusterReservation":     {"name": text("demo"), "stateRoot": text("/s")},
		"KindClusterReservation": {"name": text("demo")},
		"LocalImage": {
			"containerdAddress": text(filepath.Join(t.TempDir(), "socket")), "repository": text("a"), "binarySha256": text("0"),
			"user": text("1:1"), "reference": text("a:b"), "digest": text("sha256:0"),
		},
	} {
		_, err := server.Read(p.ReadRequest{ID: "it", Urn: urn(kind)})
		if err == nil || !strings.Contains(err.Error(), "a "+kind+" cannot be imported") {
			t.Errorf("%s: the error of an import is %v", kind, err)
		}
		refreshed, err := server.Read(p.ReadRequest{ID: "it", Urn: urn(kind), Properties: property.NewMap(outputs)})
		if err != nil || refreshed.ID != "it" {
			t.Errorf("%s: a refresh finds %q (%v)", kind, refreshed.ID, err)
		}
	}
}

// image is a program's LocalImage in a containerd that is not there.
func (s provider) image(binary string) property.Map {
	s.Helper()
	file, err := asset.FromPath(binary)
	if err != nil {
		s.Fatal(err)
	}
	return s.check("LocalImage", map[string]property.Value{
		"containerdAddress": property.New(filepath.Join(s.TempDir(), "socket")),
		"repository":        property.New("localhost/test/app"),
		"binary":            property.New(file),
	}).Inputs
}

func writeBinary(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("\x7fELF"+content), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPreviewKnowsTheImagesReference(t *testing.T) {
	server := newProvider(t)
	response, err := server.Create(p.CreateRequest{
		Urn: urn("LocalImage"), Properties: server.image(writeBinary(t, "app", "1")), DryRun: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	reference, digest := response.Properties.Get("reference"), response.Properties.Get("digest")
	if reference.IsComputed() || digest.IsComputed() || !strings.HasPrefix(reference.AsString(), "localhost/test/app:") {
		t.Errorf("reference %v, digest %v", reference, digest)
	}
}

func TestOnlyTheContentOfABinaryMakesANewImage(t *testing.T) {
	server := newProvider(t)
	inputs := server.image(writeBinary(t, "app", "1"))
	created, err := server.Create(p.CreateRequest{Urn: urn("LocalImage"), Properties: inputs, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{"1": "", "2": "binary"} {
		file, err := asset.FromPath(writeBinary(t, "app", content))
		if err != nil {
			t.Fatal(err)
		}
		// As the engine does for a diff.
		file.Path = ""
		response, err := server.Diff(p.DiffRequest{
			ID: "it", Urn: urn("LocalImage"), State: created.Properties,
			Inputs: inputs.Set("binary", property.New(file)), OldInputs: inputs,
		})
		if err != nil {
			t.Fatal(err)
		}
		if response.HasChanges != (want != "") {
			t.Errorf("content %s: the diff is %+v", content, response)
		}
		if want != "" && response.DetailedDiff[want].Kind != p.UpdateReplace {
			t.Errorf("content %s: the diff is %+v, want a new image because of %s", content, response, want)
		}
	}
}

func TestMissingBinaryIsNamed(t *testing.T) {
	path := writeBinary(t, "app", "1")
	server := newProvider(t)
	inputs := server.image(path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := server.Create(p.CreateRequest{Urn: urn("LocalImage"), Properties: inputs, DryRun: true})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the error is %v", err)
	}
}

// TestUpdatesKeepTheWayToTheCluster: if the preview of an update did not know the
// kubeconfig, all that is in the cluster would show as replaced.
func TestUpdatesKeepTheWayToTheCluster(t *testing.T) {
	text := func(value string) property.Value { return property.New(value) }
	state := map[string]property.Value{
		"name": text("demo"), "stateRoot": text("/s"), "subnet": text("10.200.0.0/16"), "nodeImage": text("node"), "workers": property.New(2.0),
		"waitSeconds": property.New(300.0), "kubeconfig": text("content").WithSecret(true), "context": text("demo"), "endpoint": text("https://a"),
		"kubernetesVersion": text("v1.37.2"), "nodeName": text("demo"), "stateDir": text("/s/demo"), "containerdAddress": text("/s/demo/c"),
		"running": property.New(true), "nodeNames": property.New([]property.Value{text("demo-control-plane")}),
	}
	for resource, others := range map[string][]string{
		"EmbeddedCluster": {"nodeImage", "workers", "waitSeconds", "nodeNames"},
		"KindCluster":     {"stateRoot", "subnet", "nodeName", "stateDir", "containerdAddress"},
	} {
		had := maps.Clone(state)
		for _, other := range others {
			delete(had, other)
		}
		server := newProvider(t)
		given := map[string]property.Value{"name": text("demo"), "kubeconfigFile": text("/k")}
		if resource == "KindCluster" {
			given["workers"] = property.New(2.0)
		} else {
			given["stateRoot"] = text("/s")
		}
		inputs := server.check(resource, given).Inputs
		updated, err := server.Update(p.UpdateRequest{ID: "demo", Urn: urn(resource), State: property.NewMap(had), Inputs: inputs, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, output := range []string{"kubeconfig", "endpoint", "context"} {
			if got := updated.Properties.Get(output); got.IsComputed() || output == "kubeconfig" && !got.Secret() {
				t.Errorf("%s: %s is %v in the preview of an update", resource, output, got)
			}
		}
	}
}
