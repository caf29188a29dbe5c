package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// lookupIn stands for [os.LookupEnv].
func lookupIn(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { value, ok := vars[name]; return value, ok }
}

func exportsOf(t *testing.T, provider string, vars map[string]string) map[string]string {
	t.Helper()
	tree := &tree{root: "/tree", bin: "/tree/.gopherlocks/bin", state: "/tree/.gopherlocks"}
	exports := map[string]string{}
	for _, e := range environment(tree, stackcluster.Choice{Provider: provider}, "dev", lookupIn(vars)) {
		if _, twice := exports[e.name]; twice {
			t.Errorf("%s is set twice", e.name)
		}
		exports[e.name] = e.value
	}
	return exports
}

func TestEnvironmentSelectsTheTree(t *testing.T) {
	got := exportsOf(t, "embedded", map[string]string{"PATH": "/usr/bin:/tree/.gopherlocks/bin:/bin", "GOFLAGS": "-mod=mod -buildvcs=auto"})
	for name, want := range map[string]string{
		"PATH":                      "/tree/.gopherlocks/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
		"GOPHERLOCKS_BIN":           "/tree/.gopherlocks/bin",
		"KUBECONFIG":                "/tree/.gopherlocks/kubeconfig.dev",
		"PULUMI_BACKEND_URL":        "file:///tree/.gopherlocks/pulumi",
		"PULUMI_CONFIG_PASSPHRASE":  "",
		"PULUMI_SKIP_UPDATE_CHECK":  "true",
		"PULUMI_OPTION_POLICY_PACK": "/tree/.gopherlocks/bin/gopherlocks-policies",
		"CGO_ENABLED":               "0",
		"GOFLAGS":                   "-mod=mod -buildvcs=auto -trimpath",
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s = %q (set: %v), want %q", name, value, ok, want)
		}
	}
	if _, ok := got["PULUMI_HOME"]; ok {
		t.Error("PULUMI_HOME is changed: the user's plugins are lost")
	}
}

// TestEnvironmentOfAStackLeadsToItsCluster, even if another stack's environment was
// set before.
func TestEnvironmentOfAStackLeadsToItsCluster(t *testing.T) {
	const ours = "/tree/.gopherlocks/kubeconfig.flux"
	if got := exportsOf(t, "kind", map[string]string{"KUBECONFIG": ours, "PULUMI_STACK": "dev"}); got["KUBECONFIG"] != "/tree/.gopherlocks/kubeconfig.dev" || got["PULUMI_STACK"] != "dev" {
		t.Errorf("of dev after flux: KUBECONFIG=%s, PULUMI_STACK=%s", got["KUBECONFIG"], got["PULUMI_STACK"])
	}
	if got, set := exportsOf(t, "existing", map[string]string{"KUBECONFIG": ours})["KUBECONFIG"]; !set || got != "" {
		t.Errorf("of an existing cluster after flux: KUBECONFIG=%s", got)
	}
}

func TestEnvironmentOfAnotherTreeIsNoChoice(t *testing.T) {
	got := exportsOf(t, "embedded", map[string]string{
		"GOPHERLOCKS_BIN": "/other/.gopherlocks/bin", "PULUMI_BACKEND_URL": "file:///other/.gopherlocks/pulumi",
	})
	if want := "file:///tree/.gopherlocks/pulumi"; got["PULUMI_BACKEND_URL"] != want {
		t.Errorf("the backend is %q, want %q: two clones in one shell would work on the same stacks", got["PULUMI_BACKEND_URL"], want)
	}
}

func TestEnvironmentSwitchesThePolicyPackOn(t *testing.T) {
	const variable, ours = "PULUMI_OPTION_POLICY_PACK", "/tree/.gopherlocks/bin/gopherlocks-policies"
	for name, test := range map[string]struct {
		vars map[string]string
		want string // "" for left alone.
	}{
		"nothing chosen":      {nil, ours},
		"evaluated before":    {map[string]string{variable: ours, "GOPHERLOCKS_BIN": "/tree/.gopherlocks/bin"}, ours},
		"another tree's":      {map[string]string{variable: "/other/bin/gopherlocks-policies", "GOPHERLOCKS_BIN": "/other/bin"}, ours},
		"the user's own":      {map[string]string{variable: "/mine", "GOPHERLOCKS_BIN": "/tree/.gopherlocks/bin"}, ""},
		"switched off":        {map[string]string{variable: "", "GOPHERLOCKS_BIN": "/tree/.gopherlocks/bin"}, ""},
		"switched off before": {map[string]string{variable: ""}, ""},
	} {
		if got := exportsOf(t, "embedded", test.vars)[variable]; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestOptionSurvivesPulumi reads the variable as Pulumi's command line does:
// as CSV, and each element as CSV again.
func TestOptionSurvivesPulumi(t *testing.T) {
	for _, path := range []string{"/a/b", `/it's a "tree", truly/b`} {
		value := asOption(path)
		for range 2 {
			fields, err := csv.NewReader(strings.NewReader(value)).Read()
			if err != nil || len(fields) != 1 {
				t.Fatalf("%s: %q, %v", path, fields, err)
			}
			value = fields[0]
		}
		if value != path {
			t.Errorf("%q becomes %q", path, value)
		}
	}
}

// TestEnvironmentLeadsPastTheProxyToTheCluster; package stackcluster says which hosts
// that are.
func TestEnvironmentLeadsPastTheProxyToTheCluster(t *testing.T) {
	vars := map[string]string{"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "intranet.example"}
	got := exportsOf(t, "embedded", vars)
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		if !strings.HasPrefix(got[name], "intranet.example,") || !strings.Contains(got[name], ",10.200.0.0/13,") {
			t.Errorf("%s=%s", name, got[name])
		}
	}
	if got, set := exportsOf(t, "existing", vars)["NO_PROXY"]; set {
		t.Errorf("the way to an existing cluster is changed: %s", got)
	}
}

func TestEnvironmentKeepsWhatTheUserHasChosen(t *testing.T) {
	got := exportsOf(t, "existing", map[string]string{
		"KUBECONFIG": "/home/me/config", "PULUMI_BACKEND_URL": "s3://team", "PULUMI_CONFIG_PASSPHRASE_FILE": "/secret",
	})
	if _, ok := got["KUBECONFIG"]; ok {
		t.Error("KUBECONFIG of an existing cluster is replaced")
	}
	if got["PULUMI_BACKEND_URL"] != "s3://team" {
		t.Errorf("the backend is %q", got["PULUMI_BACKEND_URL"])
	}
	if _, ok := got["PULUMI_CONFIG_PASSPHRASE"]; ok {
		t.Error("an empty passphrase takes the place of the user's file")
	}
	if _, ok := exportsOf(t, "embedded", map[string]string{"PULUMI_CONFIG_PASSPHRASE": "x"})["PULUMI_CONFIG_PASSPHRASE"]; ok {
		t.Error("the user's passphrase is replaced")
	}
}

func TestExportsSurviveTheShell(t *testing.T) {
	root := filepath.Join(t.TempDir(), `it's a "$HOME" \folder;`)
	tree := &tree{root: root, bin: filepath.Join(root, "bin"), state: root}
	var refused bytes.Buffer
	if _, err := printEnvironment(t.Context(), &refused, tree); err == nil || !strings.Contains(err.Error(), "make tools") || refused.Len() > 0 {
		t.Errorf("without a bin folder: error %v and output %q, want only the advice to run make tools", err, refused.String())
	}
	if err := os.MkdirAll(tree.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	var script bytes.Buffer
	if _, err := printEnvironment(t.Context(), &script, tree); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/bin/sh", "-c", script.String()+`printf %s "$GOPHERLOCKS_BIN"`).CombinedOutput()
	if err != nil || string(out) != tree.bin {
		t.Errorf("a shell reads %q (%v), want %q", out, err, tree.bin)
	}
}

func TestSelectedStack(t *testing.T) {
	root, home := t.TempDir(), t.TempDir()
	tree := &tree{root: root, state: "/state"}
	vars := map[string]string{"PULUMI_HOME": home}
	getenv := func(name string) string { return vars[name] }
	if got := tree.selectedStack(getenv); got != defaultStack {
		t.Errorf("nothing selected: %q", got)
	}
	// As `pulumi stack select` leaves it.
	selection := fmt.Sprintf("gopherlocks-%x-workspace.json", sha1.Sum([]byte(filepath.Join(root, "Pulumi.yaml"))))
	if err := os.MkdirAll(filepath.Join(home, "workspaces"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "workspaces", selection), []byte(`{"stacks":{"s3://other":"x","file:///state/pulumi":"organization/gopherlocks/selected"}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := tree.selectedStack(getenv); got != "selected" {
		t.Errorf("selected stack: %q", got)
	}
	vars["PULUMI_STACK"] = "organization/gopherlocks/prod"
	config := "config:\n  # gopherlocks:clusterProvider: embedded\n  gopherlocks:clusterProvider: \"existing\"\n"
	if err := os.WriteFile(filepath.Join(root, "Pulumi.prod.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := tree.configuredProvider(tree.selectedStack(getenv)); got != "existing" {
		t.Errorf("stack of PULUMI_STACK: %q, want existing", got)
	}
}

func TestCacheDir(t *testing.T) {
	for name, test := range map[string]struct {
		vars map[string]string
		want string
	}{
		"own variable": {map[string]string{"GOPHERLOCKS_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"},
		"XDG":          {map[string]string{"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/gopherlocks"},
		"relative XDG": {map[string]string{"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/gopherlocks"},
		"home":         {map[string]string{"HOME": "/h"}, "/h/.cache/gopherlocks"},
		"relative":     {map[string]string{"GOPHERLOCKS_CACHE": "c", "HOME": "/h"}, ""},
		"nothing":      {nil, ""},
	} {
		got, err := cacheDir(func(name string) string { return test.vars[name] })
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
}

func TestEnvironmentLeadsToWhatWasProvidedForKind(t *testing.T) {
	state := t.TempDir()
	tree := &tree{root: "/tree", bin: filepath.Join(state, "bin"), state: state}
	if got := tree.kindExports(); got != nil {
		t.Errorf("without a note: %v", got)
	}
	note := `{"dockerHost": "unix:///s", "nodeImage": "node:v1"}`
	if err := os.WriteFile(filepath.Join(state, "kind.json"), []byte(note), 0o644); err != nil {
		t.Fatal(err)
	}
	want := []export{{"DOCKER_HOST", "unix:///s"}, {"GOPHERLOCKS_KIND_NODE_IMAGE", "node:v1"}}
	if got := tree.kindExports(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// After a change from kind the old cluster must be removed.
	for _, provider := range []string{"kind", "embedded", "existing"} {
		if !slices.Contains(environment(tree, stackcluster.Choice{Provider: provider}, "dev", lookupIn(nil)), want[0]) {
			t.Errorf("%s: DOCKER_HOST is not set", provider)
		}
	}
}
