package rules

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestNothingThatAProgramSaysIsTooStrange puts each kind of value into each place
// of a stack in turn: rules may report it, but must not panic.
func TestNothingThatAProgramSaysIsTooStrange(t *testing.T) {
	whole := testCase{
		stack: []string{
			`kind k {nodeImage: "kindest/node:v1.34.2"}`, `metrics s {}`, `deploy d {metadata: {name: metrics-server}, spec: {template: {spec: {containers: [{image: "a:1"}]}}}}`,
			`component c {name: a, namespace: hpc, size: 2, minSize: 2, maxSize: 4}`, `mc o {metadata: {name: o}, spec: {selfScaling: true, autoscaling: {queue: {idleSeconds: 60}}}}`,
			cluster, scaler(utilization(50)), `hpa1 i {metadata: {name: i, namespace: other}, spec: {maxReplicas: 4, ` + reference + `}}`,
		},
		outputs: map[string]string{"k": `{kubernetesVersion: v1.34.2}`, "m": `{status: {size: 2, maximumSize: 4}}`},
	}
	strange := []any{nil, Unknown{}, Secret{9.0}, Secret{Unknown{}}, "", "many", -1.5, 1e300, true, []any{}, []any{nil, 1.0}, map[string]any{}, map[string]any{"a": Unknown{}}}
	tried := 0
	for i, r := range whole.parse(t).Resources {
		for _, path := range paths(r.Inputs, nil) {
			for _, value := range strange {
				s := whole.parse(t)
				put(s.Resources[i].Inputs, path, value)
				try(t, s, fmt.Sprintf("%s: %v = %#v", r.URN, path, value))
				tried++
			}
		}
		for _, path := range paths(r.Outputs, nil) {
			for _, value := range strange {
				s := whole.parse(t)
				put(s.Resources[i].Outputs, path, value)
				try(t, s, fmt.Sprintf("outputs of %s: %v = %#v", r.URN, path, value))
				tried++
			}
		}
	}
	if tried < 400 {
		t.Errorf("only %d cases tried", tried)
	}
}

func try(t *testing.T, s Stack, what string) {
	t.Helper()
	defer func() {
		if failure := recover(); failure != nil {
			t.Errorf("%s: %v", what, failure)
		}
	}()
	for _, rule := range All() {
		for _, finding := range rule.Run(s, nil) {
			if finding.URN == "" || finding.Reason == "" || finding.Message == "" {
				t.Errorf("%s: %s: incomplete %+v", what, rule.Name, finding)
			}
		}
		if rule.Correct != nil {
			rule.Correct(s)
		}
	}
}

// paths are those to every value within a value; keys are texts or indexes.
func paths(value any, to []any) [][]any {
	var all [][]any
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			here := append(slices.Clone(to), key)
			all = append(append(all, here), paths(value[key], here)...)
		}
	case []any:
		for i, item := range value {
			here := append(slices.Clone(to), i)
			all = append(append(all, here), paths(item, here)...)
		}
	}
	return all
}

// put replaces the value at a path.
func put(in any, path []any, value any) {
	for _, key := range path[:len(path)-1] {
		if name, ok := key.(string); ok {
			in = in.(map[string]any)[name]
		} else {
			in = in.([]any)[key.(int)]
		}
	}
	if name, ok := path[len(path)-1].(string); ok {
		in.(map[string]any)[name] = value
	} else {
		in.([]any)[path[len(path)-1].(int)] = value
	}
}
