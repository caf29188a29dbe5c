package crds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// TestCELAgreesWithTheBoundsRule holds the two forms of the rule together: for
// every combination of small numbers, and for numbers around the limits, the API
// server's own validator says word for word what package bounds says.
func TestCELAgreesWithTheBoundsRule(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ string, s server) {
		cases := 0
		check := func(sizes bounds.Sizes, zeroIsWritten bool) {
			cases++
			var want []string
			for _, v := range bounds.Check(sizes) {
				want = append(want, v.Message)
			}
			got := refusals(s, object(sizes, zeroIsWritten), before(sizes, zeroIsWritten))
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v: CEL says %q, bounds.Check says %q", sizes, got, want)
			}
		}

		for size := -1; size <= 5; size++ {
			for minSize := -1; minSize <= 5; minSize++ {
				for maxSize := -1; maxSize <= 5; maxSize++ {
					for maximumSize := 0; maximumSize <= 5; maximumSize++ {
						liveSize := (size + minSize + 2) % 6
						check(bounds.Sizes{Size: size, MinSize: minSize, MaxSize: maxSize, MaximumSize: maximumSize, LiveSize: liveSize}, maximumSize%2 == 0)
					}
				}
			}
		}
		random := rand.New(rand.NewPCG(1, 2)) // the same cases every time
		number := func() int {
			near := []int{0, 1, 100, bounds.Limit, 1<<31 - 1}
			return near[random.IntN(len(near))] - random.IntN(3) + 1 - random.IntN(2)
		}
		for range 3000 {
			check(bounds.Sizes{
				Size: number(), MinSize: number(), MaxSize: number(),
				MaximumSize: max(number(), 0), LiveSize: max(number(), 0),
			}, random.IntN(2) == 0)
		}
		t.Logf("%d cases agree", cases)
	})
}

// TestMaxSizeMayStayBelowTheLiveSize: a write that is not about maxSize is not
// refused because of ranks that are still to go.
func TestMaxSizeMayStayBelowTheLiveSize(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ string, s server) {
		sizes := bounds.Sizes{Size: 3, MinSize: 1, MaxSize: 3}
		live := object(sizes, false)
		live["status"] = map[string]any{"size": int64(4)}
		smaller := sizes
		smaller.Size = 2
		if got := refusals(s, object(smaller, false), live); len(got) > 0 {
			t.Errorf("a write that changes the size alone is refused: %q", got)
		}
		larger := sizes
		larger.MaxSize = 4
		if got := refusals(s, object(larger, false), live); len(got) > 0 {
			t.Errorf("a maxSize of the live size is refused: %q", got)
		}
		if got := refusals(s, object(bounds.Sizes{Size: 3, MinSize: 1}, false), live); len(got) > 0 {
			t.Errorf("dropping maxSize is refused: %q", got)
		}
	})
}

// TestStatusCanBeWrittenBesideAnOldViolation: a size that got past an older rule
// must not keep the operator from saying so in the status.
func TestStatusCanBeWrittenBesideAnOldViolation(t *testing.T) {
	eachVersion(t, func(t *testing.T, _ string, s server) {
		broken := bounds.Sizes{Size: 9, MinSize: 1, MaximumSize: 4}
		if got := refusals(s, object(broken, false), object(broken, false)); len(got) > 0 {
			t.Errorf("a write that leaves size and maximum alone is refused: %q", got)
		}
		worse := broken
		worse.Size = 10
		if got := refusals(s, object(worse, false), object(broken, false)); len(got) != 1 {
			t.Errorf("a write that changes the size: got %q, want one violation", got)
		}
		better := broken
		better.Size = 4
		if got := refusals(s, object(better, false), object(broken, false)); len(got) > 0 {
			t.Errorf("a write that mends the size is refused: %q", got)
		}
		// The operator remembers a size at creation that has grown meanwhile: it
		// must look again.
		unseen := bounds.Sizes{Size: 9, MinSize: 1}
		if got := refusals(s, object(broken, false), object(unseen, false)); len(got) != 1 {
			t.Errorf("a first maximum below the size: got %q, want one violation", got)
		}
	})
}

// refusals are the messages of the rules that fail, without their fields.
func refusals(s server, object, old map[string]any) []string {
	var messages []string
	for _, e := range s.checkRules(object, old) {
		messages = append(messages, e.Detail)
	}
	return messages
}

// object is a MiniCluster as the API server sees it, with its defaults set.
func object(s bounds.Sizes, zeroIsWritten bool) map[string]any {
	spec := map[string]any{
		"size":       int64(s.Size),
		"minSize":    int64(s.MinSize),
		"containers": []any{map[string]any{"image": "example.org/image"}},
	}
	if s.MaxSize != 0 || zeroIsWritten {
		spec["maxSize"] = int64(s.MaxSize)
	}
	o := map[string]any{
		"apiVersion": "flux-framework.org/v1alpha2",
		"kind":       "MiniCluster",
		"metadata":   map[string]any{"name": fmt.Sprintf("sample%d", len(spec))},
		"spec":       spec,
	}
	status := map[string]any{}
	if s.MaximumSize != 0 || zeroIsWritten {
		status["maximumSize"] = int64(s.MaximumSize)
	}
	if len(status) > 0 || zeroIsWritten {
		o["status"] = status
	}
	return o
}

// before is the MiniCluster that one with these sizes replaces, of another size
// and another maxSize: nil without a live size, since it has not been seen then.
func before(s bounds.Sizes, zeroIsWritten bool) map[string]any {
	if s.LiveSize == 0 {
		return nil
	}
	old := object(bounds.Sizes{Size: s.Size + 1, MinSize: 1, MaxSize: s.MaxSize + 1}, zeroIsWritten)
	old["status"] = map[string]any{"size": int64(s.LiveSize)}
	return old
}
