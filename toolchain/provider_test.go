package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// providerOf is a tree whose stack dev has the configuration and the record, and
// the environment of a command there.
func providerOf(t *testing.T, wish, configured, recorded string) (*tree, func(string) string) {
	t.Helper()
	tree := &tree{root: t.TempDir(), state: t.TempDir()}
	write := func(path, content string) {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if configured != "" {
		write(filepath.Join(tree.root, "Pulumi.dev.yaml"), "config:\n  gopherlocks:clusterProvider: "+configured+"\n")
	}
	if recorded != "" {
		write(filepath.Join(tree.state, "clusterProvider.dev"), recorded+"\n")
	}
	vars := map[string]string{"GOPHERLOCKS_CLUSTER": wish, "PULUMI_STACK": "dev"}
	return tree, func(name string) string { return vars[name] }
}

func TestClusterProviderIsDecidedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		wish, configured, recorded string
		engine                     bool
		want                       string
	}{
		"an engine works":                  {"", "", "", true, "kind, because a container engine works here"},
		"no engine works":                  {"", "", "", false, "embedded, because no container engine works here"},
		"auto in the configuration":        {"", "auto", "", true, "kind, because a container engine works here"},
		"auto as a wish":                   {"auto", "", "", false, "embedded, because no container engine works here"},
		"the engine has gone":              {"", "", "kind", false, "kind, because stack dev is made for it"},
		"an engine has come":               {"auto", "auto", "embedded", true, "embedded, because stack dev is made for it"},
		"the configuration says":           {"", "existing", "", true, "existing, because the configuration of stack dev says so"},
		"the configuration says another":   {"", "kind", "embedded", true, "kind, because the configuration of stack dev says so; it takes the place of embedded"},
		"a wish":                           {"kind", "", "", false, "kind, because CLUSTER says so"},
		"a wish for what there is":         {"kind", "", "kind", false, "kind, because CLUSTER says so"},
		"a wish for another":               {"kind", "auto", "embedded", false, "kind, because CLUSTER says so; it takes the place of embedded"},
		"a wish against the configuration": {"kind", "embedded", "", false, "kind, because CLUSTER says so"},
	} {
		tree, getenv := providerOf(t, test.wish, test.configured, test.recorded)
		got := tree.chooseProvider(getenv, func() error {
			if test.engine {
				return nil
			}
			return &containerengine.NoneError{}
		}).String()
		if want := "clusterProvider: " + test.want; got != want && !strings.HasPrefix(got, want+", which the stack has now") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWishesThatCannotLastAreRefused(t *testing.T) {
	for _, test := range []struct{ wish, configured, want string }{
		{"", "embedded", ""},
		{"auto", "embedded", ""},
		{"kind", "", ""},
		{"kind", "auto", ""},
		{"kind", "kind", ""},
		{"kind", "embedded", "CLUSTER=kind, and the configuration of stack dev says clusterProvider embedded"},
		{"docker", "", "CLUSTER=docker: take embedded, kind, existing or auto"},
	} {
		tree, getenv := providerOf(t, test.wish, test.configured, "")
		err := tree.agree(getenv)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("CLUSTER=%s with %q configured: %v, want %q", test.wish, test.configured, err, test.want)
		}
	}
}

func TestCauseOfAnUnusableEngineIsTold(t *testing.T) {
	tree, getenv := providerOf(t, "", "", "")
	got := tree.chooseProvider(getenv, func() error { return errors.New("docker is installed and not running") }).String()
	if want := "clusterProvider: embedded, because no container engine works here (docker is installed and not running)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
