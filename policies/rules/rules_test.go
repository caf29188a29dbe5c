package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Kinds of cases. Every rule has each.
const (
	violating  = "violating"
	conforming = "conforming"
	notKnown   = "unknown"
	wrongType  = "malformed"
)

// testCase is a stack and what a rule says about it.
type testCase struct {
	rule, kind, name string
	// stack are resources in YAML's flow style; see parse.
	stack    []string
	outputs  map[string]string // by name of the resource
	config   map[string]string
	settings Settings
	// running says that more resources may come.
	running bool
	// want are the findings, as "resource: Reason: message".
	want []string
}

// A resource is written as TYPE NAME {PROPERTIES}; types are abbreviated, and
// the text "?" stands for an unknown value.
var abbreviations = map[string]string{
	"mc":        "kubernetes:flux-framework.org/v1alpha2:MiniCluster",
	"mc1":       "kubernetes:flux-framework.org/v1alpha1:MiniCluster",
	"hpa":       "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
	"hpa1":      "kubernetes:autoscaling/v1:HorizontalPodAutoscaler",
	"mcp":       "kubernetes:flux-framework.org/v1alpha2:MiniClusterPatch",
	"hpap":      "kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch",
	"deployp":   "kubernetes:apps/v1:DeploymentPatch",
	"component": typeMiniClusterComponent,
	"metrics":   typeMetricsServerComponent,
	"deploy":    "kubernetes:apps/v1:Deployment",
	"pod":       "kubernetes:core/v1:Pod",
	"api":       typeAPIService,
	"helm":      typeHelmRelease,
	"embedded":  "gopherlocks:index:EmbeddedCluster",
	"taken":     typeClusterComponent,
	"operator":  typeOperatorComponent,
	"kind":      "gopherlocks:index:KindCluster",
}

func (c testCase) parse(t *testing.T) Stack {
	t.Helper()
	s := Stack{Complete: !c.running, Config: c.config}
	for _, text := range c.stack {
		words := strings.SplitN(text, " ", 3)
		r := Resource{Type: abbreviations[words[0]], URN: words[1], Inputs: parseProperties(t, words[2])}
		if r.Type == "" {
			t.Fatalf("no type %q", words[0])
		}
		if outputs, ok := c.outputs[r.URN]; ok {
			r.Outputs = parseProperties(t, outputs)
		}
		if ignored, ok := r.Inputs["$ignoreChanges"]; ok {
			r.IgnoreChanges = []string{ignored.(string)}
			delete(r.Inputs, "$ignoreChanges")
		}
		s.Resources = append(s.Resources, r)
	}
	return s
}

func parseProperties(t *testing.T, text string) map[string]any {
	t.Helper()
	var properties map[string]any
	if err := yaml.Unmarshal([]byte(text), &properties); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return mark(properties).(map[string]any)
}

// mark replaces the signs for unknown and secret values by such values.
func mark(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if hidden, ok := value["$secret"]; ok {
			return Secret{mark(hidden)}
		}
		for key, item := range value {
			value[key] = mark(item)
		}
	case []any:
		for i, item := range value {
			value[i] = mark(item)
		}
	case string:
		if value == "?" {
			return Unknown{}
		}
	}
	return value
}

func ruleNamed(t *testing.T, name string) Rule {
	t.Helper()
	for _, r := range All() {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no rule %q", name)
	return Rule{}
}

func TestRules(t *testing.T) {
	for _, c := range slices.Concat(sizeCases, autoscalerCases, ownershipCases, clusterCases, podCases, patchCases, queueCases) {
		t.Run(c.rule+"/"+c.kind+"/"+c.name, func(t *testing.T) {
			found := ruleNamed(t, c.rule).Run(c.parse(t), c.settings)
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s: %s: %s", f.URN, f.Reason, f.Message))
				if f.Unknown != (f.Reason == ReasonUnknown) {
					t.Errorf("%+v is marked wrongly", f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
			if clean := len(got) == 0; clean != (c.kind == conforming) {
				t.Errorf("a case that is %s has %d findings", c.kind, len(got))
			}
		})
	}
}

// TestEveryRuleHasEveryKindOfCase keeps the table complete.
func TestEveryRuleHasEveryKindOfCase(t *testing.T) {
	have := map[string]bool{}
	for _, c := range slices.Concat(sizeCases, autoscalerCases, ownershipCases, clusterCases, podCases, patchCases, queueCases) {
		have[c.rule+" "+c.kind] = true
	}
	for _, rule := range All() {
		for _, kind := range []string{violating, conforming, notKnown, wrongType} {
			if rule.Check != nil && !have[rule.Name+" "+kind] {
				t.Errorf("%s has no %s case", rule.Name, kind)
			}
		}
	}
}

func TestEveryRuleIsDescribed(t *testing.T) {
	names := map[string]bool{}
	for _, rule := range All() {
		if names[rule.Name] || rule.Name == "" || rule.Description == "" || rule.Level == "" {
			t.Errorf("incomplete or twice: %+v", rule)
		}
		if (rule.Check == nil) == (rule.Correct == nil) {
			t.Errorf("%s must either check or correct", rule.Name)
		}
		names[rule.Name] = true
		for _, o := range rule.Options {
			if o.Name == "enforcementLevel" || o.Schema["default"] == nil || o.Schema["description"] == nil || o.Schema["type"] == nil {
				t.Errorf("%s: incomplete option %+v", rule.Name, o)
			}
		}
	}
}

func TestOptionsThatDoNotExistAreRefused(t *testing.T) {
	rule := ruleNamed(t, "minicluster-maximum")
	if err := rule.CheckSettings(Settings{"maximum": 3.0}); err != nil {
		t.Error(err)
	}
	err := rule.CheckSettings(Settings{"maxSize": 3.0})
	want := `policy minicluster-maximum has no option "maxSize"; it has ["maximum"] besides enforcementLevel`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
