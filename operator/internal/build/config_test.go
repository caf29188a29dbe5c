package build

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func toldConfig(t *testing.T, mc *api.MiniCluster, size, maximum int32) agentapi.Config {
	t.Helper()
	config, err := agentConfig(mc, size, maximum)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func TestModeOfTheLead(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(*api.MiniClusterSpec)
		mode   agentapi.Mode
		text   string
	}{
		{"a command", func(*api.MiniClusterSpec) {}, agentapi.ModeSubmit, "run it"},
		{"launcher", func(s *api.MiniClusterSpec) { s.Containers[0].Launcher = true }, agentapi.ModeLauncher, "run it"},
		{"batch", func(s *api.MiniClusterSpec) { s.Containers[0].Batch = true }, agentapi.ModeBatch, "run it"},
		{"a script", func(s *api.MiniClusterSpec) {
			s.Containers[0].Batch, s.Containers[0].Commands.Script = true, "script"
		}, agentapi.ModeBatch, "script"},
		{"a script without command", func(s *api.MiniClusterSpec) {
			s.Containers[0] = api.Container{Image: "i", Batch: true, Commands: api.Commands{Script: "script"}}
		}, agentapi.ModeBatch, "script"},
		{"no command", func(s *api.MiniClusterSpec) { s.Containers[0].Command = "" }, agentapi.ModeInteractive, ""},
		{"interactive", func(s *api.MiniClusterSpec) { s.Interactive = true }, agentapi.ModeInteractive, "run it"},
		{"interactive with batch", func(s *api.MiniClusterSpec) {
			s.Interactive, s.Containers[0].Batch = true, true
		}, agentapi.ModeInteractive, "run it"},
	} {
		config := toldConfig(t, with(sample(), c.change), 2, 4)
		if config.Mode != c.mode || config.Command != c.text {
			t.Errorf("%s: mode %s, command %q, want %s, %q", c.what, config.Mode, config.Command, c.mode, c.text)
		}
	}
}

func TestTasksAreSpreadOverAllRanksWhenTheySuffice(t *testing.T) {
	for _, c := range []struct {
		mode             agentapi.Mode
		tasks, size      int32
		nodes, wantTasks int32
	}{
		{agentapi.ModeSubmit, 0, 4, 4, 0},
		{agentapi.ModeBatch, 0, 1, 1, 0},
		{agentapi.ModeSubmit, 1, 1, 0, 1},
		{agentapi.ModeSubmit, 1, 4, 0, 1},
		{agentapi.ModeSubmit, 3, 4, 0, 3},
		{agentapi.ModeSubmit, 4, 4, 4, 4},
		{agentapi.ModeSubmit, 9, 4, 4, 9},
		{agentapi.ModeSubmit, 2, 1, 1, 2},
		{agentapi.ModeBatch, 4, 4, 4, 4},
		{agentapi.ModeLauncher, 4, 4, 0, 0},
		{agentapi.ModeInteractive, 4, 4, 0, 0},
	} {
		if nodes, tasks := spread(c.mode, c.tasks, c.size); nodes != c.nodes || tasks != c.wantTasks {
			t.Errorf("%s of %d tasks on %d ranks: -N %d -n %d, want -N %d -n %d", c.mode, c.tasks, c.size, nodes, tasks, c.nodes, c.wantTasks)
		}
	}
}

func TestCoresAreTheLimitOrElseTheRequestRoundedUp(t *testing.T) {
	list := func(cpu string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	}
	for _, c := range []struct {
		resources api.Resources
		want      int32
	}{
		{api.Resources{}, 0},
		{api.Resources{Requests: list("1500m")}, 2},
		{api.Resources{Requests: list("100m")}, 1},
		{api.Resources{Requests: list("1"), Limits: list("3")}, 3},
		{api.Resources{Limits: list("3100m")}, 4},
		{api.Resources{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}, Requests: list("2")}, 2},
	} {
		if got := cores(c.resources); got != c.want {
			t.Errorf("cores(%s) = %d, want %d", encode(t, c.resources), got, c.want)
		}
	}
}

func TestDefaultsOfWhatRanksAreTold(t *testing.T) {
	config := toldConfig(t, sample(), 2, 4)
	equal(t, "hosts", config.Hosts, "sample-[0-3]")
	equal(t, "log level", config.LogLevel, int32(6))
	equal(t, "grace", config.GraceSeconds, int64(30))
	equal(t, "view", config.ViewPath, "/mnt/flux")
	equal(t, "state folder", config.StateDir, "/var/lib/gopherlocks/flux")
	if !strings.Contains(config.BrokerConfig, `host = "sample-[0-3]"`) {
		t.Errorf("broker configuration %s", config.BrokerConfig)
	}
	quiet := toldConfig(t, with(sample(), func(s *api.MiniClusterSpec) { s.Flux.LogLevel = ptr.To[int32](0) }), 2, 4)
	equal(t, "log level", quiet.LogLevel, int32(0))
	without := toldConfig(t, with(sample(), func(s *api.MiniClusterSpec) { s.Flux.Container.Disable = true }), 2, 4)
	equal(t, "view", without.ViewPath, "")
}

func TestBrokersFindTheLeadInTheServiceThatIsChosen(t *testing.T) {
	config := toldConfig(t, with(sample(), func(s *api.MiniClusterSpec) { s.Network.HeadlessName = "net" }), 2, 4)
	if !strings.Contains(config.BrokerConfig, "%h.net:%p") {
		t.Errorf("broker configuration %s", config.BrokerConfig)
	}
}

// TestKubernetesLeavesTheConfigurationAsItIs undoes what the kubelet does to a
// variable's value: $$ becomes $.
func TestKubernetesLeavesTheConfigurationAsItIs(t *testing.T) {
	const command = `echo $$ $(hostname) "$HOME" $$$$ <in >out && true`
	mc := with(sample(), func(s *api.MiniClusterSpec) { s.Containers[0].Command = command })
	value, err := configValue(mc, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(value, "$")%2 != 0 || strings.Contains(strings.ReplaceAll(value, "$$", ""), "$") {
		t.Errorf("a single dollar sign in %s", value)
	}
	var config agentapi.Config
	if err := json.Unmarshal([]byte(strings.ReplaceAll(value, "$$", "$")), &config); err != nil {
		t.Fatal(err)
	}
	equal(t, "command", config.Command, command)
}

func TestConfigurationThatIsTooLongNamesTheLongestField(t *testing.T) {
	mc := with(sample(), func(s *api.MiniClusterSpec) {
		s.Containers[0].Commands.Init = strings.Repeat("i", 1000)
		s.Containers[0].Commands.BrokerPre = strings.Repeat("b", configLimit)
		s.Flux.BrokerConfig = strings.Repeat("c", 2000)
	})
	_, err := Job(mc, 2, 4, settings())
	mustRefuse(t, err, "containers[0].commands.brokerPre", "120000 bytes")
}
