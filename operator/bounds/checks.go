package bounds

import "fmt"

// Reasons of a Violation, in the form that conditions and events of Kubernetes
// use.
const (
	ReasonMinSizeTooSmall     = "MinSizeTooSmall"
	ReasonMaxSizeTooLarge     = "MaxSizeTooLarge"
	ReasonMaxSizeBelowLive    = "MaxSizeBelowLiveSize"
	ReasonMinAboveMaxSize     = "MinSizeAboveMaxSize"
	ReasonSizeBelowMinimum    = "SizeBelowMinimum"
	ReasonSizeAboveMaximum    = "SizeAboveMaximum"
	ReasonMinReplicasTooSmall = "MinReplicasTooSmall"
	ReasonMinAboveMaxReplicas = "MinReplicasAboveMaxReplicas"
	ReasonMaxReplicasTooLarge = "MaxReplicasTooLarge"
)

// Violation says which field breaks the rule, and which bound it breaks.
type Violation struct {
	// Field is the name of the field, such as "size", and Value what it holds.
	Field string
	Value int
	// BoundField is the name of the field that holds the bound, such as
	// "maxSize"; empty for a bound that is fixed (1 and Limit).
	BoundField string
	Bound      int
	// Reason is one of the Reason constants.
	Reason string
	// Message reads the same wherever the rule is enforced, for example
	// "size 9 must be at most maxSize 4".
	Message string
}

// Error makes a Violation usable as an error.
func (v Violation) Error() string { return v.Message }

// A check is one part of the rule: it returns nil when the sizes obey it.
type check func(Sizes) *Violation

// Order matters to readers only: the cause first, then what follows from it.
var checks = []check{
	checkMinSizeIsPositive,
	checkMaxSizeWithinLimit,
	checkMaxSizeHoldsLiveRanks,
	checkMinSizeWithinMaxSize,
	checkSizeReachesMinSize,
	checkSizeWithinMaximum,
}

// Check returns every violation of the rule, none when the sizes obey it.
func Check(s Sizes) []Violation {
	var found []Violation
	for _, c := range checks {
		if v := c(s); v != nil {
			found = append(found, *v)
		}
	}
	return found
}

func checkMinSizeIsPositive(s Sizes) *Violation {
	return atLeast("minSize", s.MinSize, "", 1, ReasonMinSizeTooSmall)
}

func checkMaxSizeWithinLimit(s Sizes) *Violation {
	return atMost("maxSize", s.MaxSize, "", Limit, ReasonMaxSizeTooLarge)
}

func checkMaxSizeHoldsLiveRanks(s Sizes) *Violation {
	if s.MaxSize == 0 || s.LiveSize == 0 {
		return nil
	}
	v := atLeast("maxSize", s.MaxSize, "the live size", s.LiveSize, ReasonMaxSizeBelowLive)
	if v != nil {
		v.BoundField = "status.size"
	}
	return v
}

func checkMinSizeWithinMaxSize(s Sizes) *Violation {
	if s.MaxSize == 0 {
		return nil
	}
	return atMost("minSize", s.MinSize, "maxSize", s.MaxSize, ReasonMinAboveMaxSize)
}

func checkSizeReachesMinSize(s Sizes) *Violation {
	// A minSize below 1 is reported by its own check; the size must be positive
	// all the same.
	if s.MinSize < 1 {
		return atLeast("size", s.Size, "", 1, ReasonSizeBelowMinimum)
	}
	return atLeast("size", s.Size, "minSize", s.MinSize, ReasonSizeBelowMinimum)
}

func checkSizeWithinMaximum(s Sizes) *Violation {
	field, bound := s.maximum()
	if bound == 0 {
		field, bound = "", Limit
	}
	return atMost("size", s.Size, field, bound, ReasonSizeAboveMaximum)
}

// CheckReplicas returns every violation of the rule by the replicas of a
// HorizontalPodAutoscaler that scales a MiniCluster with these sizes:
// minSize <= minReplicas <= maxReplicas <= maxSize. An autoscaler that may wish
// for what the API server then refuses would stand still without a word.
func CheckReplicas(s Sizes, minReplicas, maxReplicas int) []Violation {
	var found []Violation
	add := func(v *Violation) {
		if v != nil {
			found = append(found, *v)
		}
	}
	add(atLeast("minReplicas", minReplicas, "minSize", s.MinSize, ReasonMinReplicasTooSmall))
	add(atMost("minReplicas", minReplicas, "maxReplicas", maxReplicas, ReasonMinAboveMaxReplicas))
	field, bound := s.maximum()
	if bound == 0 {
		// Not created yet, and no maxSize: the size at creation will be the
		// maximum.
		field, bound = "size", s.Size
	}
	add(atMost("maxReplicas", maxReplicas, field, bound, ReasonMaxReplicasTooLarge))
	return found
}

func atLeast(field string, value int, boundField string, bound int, reason string) *Violation {
	if value >= bound {
		return nil
	}
	return violation(field, value, "at least", boundField, bound, reason)
}

func atMost(field string, value int, boundField string, bound int, reason string) *Violation {
	if value <= bound {
		return nil
	}
	return violation(field, value, "at most", boundField, bound, reason)
}

func violation(field string, value int, relation, boundField string, bound int, reason string) *Violation {
	named := fmt.Sprint(bound)
	if boundField != "" {
		named = fmt.Sprintf("%s %d", boundField, bound)
	}
	return &Violation{
		Field: field, Value: value, BoundField: boundField, Bound: bound, Reason: reason,
		Message: fmt.Sprintf("%s %d must be %s %s", field, value, relation, named),
	}
}
