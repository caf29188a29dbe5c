package build

import (
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestWhatMeansSomethingElseIsRefused(t *testing.T) {
	rank := func(change func(*api.Container)) func(*api.MiniClusterSpec) {
		return func(s *api.MiniClusterSpec) { change(&s.Containers[0]) }
	}
	plain := func(change func(*api.Container)) func(*api.MiniClusterSpec) {
		return func(s *api.MiniClusterSpec) {
			s.Flux.Enabled = ptr.To(false)
			change(&s.Containers[0])
		}
	}
	beside := func(change func(*api.Container)) func(*api.MiniClusterSpec) {
		return func(s *api.MiniClusterSpec) {
			s.Containers[0].RunFlux = true
			c := api.Container{Name: "beside", Image: "i", Command: "x"}
			change(&c)
			s.Containers = append(s.Containers, c)
		}
	}
	services := func(change func(*api.Container)) func(*api.MiniClusterSpec) {
		return func(s *api.MiniClusterSpec) {
			c := api.Container{Name: "db", Image: "i", Command: "x"}
			change(&c)
			s.Services = []api.Container{c}
		}
	}
	volume := func(name, path string) func(*api.Container) {
		return func(c *api.Container) { c.Volumes = map[string]api.Volume{name: {Path: path, EmptyDir: true}} }
	}
	for _, c := range []struct {
		change func(*api.MiniClusterSpec)
		texts  []string
	}{
		{func(s *api.MiniClusterSpec) { s.Containers = nil }, []string{"containers: there is none"}},
		{func(s *api.MiniClusterSpec) { s.Pod.HostPID, s.ShareProcessNamespace = true, true }, []string{"shareProcessNamespace: true", "pod.hostPID: true"}},
		{func(s *api.MiniClusterSpec) { s.Flux.CurveCert = "x" }, []string{"flux.curveCert: CURVE certificate: line 1"}},

		{func(s *api.MiniClusterSpec) {
			s.Flux.Enabled, s.Interactive, s.Tasks, s.Archive.Path = ptr.To(false), true, ptr.To[int32](4), "/archive.tgz"
		}, []string{"interactive: true: there is no instance", "tasks: 4: each rank", "archive: there is no instance", "flux.enabled: false"}},
		{rank(func(c *api.Container) { c.Ports = []int32{80, 8051} }), []string{"containers[0].ports: port 8051", "8050 to 8052"}},
		{rank(func(c *api.Container) { c.Name = "gopherlocks-agent" }), []string{`containers[0].name: the name "gopherlocks-agent"`}},
		{rank(func(c *api.Container) { c.Name = "flux-view" }), []string{`containers[0].name: the name "flux-view"`, "flux.container"}},
		{func(s *api.MiniClusterSpec) { s.Flux.Container.Name = "sample" }, []string{`containers[0].name: the name "sample" is taken by flux.container`}},
		{rank(volume("Data", "/data")), []string{"containers[0].volumes[Data]:", "DNS label"}},
		{rank(volume("gopherlocks-x", "/data")), []string{"containers[0].volumes[gopherlocks-x]:", "are ours"}},
		{rank(volume("v", "/gopherlocks/")), []string{"containers[0].volumes[v].path: /gopherlocks/ is taken by the operator"}},
		{rank(volume("v", "/etc/gopherlocks/secret")), []string{"volumes[v].path:"}},
		{rank(volume("v", "/var/lib/gopherlocks")), []string{"volumes[v].path:"}},
		{rank(volume("v", "/mnt/flux")), []string{"volumes[v].path:", "flux.container.mountPath"}},
		{rank(func(c *api.Container) {
			c.Volumes = map[string]api.Volume{"a": {Path: "/x", EmptyDir: true}, "b": {Path: "/x", EmptyDir: true}}
		}), []string{"containers[0].volumes[b].path: /x is taken by the volume a"}},

		{plain(func(c *api.Container) { c.Launcher = true }), []string{"containers[0].launcher:"}},
		{plain(func(c *api.Container) { c.Batch = true }), []string{"containers[0].batch:"}},
		{plain(volume("v", "/gopherlocks")), []string{"volumes[v].path:"}},

		{beside(func(c *api.Container) { c.Name = "sample" }), []string{`containers[1].name: the name "sample"`}},
		{beside(func(c *api.Container) { c.Name = "" }), []string{`containers[1].name: the container needs a name`}},
		{beside(func(c *api.Container) { c.Ports = []int32{8050} }), []string{"containers[1].ports: port 8050"}},
		{beside(func(c *api.Container) { c.Commands.Script = "x" }), []string{"containers[1].commands.script:"}},

		{services(func(c *api.Container) { c.Batch = true }), []string{"services[0].batch:"}},
	} {
		mc := with(sample(), c.change)
		_, err := Job(mc, 1, 1, settings())
		if err == nil {
			_, err = ServicesPod(mc)
		}
		mustRefuse(t, err, c.texts...)
	}
}

func TestServicesNeedAHostName(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Services = []api.Container{{Name: "db", Image: "i"}} })
	mc.Name = strings.Repeat("a", 54)
	if err := Check(mc); err != nil {
		t.Errorf("54 characters: %v", err)
	}
	mc.Name += "a"
	mustRefuse(t, Check(mc), "services:", "64 characters", "at most 63")
	mc.Spec.Services = nil
	if err := Check(mc); err != nil {
		t.Errorf("without services: %v", err)
	}
}

func TestCertificateMeansNothingWithoutFlux(t *testing.T) {
	mc := with(plainSample(), func(s *api.MiniClusterSpec) { s.Flux.CurveCert = "x" })
	if err := Check(mc); err != nil {
		t.Error(err)
	}
}

func TestPortsOfTheAgentAreFreeWithoutFlux(t *testing.T) {
	mc := with(plainSample(), func(s *api.MiniClusterSpec) { s.Containers[0].Ports = []int32{8050} })
	if err := Check(mc); err != nil {
		t.Error(err)
	}
}

func TestAllThatIsWrongIsTold(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Flux.CurveCert = "none"
		s.Containers[0].Ports = []int32{8051}
	})
	mustRefuse(t, Check(mc), "flux.curveCert", "containers[0].ports")
}
