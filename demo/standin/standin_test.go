package standin

import (
	"reflect"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestRanksHaveFluxFromTheFolderAndTheRestFromTheNode(t *testing.T) {
	spec := v1alpha2.MiniClusterSpec{Size: 2, Containers: []v1alpha2.Container{{
		Command: "true", Volumes: map[string]v1alpha2.Volume{"room": {EmptyDir: true, Path: "/room"}},
	}}}
	resolve := func(path string) string { return map[string]string{"/usr": "/usr", "/bin": "/usr/bin"}[path] }
	m := MiniCluster("ns", "sample", spec, Place{Image: "any", Programs: "/home/programs", Resolve: resolve})
	if m.Namespace != "ns" || m.Name != "sample" || m.Kind != "MiniCluster" || m.APIVersion != "flux-framework.org/v1alpha2" {
		t.Errorf("%+v %+v", m.TypeMeta, m.ObjectMeta)
	}
	if s := m.Spec; s.Size != 2 || !s.Flux.Container.Disable || s.Flux.Environment["FLUX_STANDIN_DIR"] != "/stand-in/instance-sample" {
		t.Errorf("spec %+v", s)
	}
	rank := m.Spec.Containers[0]
	if rank.Command != "true" || rank.Image != "any" || rank.Environment["PATH"] != "/stand-in:/usr/bin:/bin" || rank.Resources.Requests.Cpu().IsZero() {
		t.Errorf("rank %+v", rank)
	}
	want := map[string]v1alpha2.Volume{
		"programs": {HostPath: "/home/programs", Path: "/stand-in"},
		"usr":      {HostPath: "/usr", Path: "/usr", ReadOnly: true},
		"bin":      {HostPath: "/usr/bin", Path: "/bin", ReadOnly: true},
		"room":     {EmptyDir: true, Path: "/room"},
	}
	for name, volume := range want {
		if !reflect.DeepEqual(rank.Volumes[name], volume) {
			t.Errorf("volume %s is %+v, want %+v", name, rank.Volumes[name], volume)
		}
	}
	if len(rank.Volumes) != len(want) {
		t.Errorf("volumes %v", rank.Volumes)
	}
}

func TestMiniClusterWithoutContainersGetsOne(t *testing.T) {
	m := MiniCluster("ns", "sample", v1alpha2.MiniClusterSpec{}, Place{Image: "any", Resolve: func(string) string { return "" }})
	if len(m.Spec.Containers) != 1 || m.Spec.Containers[0].Image != "any" {
		t.Errorf("containers %+v", m.Spec.Containers)
	}
}
