// Package bounds holds the one rule about the size of a MiniCluster:
//
//	1 <= minSize <= size <= maxSize <= Limit
//	minSize <= minReplicas <= maxReplicas <= maxSize     (HorizontalPodAutoscaler)
//
// Where maxSize is not set, the size at creation is the maximum; the operator
// remembers it in status.maximumSize. A maxSize that is changed must leave room
// for the ranks that are there: whoever wants fewer shrinks first. A minSize may be
// raised above a size that stays: the API server lets that pass, the operator runs
// minSize and says so, and whoever owns the size follows. What it refuses is to write
// such a size.
//
// The program that reads the stack's configuration, the policy pack and the
// operator all call this package. The API server cannot: it runs the same rule
// as CEL expressions in the CustomResourceDefinition. A test, tests/bounds, holds
// all of them together, message by message. The package imports the standard
// library only, so that everybody can afford it.
package bounds

// Limit is the largest size: Kubernetes refuses an Indexed Job with a
// parallelism above 100,000 (maxParallelismForIndexedJob in
// k8s.io/kubernetes/pkg/apis/batch/validation).
const Limit = 100_000

// Sizes are the numbers of ranks in a MiniCluster's spec and status, as its
// author wrote them. They need not be consistent: see Check.
type Sizes struct {
	// Size is spec.size, the wished number of ranks.
	Size int
	// MinSize is spec.minSize. The API server's default is 1.
	MinSize int
	// MaxSize is spec.maxSize; 0 means that it is not set.
	MaxSize int
	// MaximumSize is status.maximumSize; 0 means that the operator has not seen
	// the MiniCluster yet. It counts only while MaxSize is not set.
	MaximumSize int
	// LiveSize is status.size, the number of ranks that exist, where MaxSize is
	// about to replace another one; otherwise 0, since a maxSize that stays is not
	// to blame for ranks beyond it.
	LiveSize int
}

// maximum returns the upper bound of the size and the name of the field that
// sets it; 0 when nothing but Limit does.
func (s Sizes) maximum() (field string, value int) {
	if s.MaxSize != 0 {
		return "maxSize", s.MaxSize
	}
	return "status.maximumSize", s.MaximumSize
}

// Bounds returns the bounds in force. They are always consistent, 1 <= Min <=
// Max <= Limit, even where the sizes are not: the maximum then wins over the
// minimum, since a Flux instance cannot grow beyond the hosts that it was
// configured with, while it can run with fewer.
func (s Sizes) Bounds() Bounds {
	_, maximum := s.maximum()
	if maximum == 0 {
		// First sight: the size at creation becomes the maximum.
		maximum = max(s.Size, s.MinSize)
	}
	maximum = min(max(maximum, 1), Limit)
	return Bounds{Min: min(max(s.MinSize, 1), maximum), Max: maximum}
}

// Bounds is an interval of sizes, both ends included.
type Bounds struct {
	Min, Max int
}

// Clamp returns the size within the bounds that is nearest to size.
func (b Bounds) Clamp(size int) int {
	return min(max(size, b.Min), b.Max)
}
