package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// defaults reads what Pulumi would fill in, from the project's own Pulumi.yaml.
func defaults(t *testing.T) map[string]string {
	t.Helper()
	document, err := os.ReadFile("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var project struct {
		Config map[string]struct {
			Type        string
			Description string
			Default     any
		}
	}
	if err := yaml.Unmarshal(document, &project); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for key, declared := range project.Config {
		if declared.Type == "" || declared.Description == "" {
			t.Errorf("%s has no type or no description", key)
		}
		if declared.Default == nil {
			continue
		}
		value := fmt.Sprint(declared.Default)
		if declared.Type == "object" {
			encoded, err := json.Marshal(declared.Default)
			if err != nil {
				t.Fatal(err)
			}
			value = string(encoded)
		}
		values[strings.TrimPrefix(key, "gopherlocks:")] = value
	}
	return values
}

func load(t *testing.T, changes map[string]string) (Settings, error) {
	t.Helper()
	values := defaults(t)
	maps.Copy(values, changes)
	s, err := parse(func(key string) string { return values[key] })
	if err != nil {
		return s, err
	}
	return s, s.validate()
}

func TestDefaultsAreThoseOfTheArticle(t *testing.T) {
	s, err := load(t, nil)
	if err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	if s.Name != "flux-sample" || s.Namespace != "flux-operator" || s.Size != 2 || s.MinSize != 2 || s.MaxSize != 4 || !s.Autoscale {
		t.Errorf("defaults = %+v", s)
	}
	if warnings := s.Warnings(); len(warnings) != 0 {
		t.Errorf("the defaults warn: %q", warnings)
	}
}

func TestEveryKeyOfTheProjectIsRead(t *testing.T) {
	var read []string
	_, _ = parse(func(key string) string {
		read = append(read, "gopherlocks:"+key)
		return ""
	})
	document, err := os.ReadFile("../Pulumi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var project struct{ Config map[string]any }
	if err := yaml.Unmarshal(document, &project); err != nil {
		t.Fatal(err)
	}
	slices.Sort(read)
	if declared := slices.Sorted(maps.Keys(project.Config)); !slices.Equal(read, declared) {
		t.Errorf("keys read:     %v\nkeys declared: %v", read, declared)
	}
}

func TestInvalidSettingsNameKeyValueAndBound(t *testing.T) {
	existing := map[string]string{"clusterProvider": "existing", "image": "i", "operatorImage": "o", "agentImage": "a"}
	for name, c := range map[string]struct {
		changes map[string]string
		want    []string // all of these in the error
	}{
		"size above maxSize":    {map[string]string{"size": "5"}, []string{"gopherlocks:size: size 5 must be at most maxSize 4"}},
		"size below minSize":    {map[string]string{"size": "1"}, []string{"gopherlocks:size: size 1 must be at least minSize 2"}},
		"minSize above maxSize": {map[string]string{"minSize": "5", "size": "5"}, []string{"gopherlocks:minSize: minSize 5 must be at most maxSize 4", "gopherlocks:size"}},
		"minSize of 0":          {map[string]string{"minSize": "0"}, []string{"gopherlocks:minSize: minSize 0 must be at least 1"}},
		"maxSize of 0":          {map[string]string{"maxSize": "0"}, []string{"gopherlocks:maxSize: maxSize 0 must be at least 1"}},
		"cpuTarget of 0":        {map[string]string{"cpuTarget": "0"}, []string{"gopherlocks:cpuTarget: cpuTarget 0 must be at least 1"}},
		"no CPU request":        {map[string]string{"resources": `{"requests":{"memory":"1Mi"}}`}, []string{"gopherlocks:resources: requests.cpu \"\" must be more than 0"}},
		"CPU request of 0":      {map[string]string{"resources": `{"requests":{"cpu":"0"}}`}, []string{"gopherlocks:resources: requests.cpu \"0\" must be more than 0"}},
		"request above limit":   {map[string]string{"resources": `{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}`}, []string{"requests.cpu 2 must be at most limits.cpu 1"}},
		"bad quantity":          {map[string]string{"resources": `{"requests":{"cpu":"1","memory":"much"}}`}, []string{`requests.memory "much" is not a quantity`}},
		"unknown kind":          {map[string]string{"resources": `{"requests":{"cpu":"1"},"claims":{}}`}, []string{`"claims" is neither requests nor limits`}},
		"not a number":          {map[string]string{"size": "many"}, []string{`gopherlocks:size: "many" is not a whole number`}},
		"not a boolean":         {map[string]string{"autoscale": "maybe"}, []string{`gopherlocks:autoscale: "maybe" is not true or false`}},
		"not an object":         {map[string]string{"resources": "100m"}, []string{`gopherlocks:resources: "100m" is not an object`}},
		"two at once":           {map[string]string{"size": "x", "cpuTarget": "y"}, []string{"gopherlocks:size", "gopherlocks:cpuTarget"}},
		"unknown provider":      {map[string]string{"clusterProvider": "moon"}, []string{`gopherlocks:clusterProvider: "moon" is not a cluster provider`, "embedded", "existing"}},
		"no images":             {map[string]string{"clusterProvider": "existing"}, []string{"gopherlocks:image: is not set", "gopherlocks:operatorImage: is not set", "gopherlocks:agentImage: is not set"}},
		"bad name":              {map[string]string{"name": "Flux_Sample"}, []string{`gopherlocks:name: "Flux_Sample"`}},
		"long name":             {map[string]string{"name": strings.Repeat("a", 58)}, []string{"has 58 characters, of at most 57"}},
		"long stabilization":    {map[string]string{"scaleDownStabilization": "3601"}, []string{"scaleDownStabilization 3601 must be from 0 to 3600"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.changes)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
	if _, err := load(t, existing); err != nil {
		t.Errorf("an existing cluster with both images is refused: %v", err)
	}
}

func TestWithoutAutoscalingItsSettingsDoNotMatter(t *testing.T) {
	if _, err := load(t, map[string]string{"autoscale": "false", "cpuTarget": "0", "resources": "{}"}); err != nil {
		t.Error(err)
	}
}

func TestSizeThatTheAutoscalerOwnsIsWarnedOf(t *testing.T) {
	s, err := load(t, map[string]string{"size": "3"})
	if err != nil {
		t.Fatal(err)
	}
	warnings := s.Warnings()
	if len(warnings) != 1 || !strings.Contains(warnings[0], "HorizontalPodAutoscaler flux-sample-hpa owns") {
		t.Errorf("warnings = %q", warnings)
	}
}
