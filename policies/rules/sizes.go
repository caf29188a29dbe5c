package rules

import (
	"math"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// sizeRules are about the numbers of ranks.
var sizeRules = []Rule{
	{
		Name:        "minicluster-size",
		Description: "The size of a MiniCluster keeps to its bounds.",
		Level:       Mandatory,
		Check:       checkSize,
	},
	{
		Name:        "minicluster-bounds",
		Description: "The bounds of a MiniCluster are consistent: 1 <= minSize <= maxSize.",
		Level:       Mandatory,
		Check:       checkBounds,
	},
	{
		Name:        "minicluster-live-size",
		Description: "maxSize leaves room for the ranks that exist: shrink first, then lower it.",
		Level:       Mandatory,
		Check:       checkLiveSize,
	},
	{
		Name:        "minicluster-maximum",
		Description: "A MiniCluster may not become larger than the organization allows.",
		Level:       Mandatory,
		Options: []Option{{Name: "maximum", Schema: map[string]any{
			"type": "integer", "minimum": 1, "maximum": bounds.Limit, "default": bounds.Limit,
			"description": "The largest number of ranks that any MiniCluster may have.",
		}}},
		Check: checkMaximum,
	},
	{
		Name:        "minicluster-resize",
		Description: "A large resize is announced.",
		Level:       Advisory,
		Options: []Option{{Name: "share", Schema: map[string]any{
			"type": "number", "minimum": 0, "maximum": 1, "default": 0.5,
			"description": "The share of maxSize by which a size may change without a word.",
		}}},
		Check: checkResize,
	},
}

func checkSize(s Stack, _ Settings) []Finding {
	return checkDeclared(s, func(v bounds.Violation) bool { return v.Field == "size" })
}

func checkBounds(s Stack, _ Settings) []Finding {
	return checkDeclared(s, func(v bounds.Violation) bool { return v.Field != "size" })
}

// checkDeclared reports the violations of the bounds rule that are wanted.
func checkDeclared(s Stack, wanted func(bounds.Violation) bool) []Finding {
	var r report
	for _, m := range s.miniClusters() {
		sizes, err := m.declaredSizes()
		if err != nil {
			r.cannotTell(m.Resource, err)
			continue
		}
		for _, v := range m.violations(sizes) {
			if wanted(v) && !m.isRaised(v) {
				r.bound(m.Resource, v, m.hidesSizes())
			}
		}
	}
	return r
}

// isRaised says that a size below minSize is an old one, which the program leaves to
// others: the operator makes it grow when minSize rises.
func (m miniCluster) isRaised(v bounds.Violation) bool {
	return v.Reason == bounds.ReasonSizeBelowMinimum && v.BoundField == "minSize" && m.ignoresSize()
}

func checkLiveSize(s Stack, _ Settings) []Finding {
	var r report
	for _, m := range s.customResources() {
		live, ok := m.live()
		if !ok {
			continue
		}
		sizes, err := m.declaredSizes()
		if err != nil {
			r.cannotTell(m.Resource, err)
			continue
		}
		sizes.LiveSize = live
		for _, v := range m.violations(sizes) {
			if v.Reason == bounds.ReasonMaxSizeBelowLive {
				r.bound(m.Resource, v, m.hidesSizes())
			}
		}
	}
	return r
}

func checkMaximum(s Stack, settings Settings) []Finding {
	var r report
	allowed := settings.integer("maximum")
	for _, m := range s.miniClusters() {
		name, largest := "maxSize", m.sizes.at("maxSize")
		if value, err := largest.integerOr(0); err == nil && value == 0 {
			// The size at creation is the maximum then.
			name, largest = "size", m.sizes.at("size")
		}
		value, err := largest.integerOr(defaultSize)
		switch {
		case err != nil:
			r.cannotTell(m.Resource, err)
		case value > allowed:
			r.violation(m.Resource, ReasonMaximumAboveAllowed, "%s %s must be at most %d, which the organization allows", name, largest.shown(), allowed)
		}
	}
	return r
}

// checkResize compares the declared size with the ranks that exist. A preview knows
// them if the custom resource exists already.
func checkResize(s Stack, settings Settings) []Finding {
	var r report
	share := settings.number("share")
	for _, m := range s.customResources() {
		live, ok := m.live()
		if !ok {
			continue
		}
		sizes, err := m.declaredSizes()
		if err != nil {
			r.cannotTell(m.Resource, err)
			continue
		}
		if m.ignoresSize() || m.leavesOut("size") {
			continue // The size is an old value that the program ignores, or not its own.
		}
		maximum := sizes.Bounds().Max
		if by := math.Abs(float64(sizes.Size - live)); by > share*float64(maximum) {
			if m.hidesSizes() {
				r.violation(m.Resource, ReasonLargeResize, "size changes by more than %.0f%% of maxSize; the values are not shown, since they are secret", 100*share)
				continue
			}
			ranks := "ranks"
			if by == 1 {
				ranks = "rank"
			}
			r.violation(m.Resource, ReasonLargeResize, "size %d, now %d, changes by %.0f %s at once: more than %.0f%% of maxSize %d",
				sizes.Size, live, by, ranks, 100*share, maximum)
		}
	}
	return r
}
