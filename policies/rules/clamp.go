package rules

import "github.com/gopherlocks/gopherlocks/operator/bounds"

// clampSizes is the rule that corrects what others refuse. It is for users who
// prefer a MiniCluster of another size to none.
var clampSizes = Rule{
	Name:        "clamp-sizes",
	Description: "Sizes and replicas out of bounds are moved to the nearest bound.",
	Level:       Disabled,
	Correct:     clamp,
}

// Correction is a number that a resource's input should be.
type Correction struct {
	// Path are the keys that lead to the input.
	Path  []string
	Value int
}

// clamp moves the sizes of the stack's newest resource to its bounds. It skips
// sizes that are unknown or not numbers.
func clamp(s Stack) []Correction {
	if len(s.Resources) == 0 {
		return nil
	}
	newest := &s.Resources[len(s.Resources)-1]
	for _, m := range s.miniClusters() {
		if m.Resource == newest {
			return clampMiniCluster(m)
		}
	}
	for _, a := range s.autoscalers() {
		if a.Resource == newest {
			return clampAutoscaler(a, s.customResources())
		}
	}
	return nil
}

func clampMiniCluster(m miniCluster) []Correction {
	sizes, err := m.declaredSizes()
	if err != nil {
		return nil
	}
	b := sizes.Bounds()
	var c corrections
	var path []string
	if !m.component {
		path = []string{"spec"}
	}
	for _, field := range []struct {
		name       string
		have, want int
	}{
		{"size", sizes.Size, b.Clamp(sizes.Size)}, {"minSize", sizes.MinSize, b.Min}, {"maxSize", sizes.MaxSize, b.Max},
	} {
		if !m.leavesOut(field.name) && (field.name != "maxSize" || field.have != 0) {
			c.add(path, field.name, field.have, field.want)
		}
	}
	return c
}

func clampAutoscaler(a autoscaler, miniClusters []miniCluster) []Correction {
	m, _ := a.of(miniClusters)
	minimum, maximum, err := a.replicas()
	if m == nil || err != nil {
		return nil
	}
	sizes, err := m.declaredSizes()
	if err != nil {
		return nil
	}
	if m.leavesOut("maxSize") {
		sizes.MaxSize = bounds.Limit
	}
	b := sizes.Bounds()
	highest := b.Clamp(maximum)
	var c corrections
	if !a.leavesOut("minReplicas") {
		c.add([]string{"spec"}, "minReplicas", minimum, min(b.Clamp(minimum), highest))
	}
	if !a.leavesOut("maxReplicas") {
		c.add([]string{"spec"}, "maxReplicas", maximum, highest)
	}
	return c
}

type corrections []Correction

// add notes the correction of a number, if it needs one.
func (c *corrections) add(path []string, key string, have, want int) {
	if have != want {
		*c = append(*c, Correction{Path: append(path[:len(path):len(path)], key), Value: want})
	}
}
