package resizeplan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
)

// allRanks are the ranks of a MiniCluster of that size.
func allRanks(size int32) idset.Set { return idset.Range(0, size) }

func ranks(set idset.Set) *Ranks {
	if set.IsEmpty() {
		return nil
	}
	return &Ranks{Set: set, Count: set.Len()}
}

// leave fills in the ranks that go, and the jobs there.
func (m *MiniCluster) leave(set idset.Set, drainTimeout time.Duration, there LiveMiniCluster) {
	going := ranks(set)
	if going == nil {
		return
	}
	m.Leaving = &Leaving{Ranks: *going, DrainTimeoutSeconds: int64(drainTimeout.Seconds()), Jobs: Jobs{Unknown: "nobody was asked"}}
	switch {
	case there.Jobs != nil:
		m.Leaving.Jobs = *there.Jobs
	case there.MiniCluster != nil && !whatif.RunsFlux(there.MiniCluster):
		none := 0
		m.Leaving.Jobs = Jobs{Count: &none, WithoutFlux: true}
	}
}

// describeBounds fills in the bounds, and which of them limits the size.
func (m *MiniCluster) describeBounds(spec api.MiniClusterSpec, outcome whatif.Outcome) {
	m.Bounds = &Bounds{Min: outcome.Bounds.Min, Max: outcome.Bounds.Max}
	maximum := "maxSize"
	if spec.MaxSize == 0 {
		maximum = "status.maximumSize"
	}
	switch {
	case len(outcome.Violations) > 0:
		violation := outcome.Violations[0]
		m.Bounds.Binding = strings.TrimSpace(fmt.Sprintf("%s %d", violation.BoundField, violation.Bound))
		if violation.Reason == bounds.ReasonSizeBelowMinimum {
			m.note("the operator runs minSize %d instead of size %d, which is below it", spec.MinSize, spec.Size)
			break
		}
		m.note("the operator would hold the size within its bounds: %s", violation.Message)
	case int(outcome.Desired) == outcome.Bounds.Max:
		m.Bounds.Binding = fmt.Sprintf("%s %d", maximum, outcome.Bounds.Max)
	case int(outcome.Desired) == outcome.Bounds.Min:
		m.Bounds.Binding = fmt.Sprintf("minSize %d", outcome.Bounds.Min)
	}
	if m.Autoscaler == nil {
		return
	}
	sizes := bounds.Sizes{Size: int(spec.Size), MinSize: int(spec.MinSize), MaxSize: int(spec.MaxSize), MaximumSize: outcome.Bounds.Max}
	for _, v := range bounds.CheckReplicas(sizes, int(m.Autoscaler.MinReplicas), int(m.Autoscaler.MaxReplicas)) {
		m.note("the HorizontalPodAutoscaler may ask for a size that is refused: %s", v.Message)
	}
}

// because derives from the changed paths why all ranks restart.
func because(changed []string) string {
	paths := slices.DeleteFunc(slices.Clone(changed), func(path string) bool {
		return !strings.HasPrefix(path, "spec.") || whatif.IsTakenOver(path)
	})
	// It counts only where an earlier operator has made the Job.
	if others := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return path == "spec.maxSize" }); len(others) > 0 {
		paths = others
	}
	slices.Sort(paths)
	if len(paths) == 0 {
		return "a running Job cannot take over what has changed"
	}
	return "a running Job cannot take over a change of " + strings.Join(paths, ", ")
}

func hasLabels(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if labels[name] != value {
			return false
		}
	}
	return true
}
