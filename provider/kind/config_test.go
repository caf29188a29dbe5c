package kind

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

func mustConfig(t *testing.T, spec Spec) *v1alpha4.Cluster {
	t.Helper()
	config, err := spec.config()
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestSmallestSpecIsOneControlPlane(t *testing.T) {
	config := mustConfig(t, Spec{Name: "demo"})
	if len(config.Nodes) != 1 || config.Nodes[0].Role != v1alpha4.ControlPlaneRole || config.Nodes[0].Image != DefaultNodeImage {
		t.Errorf("the nodes are %+v", config.Nodes)
	}
}

func TestNodesAreNamedAsKindDoes(t *testing.T) {
	spec := Spec{Name: "demo", Nodes: []Node{{Role: ControlPlane}, {Role: Worker}, {Role: ControlPlane}, {Role: Worker}}}
	got, err := spec.NodeNames()
	want := []string{"demo-control-plane", "demo-worker", "demo-control-plane2", "demo-worker2"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

func TestWhatIsAskedForReachesKind(t *testing.T) {
	config := mustConfig(t, Spec{
		Name: "demo", NodeImage: "mine", FeatureGates: map[string]bool{"Gate": true},
		Nodes: []Node{{Role: ControlPlane}, {
			Role: Worker, Labels: map[string]string{"disk": "fast"},
			ExtraMounts:  []Mount{{HostPath: "/a", ContainerPath: "/b", ReadOnly: true}},
			PortMappings: []PortMapping{{ContainerPort: 80, HostPort: 8080, ListenAddress: "127.0.0.1", Protocol: "udp"}},
		}},
	})
	worker := config.Nodes[1]
	if worker.Image != "mine" || worker.Labels["disk"] != "fast" || !config.FeatureGates["Gate"] {
		t.Errorf("got %+v", config)
	}
	if mount := worker.ExtraMounts[0]; mount.HostPath != "/a" || mount.ContainerPath != "/b" || !mount.Readonly {
		t.Errorf("the mount is %+v", mount)
	}
	want := v1alpha4.PortMapping{ContainerPort: 80, HostPort: 8080, ListenAddress: "127.0.0.1", Protocol: "UDP"}
	if got := worker.ExtraPortMappings[0]; got != want {
		t.Errorf("the mapping is %+v", got)
	}
}

func TestTaintsKeepKubernetesOwnOnControlPlanes(t *testing.T) {
	taint := Taint{Key: "dedicated", Value: "hpc", Effect: "NoExecute"}
	config := mustConfig(t, Spec{Name: "demo", Nodes: []Node{
		{Role: ControlPlane, Taints: []Taint{taint}}, {Role: Worker, Taints: []Taint{taint}},
	}})
	control, worker := config.Nodes[0].KubeadmConfigPatches, config.Nodes[1].KubeadmConfigPatches
	if len(control) != 2 || len(worker) != 1 {
		t.Fatalf("patches of the control plane: %q, of the worker: %q", control, worker)
	}
	for _, patch := range control {
		if !strings.Contains(patch, "dedicated") || !strings.Contains(patch, controlPlaneTaint.Key) {
			t.Errorf("the control plane's patch is %s", patch)
		}
	}
	if !strings.Contains(worker[0], "kind: JoinConfiguration") || strings.Contains(worker[0], controlPlaneTaint.Key) {
		t.Errorf("the worker's patch is %s", worker[0])
	}
}

const rawTwoNodes = `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  podSubnet: 10.1.0.0/16
nodes:
- role: control-plane
  image: mine:v1.30.0
- role: worker
`

func TestRawConfigIsTakenWhole(t *testing.T) {
	config := mustConfig(t, Spec{Name: "demo", RawConfig: rawTwoNodes})
	if config.Networking.PodSubnet != "10.1.0.0/16" || len(config.Nodes) != 2 || config.Name != "demo" {
		t.Errorf("got %+v", config)
	}
	if config.Nodes[0].Image != "mine:v1.30.0" || config.Nodes[1].Image != DefaultNodeImage {
		t.Errorf("the images are %s and %s", config.Nodes[0].Image, config.Nodes[1].Image)
	}
}

func TestUnusableSpecsAreRefused(t *testing.T) {
	node := func(change func(*Node)) Spec {
		worker := Node{Role: Worker}
		change(&worker)
		return Spec{Name: "demo", Nodes: []Node{{Role: ControlPlane}, worker}}
	}
	for name, test := range map[string]struct {
		spec Spec
		want string
	}{
		"a name with capitals":     {Spec{Name: "Demo"}, `name "Demo"`},
		"a long name":              {Spec{Name: strings.Repeat("a", maxNameLength+1)}, "1 to 50"},
		"a relative kubeconfig":    {Spec{Name: "demo", KubeconfigFile: "here"}, "absolute"},
		"a negative wait":          {Spec{Name: "demo", Wait: -1}, "negative"},
		"an old image":             {Spec{Name: "demo", NodeImage: "kindest/node:v1.29.6@sha256:00"}, "at least 1.30"},
		"workers only":             {Spec{Name: "demo", Nodes: []Node{{Role: Worker}}}, "control-plane"},
		"an unknown role":          {node(func(n *Node) { n.Role = "master" }), `nodes[1]: role "master"`},
		"a relative mount":         {node(func(n *Node) { n.ExtraMounts = []Mount{{HostPath: "a", ContainerPath: "/a"}} }), `hostPath "a"`},
		"no port":                  {node(func(n *Node) { n.PortMappings = []PortMapping{{HostPort: 80}} }), "containerPort 0"},
		"a port too high":          {node(func(n *Node) { n.PortMappings = []PortMapping{{ContainerPort: 1, HostPort: 70000}} }), "hostPort 70000"},
		"an unknown protocol":      {node(func(n *Node) { n.PortMappings = []PortMapping{{ContainerPort: 1, Protocol: "http"}} }), `"http"`},
		"a taint without a key":    {node(func(n *Node) { n.Taints = []Taint{{Effect: "NoSchedule"}} }), "taints[0] has no key"},
		"a taint's unknown effect": {node(func(n *Node) { n.Taints = []Taint{{Key: "a", Effect: "Never"}} }), `effect "Never"`},
		"raw config and nodes":     {Spec{Name: "demo", RawConfig: rawTwoNodes, Nodes: []Node{{Role: ControlPlane}}}, "belong in it"},
		"raw config, unknown key":  {Spec{Name: "demo", RawConfig: rawTwoNodes + "node: 1\n"}, "field node not found"},
		"raw config, old version":  {Spec{Name: "demo", RawConfig: "kind: Cluster\napiVersion: v1alpha3\n"}, "v1alpha3"},
		"raw config, other name":   {Spec{Name: "demo", RawConfig: rawTwoNodes + "name: other\n"}, `"other"`},
	} {
		if err := test.spec.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want %q in it", name, err, test.want)
		}
	}
}

func TestDigestIsThatOfTheNodes(t *testing.T) {
	digest := func(spec Spec) string {
		t.Helper()
		digest, err := spec.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	plain := digest(Spec{Name: "demo"})
	for name, same := range map[string]Spec{
		"the default spelled out": {Name: "demo", NodeImage: DefaultNodeImage, Nodes: []Node{{Role: ControlPlane}}},
		"another wait":            {Name: "demo", Wait: 1},
		"another kubeconfig":      {Name: "demo", KubeconfigFile: "/k"},
		"the same, raw":           {Name: "demo", RawConfig: "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"},
	} {
		if digest(same) != plain {
			t.Errorf("%s makes another cluster", name)
		}
	}
	for name, other := range map[string]Spec{
		"name":         {Name: "other"},
		"image":        {Name: "demo", NodeImage: "mine"},
		"nodes":        {Name: "demo", Nodes: []Node{{Role: ControlPlane}, {Role: Worker}}},
		"feature gate": {Name: "demo", FeatureGates: map[string]bool{"Gate": false}},
	} {
		if digest(other) == plain {
			t.Errorf("another %s makes the same cluster", name)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"v1.37.0": DefaultNodeImage,
		"1.37.0":  DefaultNodeImage,
		"v1.30.0": "kindest/node:v1.30.0",
		"v1.40.1": "kindest/node:v1.40.1",
		"v1.34":   "no patch version",
		"1.29.15": "at least 1.30",
		"2.0.0":   "is not a version",
		"latest":  "is not a version",
	} {
		image, err := ImageOfVersion(version)
		if got := errorOr(err, image); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestTagOfAnImage(t *testing.T) {
	for image, want := range map[string]string{
		"kindest/node:v1.34.3@sha256:0": "v1.34.3",
		"registry:5000/node":            "",
		"registry:5000/node:mine":       "mine",
		"node@sha256:0":                 "",
	} {
		if got := imageTag(image); got != want {
			t.Errorf("%s: got %q, want %q", image, got, want)
		}
	}
}

func TestPatchesOfRawConfigCountMoreThanOurs(t *testing.T) {
	config := &v1alpha4.Cluster{KubeadmConfigPatches: []string{"kind: KubeletConfiguration\nfailCgroupV1: true\n"}}
	takeCgroupV1(config)
	if got := config.KubeadmConfigPatches; len(got) != 2 || !strings.Contains(got[0], "failCgroupV1: false") || !strings.Contains(got[1], "true") {
		t.Errorf("the patches are %q", got)
	}
}

// TestDefaultNodeImageIsKinds: kind's library is tested with it.
func TestDefaultNodeImageIsKinds(t *testing.T) {
	if DefaultNodeImage != defaults.Image {
		t.Errorf("it is %s, and kind's is %s", DefaultNodeImage, defaults.Image)
	}
}
