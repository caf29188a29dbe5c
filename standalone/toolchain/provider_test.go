package main

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

func TestWhatDecidesAboutTheClusterIsReadOfTheTree(t *testing.T) {
	tree := &tree{root: t.TempDir(), state: t.TempDir()}
	vars := map[string]string{"GOPHERLOCKS_CLUSTER": "kind", "PULUMI_STACK": "dev"}
	getenv := func(name string) string { return vars[name] }
	want := stackcluster.Inputs{Stack: "dev", Command: "kind"}
	if got := tree.choiceInputs(getenv); !reflect.DeepEqual(got, want) {
		t.Errorf("of an empty tree: %+v, want %+v", got, want)
	}
	for path, content := range map[string]string{
		filepath.Join(tree.root, "Pulumi.dev.yaml"):      "config:\n  gopherlocks:clusterProvider: existing\n",
		filepath.Join(tree.state, "clusterProvider.dev"): "embedded\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want.Configured, want.Recorded = "existing", "embedded"
	if got := tree.choiceInputs(getenv); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
