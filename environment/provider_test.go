package environment

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// chosen declares the choice of a stack and returns what the program goes on
// with.
func chosen(t *testing.T, s config.Settings, env map[string]string, answer string) (config.Settings, componentstest.Registration, error) {
	t.Helper()
	r := componentstest.NewRecorder()
	if answer != "" {
		r.Outputs[componentstest.ClusterChoice] = resource.NewPropertyMapFromMap(map[string]any{"clusterProvider": answer})
	}
	var got config.Settings
	err := r.Run(func(ctx *pulumi.Context) (err error) {
		got, _, _, err = chooseTarget(ctx, s, func(name string) string { return env[name] })
		return err
	})
	return got, r.Asked[componentstest.ClusterChoice+" cluster"], err
}

func onOneMiniCluster(provider string) config.Settings {
	return config.Settings{ClusterProvider: provider, MiniClusters: []config.MiniCluster{described("a", "b")}}
}

func TestChoiceOfAClusterIsAskedForOnce(t *testing.T) {
	for name, c := range map[string]struct {
		configured string
		env        map[string]string
		want       map[string]any
	}{
		"nobody says": {"auto", nil, map[string]any{"wish": "auto", "proposal": nil, "reason": nil}},
		"the tools are kind's": {
			"auto",
			map[string]string{stackcluster.ProposalVariable: "kind", stackcluster.ProposalReasonVariable: "it works"},
			map[string]any{"wish": "auto", "proposal": "kind", "reason": "it works"},
		},
		// Of another stack, whose environment is still in the shell.
		"the tools are another's": {"auto", map[string]string{stackcluster.ProposalVariable: "existing"}, map[string]any{"wish": "auto", "proposal": nil}},
		"make was told":           {"auto", map[string]string{stackcluster.CommandVariable: "kind", stackcluster.ProposalVariable: "kind"}, map[string]any{"wish": "kind", "reason": "CLUSTER says so"}},
		"make was told auto":      {"auto", map[string]string{stackcluster.CommandVariable: "auto", stackcluster.ProposalVariable: "embedded"}, map[string]any{"wish": "auto", "proposal": "embedded"}},
		"it is configured": {
			"embedded",
			map[string]string{stackcluster.ProposalVariable: "kind"},
			map[string]any{"wish": "embedded", "proposal": nil, "reason": "the configuration of stack dev says so"},
		},
		"both say the same": {"embedded", map[string]string{stackcluster.CommandVariable: "embedded"}, map[string]any{"wish": "embedded"}},
	} {
		got, asked, err := chosen(t, onOneMiniCluster(c.configured), c.env, "kind")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ClusterProvider != "kind" {
			t.Errorf("%s: the program goes on with %q, not with the answer", name, got.ClusterProvider)
		}
		folder, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		c.want["recordFile"] = filepath.Join(folder, ".gopherlocks/clusterProvider.dev")
		for _, key := range slices.Sorted(maps.Keys(c.want)) {
			if asked.At(key) != c.want[key] {
				t.Errorf("%s: %s = %v, want %v", name, key, asked.At(key), c.want[key])
			}
		}
	}
}

func TestCommandAgainstTheConfigurationIsRefused(t *testing.T) {
	_, asked, err := chosen(t, onOneMiniCluster("embedded"), map[string]string{stackcluster.CommandVariable: "kind"}, "")
	if err == nil || !strings.Contains(err.Error(), "CLUSTER=kind, and the configuration of stack dev says clusterProvider embedded") || asked.Inputs != nil {
		t.Errorf("%v, %v", err, asked.Inputs)
	}
}

// TestCommandThatCannotBeDeclaresNothing: what is declared becomes what the stack has,
// and the next make up would go on with it.
func TestCommandThatCannotBeDeclaresNothing(t *testing.T) {
	on := config.Settings{
		ClusterProvider: "auto", OperatorImage: "o", AgentImage: "a", Kubeconfig: "/nowhere/kubeconfig",
		MiniClusters: []config.MiniCluster{described("a", "b")},
	}
	for name, c := range map[string]struct {
		settings config.Settings
		command  string
		want     string
	}{
		"no images":                {onOneMiniCluster("auto"), "existing", "gopherlocks:operatorImage: is not set"},
		"no kubeconfig":            {on, "existing", "gopherlocks:kubeconfig: give the path"},
		"a kubeconfig for nothing": {on, "kind", "gopherlocks:kubeconfig: "},
	} {
		t.Run(name, func(t *testing.T) {
			componentstest.MustRefuse(t, func(ctx *pulumi.Context) error {
				_, _, _, err := chooseTarget(ctx, c.settings, func(name string) string { return map[string]string{stackcluster.CommandVariable: c.command}[name] })
				return err
			}, c.want, "CLUSTER="+c.command+" cannot be, and stack dev keeps the cluster that it has (leave CLUSTER out")
		})
	}
}

// TestClusterKeepsTheNameOfItsChoice: the proposal is another one in another folder.
func TestClusterKeepsTheNameOfItsChoice(t *testing.T) {
	r := componentstest.NewRecorder()
	r.Outputs[componentstest.ClusterChoice] = resource.NewPropertyMapFromMap(map[string]any{"clusterProvider": "embedded", "clusterName": "dev-former"})
	s := onOneMiniCluster("auto")
	s.OperatorImage, s.AgentImage, s.MetricsServer = "operator", "agent", "skip"
	t.Chdir(t.TempDir())
	if err := r.Run(func(ctx *pulumi.Context) error {
		_, err := New(ctx, s)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	asked := r.Get(t, componentstest.ClusterChoice, "cluster")
	asked.Want(t, map[string]any{"nameProposal": proposeName("dev", folder), "clusterName": nil})
	r.Get(t, "gopherlocks:index:EmbeddedCluster", "cluster").Want(t, map[string]any{
		"name": "dev-former", "kubeconfigFile": filepath.Join(folder, ".gopherlocks/kubeconfig.dev"),
	})
	r.Get(t, "gopherlocks:index:ClusterReservation", "cluster").Want(t, map[string]any{"name": "dev-former"})

	s.ClusterName = "mine"
	if _, asked, err := chosen(t, s, nil, "embedded"); err != nil || asked.At("clusterName") != "mine" {
		t.Errorf("a name that is configured is asked for as %v (%v)", asked.At("clusterName"), err)
	}
}

func TestOnlyTheNamedClusterIsTakenOver(t *testing.T) {
	t.Chdir(t.TempDir())
	for provider, reservation := range map[string]string{
		"embedded": "gopherlocks:index:ClusterReservation", "kind": "gopherlocks:index:KindClusterReservation",
	} {
		for named, want := range map[string]bool{"": false, "dev-other": false, "dev-former": true} {
			r := componentstest.NewRecorder()
			r.Outputs[componentstest.ClusterChoice] = resource.NewPropertyMapFromMap(map[string]any{"clusterProvider": provider, "clusterName": "dev-former"})
			s := onOneMiniCluster(provider)
			s.OperatorImage, s.AgentImage, s.MetricsServer, s.TakeOverCluster = "operator", "agent", "skip", named
			if err := r.Run(func(ctx *pulumi.Context) error {
				_, err := New(ctx, s)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			r.Get(t, reservation, "cluster").Want(t, map[string]any{"name": "dev-former", "takeOver": want})
		}
	}
}

func TestClusterIsNamedAfterStackAndFolder(t *testing.T) {
	for stack, want := range map[string]string{
		"dev":                   "dev-",
		"feature_x":             "feature-x-",
		"Team.A":                "team-a-",
		"_":                     "stack-",
		strings.Repeat("a", 90): strings.Repeat("a", 33) + "-",
	} {
		name := proposeName(stack, "/here")
		if !strings.HasPrefix(name, want) || len(name) != len(want)+6 || name != proposeName(stack, "/here") || name == proposeName(stack, "/there") {
			t.Errorf("the cluster of stack %s is called %q, want %s and a hash of the folder", stack, name, want)
		}
		if faults := validation.IsDNS1123Label(name); len(faults) > 0 || len(name) > 40 {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if proposeName("feature_x", "/here") == proposeName("feature-x", "/here") {
		t.Error("two stacks have one cluster")
	}
}

// TestChosenClusterHasItsOwnDemands: with auto the stack may have an existing
// cluster, and then nothing of this machine can be put there.
func TestChosenClusterHasItsOwnDemands(t *testing.T) {
	_, _, err := chosen(t, onOneMiniCluster("auto"), nil, "existing")
	if err == nil || !strings.Contains(err.Error(), "gopherlocks:operatorImage: is not set") || !strings.Contains(err.Error(), "make up CLUSTER=kind") {
		t.Errorf("the error is %v", err)
	}
}
