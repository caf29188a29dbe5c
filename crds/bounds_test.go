package crds

import (
	"testing"

	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// TestMaxSizeMayStayBelowTheLiveSize: a write that is not about maxSize is not
// refused because of ranks that are still to go.
func TestMaxSizeMayStayBelowTheLiveSize(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ string, s server) {
		sizes := bounds.Sizes{Size: 3, MinSize: 1, MaxSize: 3}
		live := object(sizes)
		live["status"] = map[string]any{"size": int64(4)}
		smaller := sizes
		smaller.Size = 2
		if got := s.CheckRules(object(smaller), live); len(got) > 0 {
			t.Errorf("a write that changes the size alone is refused: %q", got)
		}
		larger := sizes
		larger.MaxSize = 4
		if got := s.CheckRules(object(larger), live); len(got) > 0 {
			t.Errorf("a maxSize of the live size is refused: %q", got)
		}
		if got := s.CheckRules(object(bounds.Sizes{Size: 3, MinSize: 1}), live); len(got) > 0 {
			t.Errorf("dropping maxSize is refused: %q", got)
		}
	})
}

// TestStatusCanBeWrittenBesideAnOldViolation: a size that got past an older rule
// must not keep the operator from saying so in the status.
func TestStatusCanBeWrittenBesideAnOldViolation(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ string, s server) {
		broken := bounds.Sizes{Size: 9, MinSize: 1, MaximumSize: 4}
		if got := s.CheckRules(object(broken), object(broken)); len(got) > 0 {
			t.Errorf("a write that leaves size and maximum alone is refused: %q", got)
		}
		worse := broken
		worse.Size = 10
		if got := s.CheckRules(object(worse), object(broken)); len(got) != 1 {
			t.Errorf("a write that changes the size: got %q, want one violation", got)
		}
		better := broken
		better.Size = 4
		if got := s.CheckRules(object(better), object(broken)); len(got) > 0 {
			t.Errorf("a write that mends the size is refused: %q", got)
		}
		// The operator remembers a size at creation that has grown meanwhile: it
		// must look again.
		unseen := bounds.Sizes{Size: 9, MinSize: 1}
		if got := s.CheckRules(object(broken), object(unseen)); len(got) != 1 {
			t.Errorf("a first maximum below the size: got %q, want one violation", got)
		}
	})
}

// object is a MiniCluster as the API server sees it, with its defaults set.
func object(s bounds.Sizes) map[string]any { return crdtest.MiniCluster(s, false) }
