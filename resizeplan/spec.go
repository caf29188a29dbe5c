package resizeplan

import (
	"encoding/json"
	"fmt"
	"slices"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// specAfter is the spec of a MiniCluster after the update.
type specAfter struct {
	spec api.MiniClusterSpec
	// notKnown are the paths with values that are known only during the update.
	// spec has the live value there, or none.
	notKnown []string
	// answered says that spec is the API server's answer, which also has what
	// others than Pulumi own.
	answered bool
}

// knows tells whether the values at all paths are known.
func (s specAfter) knows(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool { return slices.Contains(s.notKnown, path) })
}

// calculateSpec returns the spec after the update. live is nil if there is no
// MiniCluster, or it could not be read.
func calculateSpec(d Declared, live *api.MiniCluster) (specAfter, error) {
	if d.Operation == Same && live != nil {
		// Pulumi neither reads nor writes it.
		return specAfter{spec: live.Spec, answered: true}, nil
	}
	var there any
	if live != nil {
		var err error
		if there, err = asJSON(live.Spec); err != nil {
			return specAfter{}, err
		}
	}
	merge := merger{changed: d.Changed}
	var merged any
	if d.Result != nil {
		// What is not in the answer is gone.
		merged = merge.apply("spec", there, there, d.Result["spec"])
	} else {
		merged = merge.apply("spec", there, d.Before["spec"], d.After["spec"])
	}
	after := specAfter{notKnown: merge.notKnown, answered: d.Result != nil}
	data, err := json.Marshal(merged)
	if err == nil {
		err = json.Unmarshal(data, &after.spec)
	}
	if err != nil {
		return specAfter{}, fmt.Errorf("spec of MiniCluster %s: %w", d.Name, err)
	}
	return after, nil
}

// merger merges what is declared into what is there.
type merger struct {
	changed  []string
	notKnown []string
}

// apply returns there with the change from before to after. What was never declared
// stays: defaults, and what others own.
func (m *merger) apply(path string, there, before, after any) any {
	switch after := after.(type) {
	case NotKnown:
		m.notKnown = append(m.notKnown, path)
		return there
	case Secret:
		if slices.Contains(m.changed, path) {
			m.notKnown = append(m.notKnown, path)
		}
		return there
	case map[string]any:
		return m.applyMap(path, there, before, after)
	case []any:
		return m.applyList(path, there, before, after)
	}
	return after
}

func (m *merger) applyMap(path string, there, before any, after map[string]any) any {
	thereMap, _ := there.(map[string]any)
	beforeMap, _ := before.(map[string]any)
	merged := map[string]any{}
	for name, value := range thereMap {
		_, was := beforeMap[name]
		if _, is := after[name]; is || !was {
			merged[name] = value
		}
	}
	for name, value := range after {
		merged[name] = m.apply(path+"."+name, thereMap[name], beforeMap[name], value)
	}
	return merged
}

// applyList merges item by item. Kubernetes replaces most lists of the spec as a
// whole, so the result has as many items as declared.
func (m *merger) applyList(path string, there, before any, after []any) any {
	thereList, _ := there.([]any)
	beforeList, _ := before.([]any)
	item := func(list []any, i int) any {
		if i < len(list) {
			return list[i]
		}
		return nil
	}
	merged := make([]any, len(after))
	for i, value := range after {
		merged[i] = m.apply(fmt.Sprintf("%s[%d]", path, i), item(thereList, i), item(beforeList, i), value)
	}
	return merged
}

// asJSON returns v as maps, slices, strings, numbers and booleans.
func asJSON(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("decode %T: %w", v, err)
	}
	return decoded, nil
}

// declaredSize returns spec.size of a declared object, nil if it is not set or not
// known.
func declaredSize(object map[string]any) *int32 {
	spec, _ := object["spec"].(map[string]any)
	size, ok := spec["size"].(float64)
	if !ok {
		return nil
	}
	n := int32(size)
	return &n
}
