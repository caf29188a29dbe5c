package plugin

import (
	"os"
	"path/filepath"
	"testing"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// docker plays the command line of a Docker with the containers of one kind
// cluster. It is a folder with a file for each container, which says whether it
// runs.
type docker struct {
	*testing.T
	folder string
}

const dockerProgram = `#!/bin/sh
containers=$(dirname "$0")/../containers
runs() { grep -q true "$containers/$1" || { echo "container $1 is not running" >&2; exit 1; }; }
name=; for name; do :; done
case "$*" in
-v) echo Docker version 28 ;;
info*) echo '{"ID": "a"}' ;;
ps\ *) ls "$containers" ;;
*x-k8s.kind.role*)
	case "$name" in
	*-control-plane*) echo control-plane ;;
	*-worker*) echo worker ;;
	*) echo external-load-balancer ;;
	esac ;;
container\ inspect\ *)
	echo '[{"Config": {"Image": "kindest/node:v1.37.0"}, "State": {"Running": '"$(cat "$containers/$name")"', "StartedAt": "2026-11-26T01:00:00Z"}}]' ;;
*desktop.docker.io*) echo ;;
*NetworkSettings*) runs "$name"; printf '127.0.0.1\t6443\n' ;;
exec\ *)
	[ "$2" = --privileged ] && shift
	runs "$2"
	case "$*" in
	*'cat /kind/version') echo v1.37.0 ;;
	*'test -f /etc/kubernetes/admin.conf') ;;
	*'cat /etc/kubernetes/admin.conf') echo '{
		"clusters": [{"name": "a", "cluster": {"server": "https://a"}}], "users": [{"name": "a", "user": {"token": "t"}}],
		"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "current-context": "a"}' ;;
	*) echo "not played: $*" >&2; exit 1 ;;
	esac ;;
*) echo "not played: $*" >&2; exit 1 ;;
esac
`

// newDocker puts a Docker on PATH, with containers that run.
func newDocker(t *testing.T, containers ...string) docker {
	t.Helper()
	root := t.TempDir()
	bin, folder := filepath.Join(root, "bin"), filepath.Join(root, "containers")
	for _, dir := range []string{bin, folder} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(dockerProgram), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("KIND_EXPERIMENTAL_PROVIDER", "docker")
	t.Setenv("XDG_STATE_HOME", filepath.Join(root, "state"))
	made := docker{t, folder}
	for _, container := range containers {
		made.set(container, "true")
	}
	return made
}

// set says whether a container runs.
func (d docker) set(container, runs string) {
	d.Helper()
	if err := os.WriteFile(filepath.Join(d.folder, container), []byte(runs+"\n"), 0o644); err != nil {
		d.Fatal(err)
	}
}

func (d docker) remove(container string) {
	d.Helper()
	if err := os.Remove(filepath.Join(d.folder, container)); err != nil {
		d.Fatal(err)
	}
}

// read is what a refresh does, or an import where there are no inputs yet.
func (s provider) read(kind, id string, inputs, state property.Map) p.ReadResponse {
	s.Helper()
	response, err := s.Read(p.ReadRequest{ID: id, Urn: urn(kind), Inputs: inputs, Properties: state})
	if err != nil {
		s.Fatal(err)
	}
	return response
}

func (s provider) diff(kind string, read p.ReadResponse) p.DiffResponse {
	s.Helper()
	response, err := s.Diff(p.DiffRequest{
		ID: read.ID, Urn: urn(kind), State: read.Properties, Inputs: read.Inputs, OldInputs: read.Inputs,
	})
	if err != nil {
		s.Fatal(err)
	}
	return response
}

func TestNodeLostBeforeARefreshIsReplaced(t *testing.T) {
	list := property.New([]property.Value{
		property.New(map[string]property.Value{"role": property.New("worker")}),
		property.New(map[string]property.Value{"role": property.New("control-plane")}),
		property.New(map[string]property.Value{"role": property.New("worker")}),
	})
	for name, asked := range map[string]map[string]property.Value{
		"counted": {"workers": property.New(2.0)},
		"listed":  {"nodes": list},
		"kind's own configuration": {"rawConfig": property.New(
			"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: worker}, {role: control-plane}, {role: worker}]\n")},
		"imported": nil,
	} {
		t.Run(name, func(t *testing.T) {
			engine := newDocker(t, "demo-control-plane", "demo-worker", "demo-worker2")
			server := newProvider(t)
			var inputs property.Map
			if asked != nil {
				asked["name"] = property.New("demo")
				inputs = server.check("KindCluster", asked).Inputs
			}
			made := server.read("KindCluster", "demo", inputs, property.Map{})
			if diff := server.diff("KindCluster", made); diff.HasChanges {
				t.Fatalf("of a whole cluster the diff is %+v", diff)
			}
			engine.remove("demo-worker2")
			// The second refresh finds what the first one has stored.
			for range 2 {
				made = server.read("KindCluster", "demo", made.Inputs, made.Properties)
				diff := server.diff("KindCluster", made)
				if len(diff.DetailedDiff) != 1 || diff.DetailedDiff["nodeNames"].Kind != p.UpdateReplace {
					t.Errorf("the diff is %+v, want a new cluster", diff)
				}
			}
		})
	}
}

func TestControlPlanesAndTheirLoadBalancerAreMissed(t *testing.T) {
	needed := []string{"demo-control-plane", "demo-control-plane2", "demo-external-load-balancer"}
	engine := newDocker(t, needed...)
	server := newProvider(t)
	whole := server.read("KindCluster", "demo", property.Map{}, property.Map{})
	if diff := server.diff("KindCluster", whole); diff.HasChanges {
		t.Fatalf("of a whole cluster the diff is %+v", diff)
	}
	require := func(happened, name string, want p.DiffKind) {
		t.Helper()
		refreshed := server.read("KindCluster", "demo", whole.Inputs, whole.Properties)
		if got := refreshed.Properties.Get("kubeconfig"); !got.Equals(whole.Properties.Get("kubeconfig")) {
			t.Errorf("%s: a refresh finds the kubeconfig %v", happened, got)
		}
		if diff := server.diff("KindCluster", refreshed); len(diff.DetailedDiff) != 1 || diff.DetailedDiff[name].Kind != want {
			t.Errorf("%s: the diff is %+v, want %s to be a reason to %s", happened, diff, name, want)
		}
	}
	for _, container := range needed {
		engine.set(container, "false")
		require(container+" is stopped", "running", p.Update)
		engine.remove(container)
		require(container+" is gone", "nodeNames", p.UpdateReplace)
		engine.set(container, "true")
	}
}

func TestImportedKubeconfigOfKindIsSecret(t *testing.T) {
	newDocker(t, "demo-control-plane")
	server := newProvider(t)
	read := server.read("KindCluster", "demo", property.Map{}, property.Map{})
	server.requireSecretKubeconfig(read.Properties)
	// And stays so, without being wrapped once more.
	again := server.read("KindCluster", "demo", read.Inputs, read.Properties)
	server.requireSecretKubeconfig(again.Properties)
	if !again.Properties.Get("kubeconfig").Equals(read.Properties.Get("kubeconfig")) {
		t.Errorf("a refresh makes %v of %v", again.Properties.Get("kubeconfig"), read.Properties.Get("kubeconfig"))
	}
}

func (s provider) requireSecretKubeconfig(outputs property.Map) {
	s.Helper()
	for name, value := range outputs.All {
		if isKubeconfig := name == "kubeconfig"; value.Secret() != isKubeconfig {
			s.Errorf("%s is secret: %t, want %t", name, value.Secret(), isKubeconfig)
		}
	}
	if got := outputs.Get("kubeconfig"); !got.IsString() || got.AsString() == "" {
		s.Errorf("the kubeconfig is %v", got)
	}
}
