package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSizesAreClamped(t *testing.T) {
	at := func(value int, path ...string) Correction { return Correction{Path: path, Value: value} }
	tests := map[string]struct {
		stack []string
		want  []Correction
	}{
		"size above maxSize":        {[]string{`mc m {spec: {size: 9, minSize: 2, maxSize: 4}}`}, []Correction{at(4, "spec", "size")}},
		"size below minSize":        {[]string{`mc m {spec: {minSize: 2, maxSize: 4}}`}, []Correction{at(2, "spec", "size")}},
		"the component's":           {[]string{`component c {size: 9, minSize: 2, maxSize: 4}`}, []Correction{at(4, "size")}},
		"bounds upside down":        {[]string{`mc m {spec: {size: 1, minSize: 5, maxSize: 4}}`}, []Correction{at(4, "spec", "size"), at(4, "spec", "minSize")}},
		"beyond what a Job can do":  {[]string{`mc m {spec: {size: 1, maxSize: 200000}}`}, []Correction{at(100_000, "spec", "maxSize")}},
		"a secret":                  {[]string{`mc m {spec: {size: {$secret: 9}, maxSize: 4}}`}, []Correction{at(4, "spec", "size")}},
		"within":                    {[]string{`mc m {spec: {size: 3, minSize: 2, maxSize: 4}}`}, nil},
		"not known":                 {[]string{`mc m {spec: {size: "?", maxSize: 4}}`}, nil},
		"malformed":                 {[]string{`mc m {spec: {size: nine, maxSize: 4}}`}, nil},
		"only the newest":           {[]string{`mc m {spec: {size: 9, maxSize: 4}}`, `pod p {}`}, nil},
		"nothing":                   {nil, nil},
		"replicas":                  {[]string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {minReplicas: 1, maxReplicas: 9, ` + reference + `}}`}, []Correction{at(2, "spec", "minReplicas"), at(4, "spec", "maxReplicas")}},
		"replicas upside down":      {[]string{cluster, `hpa h {metadata: {namespace: hpc}, spec: {minReplicas: 4, maxReplicas: 3, ` + reference + `}}`}, []Correction{at(3, "spec", "minReplicas")}},
		"a Patch's own":             {[]string{`mcp m {spec: {size: 9, maxSize: 4}}`}, []Correction{at(4, "spec", "size")}},
		"a Patch without sizes":     {[]string{`mcp m {spec: {selfScaling: true}}`}, nil},
		"a Patch's replicas":        {[]string{cluster, scaler(""), `hpap p {metadata: {name: first, namespace: hpc}, spec: {maxReplicas: 9}}`}, []Correction{at(4, "spec", "maxReplicas")}},
		"replicas of no known size": {[]string{`hpa h {spec: {minReplicas: 1, maxReplicas: 9, ` + reference + `}}`}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := clampSizes.Correct(testCase{stack: tt.stack}.parse(t))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("corrections (-want +got):\n%s", diff)
			}
		})
	}
}
