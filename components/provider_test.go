package components

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
)

// chosen declares the choice of a stack and returns what the program goes on
// with.
func chosen(t *testing.T, s config.Settings, env map[string]string, answer string) (config.Settings, registration, error) {
	t.Helper()
	r := newRecorder()
	if answer != "" {
		r.outputs[clusterChoice] = resource.NewPropertyMapFromMap(map[string]any{"clusterProvider": answer})
	}
	var got config.Settings
	err := r.run(func(ctx *pulumi.Context) (err error) {
		got, _, err = chooseProvider(ctx, s, func(name string) string { return env[name] })
		return err
	})
	return got, r.asked[clusterChoice+" cluster"], err
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
			map[string]string{proposalVariable: "kind", proposalReasonVariable: "it works"},
			map[string]any{"wish": "auto", "proposal": "kind", "reason": "it works"},
		},
		// Of another stack, whose environment is still in the shell.
		"the tools are another's": {"auto", map[string]string{proposalVariable: "existing"}, map[string]any{"wish": "auto", "proposal": nil}},
		"make was told":           {"auto", map[string]string{wishVariable: "kind", proposalVariable: "kind"}, map[string]any{"wish": "kind", "reason": "CLUSTER says so"}},
		"make was told auto":      {"auto", map[string]string{wishVariable: "auto", proposalVariable: "embedded"}, map[string]any{"wish": "auto", "proposal": "embedded"}},
		"it is configured": {
			"embedded",
			map[string]string{proposalVariable: "kind"},
			map[string]any{"wish": "embedded", "proposal": nil, "reason": "the configuration of stack dev says so"},
		},
		"both say the same": {"embedded", map[string]string{wishVariable: "embedded"}, map[string]any{"wish": "embedded"}},
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
			if asked.at(key) != c.want[key] {
				t.Errorf("%s: %s = %v, want %v", name, key, asked.at(key), c.want[key])
			}
		}
	}
}

func TestWishAgainstTheConfigurationIsRefused(t *testing.T) {
	_, asked, err := chosen(t, onOneMiniCluster("embedded"), map[string]string{wishVariable: "kind"}, "")
	if err == nil || !strings.Contains(err.Error(), `"embedded" is configured, and CLUSTER=kind is asked for`) || asked.inputs != nil {
		t.Errorf("%v, %v", err, asked.inputs)
	}
}

// TestChosenClusterHasItsOwnDemands: with auto the stack may have an existing
// cluster, and then nothing of this machine can be put there.
func TestChosenClusterHasItsOwnDemands(t *testing.T) {
	_, _, err := chosen(t, onOneMiniCluster("auto"), nil, "existing")
	if err == nil || !strings.Contains(err.Error(), "gopherlocks:operatorImage: is not set") {
		t.Errorf("the error is %v", err)
	}
}
