package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gopherlocks/gopherlocks/components"
)

func TestEntriesTakeFromTheStackWhatTheyDoNotSay(t *testing.T) {
	s := mustLoad(t, map[string]string{
		"maxSize": "8", "size": "3", "autoscale": "false", "image": "common", "command": "run",
		"miniClusters": `[
			{"name": "a"},
			{"name": "b", "namespace": "other", "size": 5, "maxSize": 6, "autoscale": true, "flux": true, "image": "own", "command": "",
			 "resources": {"requests": {"cpu": 1, "memory": "1Gi"}}, "drainTimeoutSeconds": 0, "protect": true},
			{"name": "a", "namespace": "other", "size": "", "minSize": "4", "selfScaling": true},
			{"name": "d", "size": "", "autoscale": true, "autoscaler": "queue", "flux": true, "idleSeconds": 5, "spareRanks": "1", "scaleStep": 2}
		]`,
	})
	if len(s.MiniClusters) != 4 {
		t.Fatalf("MiniClusters = %+v", s.MiniClusters)
	}
	a, b, c := s.MiniClusters[0], s.MiniClusters[1], s.MiniClusters[2]
	text := components.Literal
	if a.Name != "a" || text(a.Namespace) != "flux-operator" || *a.Size != 3 || a.MaxSize != 8 || a.Autoscale != nil || text(a.Image) != "common" || text(a.Command) != "run" || a.Protect {
		t.Errorf("a = %+v, want the stack's values", a)
	}
	if text(b.Namespace) != "other" || *b.Size != 5 || b.MaxSize != 6 || b.Autoscale == nil || !b.Flux || text(b.Image) != "own" || text(b.Command) != "" ||
		b.Resources["requests"]["cpu"] != "1" || b.Resources["requests"]["memory"] != "1Gi" || *b.DrainTimeoutSeconds != 0 || !b.Protect {
		t.Errorf("b = %+v, want its own values", b)
	}
	if c.Size != nil || c.MinSize != 4 || !c.SelfScaling {
		t.Errorf("c = %+v, want no size, and the number that is written as text", c)
	}
	if q := s.MiniClusters[3].QueueAutoscale; q == nil || *q.IdleSeconds != 5 || q.SpareRanks != 1 || q.Step != 2 || b.QueueAutoscale != nil {
		t.Errorf("d is scaled by %+v, and b by %+v", q, b.QueueAutoscale)
	}
}

func TestWithoutEntriesTheStackDescribesItsOneMiniCluster(t *testing.T) {
	for _, none := range []string{"", "[]"} {
		if got := mustLoad(t, map[string]string{"miniClusters": none, "name": "alone"}).MiniClusters; len(got) != 1 || got[0].Name != "alone" {
			t.Errorf("with miniClusters %q: %+v", none, got)
		}
	}
}

func TestInvalidEntriesNameTheirPath(t *testing.T) {
	for name, c := range map[string]struct {
		list string
		want []string
	}{
		"size out of bounds": {`[{"name": "a"}, {"name": "b", "size": 9}]`, []string{"gopherlocks:miniClusters[1].size: size 9 must be at most maxSize 4"}},
		"bound of the entry": {`[{"name": "a", "minSize": 3, "maxSize": 2}]`, []string{"gopherlocks:miniClusters[0].minSize: minSize 3 must be at most maxSize 2"}},
		"no name":            {`[{"size": 2}, {"name": ""}]`, []string{"gopherlocks:miniClusters[0].name: is not set", "gopherlocks:miniClusters[1].name: is not set"}},
		"duplicate": {
			`[{"name": "a"}, {"name": "b"}, {"name": "a", "namespace": "flux-operator"}]`,
			[]string{`gopherlocks:miniClusters[2].name: "a" is miniClusters[0].name too, in the same namespace "flux-operator"`},
		},
		"unknown field":   {`[{"name": "a", "maxsize": 3}]`, []string{"gopherlocks:miniClusters[0].maxsize is not a field of a MiniCluster; did you mean maxSize?"}},
		"key of a stack":  {`[{"name": "a", "metricsServer": false}]`, []string{"gopherlocks:miniClusters[0].metricsServer is not a field of a MiniCluster"}},
		"wrong types":     {`[{"name": "a", "size": "many", "flux": 3, "image": ["x"]}]`, []string{`miniClusters[0].size: "many" is not a whole`, `miniClusters[0].flux: "3" is not true or false`, `miniClusters[0].image: "[\"x\"]" is not text`}},
		"fraction":        {`[{"name": "a", "size": 2.5}]`, []string{`miniClusters[0].size: "2.5" is not a whole number`}},
		"no value":        {`[{"name": "a", "size": null, "image": null}]`, []string{`gopherlocks:miniClusters[0].size: "null" is not a whole number`, `gopherlocks:miniClusters[0].image: "null" is not text`}},
		"no object":       {`["a", null]`, []string{`gopherlocks:miniClusters[0]: "\"a\"" is not an object`, `gopherlocks:miniClusters[1]: "null" is not an object`}},
		"no list":         {`{"name": "a"}`, []string{"gopherlocks:miniClusters: ", "is not a list"}},
		"no image":        {`[{"name": "a", "flux": true}]`, []string{"gopherlocks:miniClusters[0].image: is not set; with flux true"}},
		"all at once":     {`[{"name": "a", "size": "x"}, {"name": "b", "sizes": 2}]`, []string{"miniClusters[0].size", "miniClusters[1].sizes is not a field of a MiniCluster; did you mean size?"}},
		"all that it has": {`[{"name": "A", "size": 9, "cpuTarget": 0}]`, []string{"miniClusters[0].name", "miniClusters[0].size", "miniClusters[0].cpuTarget"}},
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, map[string]string{"miniClusters": c.list}, c.want...) })
	}
}

func TestMalformedDefaultsAreReportedOnce(t *testing.T) {
	_, err := load(t, map[string]string{"minSize": "x", "miniClusters": `[{"name": "a"}, {"name": "b"}]`})
	if err == nil || strings.Count(err.Error(), "minSize") != 1 {
		t.Errorf("error = %v, want minSize named once", err)
	}
}

// TestStacksOfTheProjectAreValid reads each stack file as Pulumi would.
func TestStacksOfTheProjectAreValid(t *testing.T) {
	files, err := filepath.Glob("../Pulumi.*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(file))
		t.Run(filepath.Base(file), func(t *testing.T) {
			document, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var stack struct{ Config map[string]any }
			if err := yaml.Unmarshal(document, &stack); err != nil {
				t.Fatal(err)
			}
			changes := map[string]string{}
			for key, value := range stack.Config {
				changes[strings.TrimPrefix(key, "gopherlocks:")] = asPulumiPassesIt(t, value)
			}
			if warnings := mustLoad(t, changes).Warnings(); len(warnings) != 0 {
				t.Errorf("it warns: %q", warnings)
			}
		})
	}
	for _, want := range []string{"Pulumi.dev.yaml", "Pulumi.flux.yaml", "Pulumi.prod.example.yaml"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing among %v", want, names)
		}
	}
}
