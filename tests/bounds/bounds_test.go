package bounds

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gopherlocks/gopherlocks/crds"
	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

func newJudges(t *testing.T) judges {
	t.Helper()
	definition, err := crdtest.Definition(crds.MiniCluster)
	if err != nil {
		t.Fatal(err)
	}
	// A test of package crds checks that the versions differ only in their names.
	api, err := crdtest.New(definition.Spec.Versions[0])
	if err != nil {
		t.Fatal(err)
	}
	config, err := readConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	return judges{api, config}
}

// TestAllAgreeOnSmallSizes tries all combinations of small numbers.
func TestAllAgreeOnSmallSizes(t *testing.T) {
	t.Parallel()
	j := newJudges(t)
	for size := -1; size <= 5; size++ {
		for minSize := -1; minSize <= 5; minSize++ {
			for maxSize := -1; maxSize <= 5; maxSize++ {
				for maximumSize := 0; maximumSize <= 5; maximumSize++ {
					err := j.agree(numbers{
						Sizes:       bounds.Sizes{Size: size, MinSize: minSize, MaxSize: maxSize, MaximumSize: maximumSize, LiveSize: (size + minSize + 2) % 6},
						minReplicas: (size + 2) % 4, maxReplicas: (maxSize + maximumSize) % 7, zeroIsWritten: maximumSize%2 == 0,
					})
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// TestAllAgreeOnAnySizes tries random cases, the same every time.
// GOPHERLOCKS_BOUNDS_CASES sets their number; the cases then differ every time.
func TestAllAgreeOnAnySizes(t *testing.T) {
	t.Parallel()
	cases, seed := int64(8_000), uint64(1) // With the small sizes more than 10,000.
	if wish := os.Getenv("GOPHERLOCKS_BOUNDS_CASES"); wish != "" {
		n, err := strconv.ParseInt(wish, 10, 64)
		if err != nil {
			t.Fatalf("GOPHERLOCKS_BOUNDS_CASES: %v", err)
		}
		cases, seed = n, rand.Uint64()
	}
	j := newJudges(t)
	var begun, done atomic.Int64
	var workers sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		workers.Go(func() {
			for begun.Add(1) <= cases && !t.Failed() {
				if err := j.agree(anyNumbers(random)); err != nil {
					t.Error(err)
				}
				if n := done.Add(1); n%100_000 == 0 {
					t.Logf("%d cases agree", n)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d cases tried with seed %d", done.Load(), seed)
}

// anyNumbers are near to each other or to a limit, where rules meet.
func anyNumbers(random *rand.Rand) numbers {
	base := random.IntN(bounds.Limit + 2)
	number := func() int {
		near := []int{0, 1, base, base, bounds.Limit, math.MaxInt32}
		n := near[random.IntN(len(near))] + random.IntN(5) - 2
		return min(n, math.MaxInt32)
	}
	return numbers{
		Sizes: bounds.Sizes{
			Size: number(), MinSize: number(), MaxSize: number(),
			// What the operator writes into a status.
			MaximumSize: min(max(number(), 0), bounds.Limit), LiveSize: max(number(), 0),
		},
		minReplicas: number(), maxReplicas: number(), zeroIsWritten: random.IntN(2) == 0,
	}
}

// TestSizeMayStayBelowARaisedMinSize: the API server takes it when nobody writes the
// size. It refuses all else as the rule does.
func TestSizeMayStayBelowARaisedMinSize(t *testing.T) {
	t.Parallel()
	j := newJudges(t)
	for size := -1; size <= 5; size++ {
		for minSize := -1; minSize <= 5; minSize++ {
			for maxSize := range 6 {
				n := numbers{Sizes: bounds.Sizes{Size: size, MinSize: minSize, MaxSize: maxSize}}
				var want []string
				for _, v := range bounds.Check(n.Sizes) {
					if v.Reason != bounds.ReasonSizeBelowMinimum || size < 1 {
						want = append(want, v.Message)
					}
				}
				before := crdtest.MiniCluster(bounds.Sizes{Size: size, MinSize: 1, MaxSize: maxSize}, false)
				if err := same("CEL", want, j.api.CheckRules(crdtest.MiniCluster(n.Sizes, false), before)); err != nil {
					t.Errorf("%+v: %v", n, err)
				}
			}
		}
	}
}
