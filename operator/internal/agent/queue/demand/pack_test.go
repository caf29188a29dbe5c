package demand

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

func set(t testing.TB, text string) idset.Set {
	t.Helper()
	ranks, err := idset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ranks
}

// part is "RANKS CORES GPUS", with GPUs left out for none.
func part(t testing.TB, text string) Part {
	t.Helper()
	var ranks string
	var p Part
	if n, _ := fmt.Sscan(text, &ranks, &p.Cores, &p.GPUs); n < 2 {
		t.Fatalf("part %q", text)
	}
	p.Ranks = set(t, ranks)
	return p
}

func parts(t testing.TB, text string) []Part {
	t.Helper()
	var all []Part
	for each := range strings.SplitSeq(text, ", ") {
		if each != "" {
			all = append(all, part(t, each))
		}
	}
	return all
}

func jobsOf(requests ...Request) []waiting {
	var jobs []waiting
	for i, request := range requests {
		jobs = append(jobs, waiting{int64(i + 1), unique.Make(request)})
	}
	return jobs
}

func nodes(n int64) Request { return Request{Nodes: n, Slots: 1, Cores: 1, Exclusive: true} }

func slots(n, cores int64) Request { return Request{Slots: n, Cores: cores} }

func repeat(n int, request Request) []Request {
	var all []Request
	for range n {
		all = append(all, request)
	}
	return all
}

// busyOf are the ranks of parts.
func busyOf(held []Part) idset.Set {
	var busy idset.Set
	for _, each := range held {
		busy = busy.Union(each.Ranks)
	}
	return busy
}

func TestJobsGoOnTheLowestRanks(t *testing.T) {
	tests := []struct {
		name     string
		ranks    string // what they have; default: "0-7 4"
		barred   string
		cleaning string
		maxSize  int32 // default: 8
		held     string
		jobs     []Request
		wanted   int32
	}{
		{name: "nothing"},
		{name: "a job of four ranks", jobs: []Request{nodes(4)}, wanted: 4},
		{name: "beside a running one", held: "0-1 4", jobs: []Request{nodes(2)}, wanted: 4},
		{name: "under a running one", held: "5 4", jobs: []Request{nodes(2)}, wanted: 6},
		{name: "a running one alone", held: "5 1", wanted: 6},
		{name: "whole nodes need empty ones", held: "0 1", jobs: []Request{nodes(1)}, wanted: 2},
		{name: "slots share a rank", held: "0 1", jobs: []Request{slots(3, 1)}, wanted: 1},
		{name: "slots go on as many ranks as they need", jobs: []Request{slots(10, 1)}, wanted: 3},
		{name: "a slot is on one rank", jobs: []Request{slots(3, 3)}, wanted: 3},
		{name: "ten jobs of one core", jobs: repeat(10, slots(1, 1)), wanted: 3},
		{name: "parts of nodes", jobs: []Request{{Nodes: 2, Slots: 2, Cores: 1}, {Nodes: 3, Slots: 1, Cores: 2}}, wanted: 3},
		{name: "GPUs", ranks: "0-7 4 2", jobs: []Request{{Slots: 5, Cores: 1, GPUs: 1}}, wanted: 3},
		{name: "GPUs of some ranks", ranks: "0-3 4, 4-7 4 2", jobs: []Request{{Slots: 3, Cores: 1, GPUs: 1}}, wanted: 6},
		{name: "as many as there can be", jobs: repeat(20, nodes(1)), wanted: 8},
		{name: "a job that waits for others to end needs all ranks", held: "0 4", jobs: []Request{nodes(8)}, wanted: 8},
		{name: "up to maxSize", maxSize: 4, jobs: repeat(20, nodes(1)), wanted: 4},
		{name: "a busy rank above maxSize", maxSize: 4, held: "6 4", wanted: 4},
		{name: "barred ranks take none", barred: "0,2", jobs: []Request{nodes(3)}, wanted: 5},
		{name: "a barred rank that is busy", barred: "0,2", held: "2 4", jobs: []Request{slots(1, 1)}, wanted: 3},
		{name: "ranks that are cleaned take none", cleaning: "0", jobs: []Request{slots(1, 1)}, wanted: 2},
		{name: "ranks that R does not have", ranks: "0-1 4, 4-7 4", jobs: []Request{nodes(3)}, wanted: 5},
		{name: "more held than there is", held: "0 3, 0 3", jobs: []Request{slots(1, 1)}, wanted: 2},
		{name: "a job of other GPUs leaves the cores", ranks: "0-7 4 1", held: "0 1 1", jobs: []Request{slots(3, 1)}, wanted: 1},
		{name: "what is not understood takes a whole rank", held: "0 1", jobs: []Request{notUnderstood(fmt.Errorf("x"))}, wanted: 2},
		{name: "a constraint", jobs: []Request{{Slots: 1, Cores: 1, Constraint: `{"ranks":["3-4"]}`}}, wanted: 4},
	}
	for _, tt := range tests {
		if tt.ranks == "" {
			tt.ranks = "0-7 4"
		}
		if tt.maxSize == 0 {
			tt.maxSize = 8
		}
		ranks := Ranks{Parts: parts(t, tt.ranks), Barred: set(t, tt.barred)}
		held := parts(t, tt.held)
		got := pack(ranks, tt.maxSize, held, busyOf(held).Union(set(t, tt.cleaning)), set(t, tt.cleaning), jobsOf(tt.jobs...))
		if got.wanted != tt.wanted || got.tooLargeCount > 0 || got.pending != len(tt.jobs) {
			t.Errorf("%s: wanted %d, pending %d, too large %+v; want %d", tt.name, got.wanted, got.pending, got.tooLarge, tt.wanted)
		}
	}
}

func TestJobsThatNoSizeCanHoldAreLeftOutAndToldOf(t *testing.T) {
	for _, tt := range []struct {
		request Request
		barred  string
		ranks   int32
		why     string
	}{
		{nodes(5), "", 0, "needs 5 ranks with 1 core each, and maxSize 4 allows 4"},
		{slots(1, 8), "", 0, "needs 1 slot of 8 cores, and no rank below maxSize 4 can hold one"},
		{slots(17, 1), "", 0, "needs 17 slots of 1 core, and maxSize 4 allows 16"},
		{Request{Nodes: 1, Slots: 2, Cores: 1, GPUs: 1}, "", 0, "needs 1 rank with 2 cores and 2 GPUs each, and no rank below maxSize 4 can hold one"},
		{nodes(3), "1-2", 3, "needs 3 ranks with 1 core each, and maxSize 4 allows 2 while ranks 1-2 are drained or excluded"},
		{nodes(4), "1", 4, "needs 4 ranks with 1 core each, and maxSize 4 allows 3 while rank 1 is drained or excluded"},
		{Request{Nodes: 3, Slots: 1, Cores: 1, Constraint: `{"ranks":["0-1"]}`}, "", 0, "needs 3 ranks with 1 core each under its constraint, and maxSize 4 allows 2"},
	} {
		ranks := Ranks{Parts: parts(t, "0-7 4"), Barred: set(t, tt.barred)}
		got := pack(ranks, 4, nil, idset.Set{}, idset.Set{}, append(jobsOf(nodes(2)), waiting{58, unique.Make(tt.request)}))
		if got.pending != 1 || got.tooLargeCount != 1 || got.first.Ranks != 2 || got.largest.Ranks != 2 {
			t.Errorf("%+v: %+v, want it left out", tt.request, got)
			continue
		}
		if large := got.tooLarge[0]; large.ID != "ƒ21" || large.Ranks != tt.ranks || large.Why != tt.why {
			t.Errorf("%+v: %+v, want %d ranks and %q", tt.request, large, tt.ranks, tt.why)
		}
	}
	many := pack(Ranks{Parts: parts(t, "0-3 4")}, 4, nil, idset.Set{}, idset.Set{}, jobsOf(repeat(20, nodes(5))...))
	if len(many.tooLarge) != 10 || many.tooLargeCount != 20 {
		t.Errorf("%d of %d are named, want 10 of 20", len(many.tooLarge), many.tooLargeCount)
	}
}

func TestFirstAndLargestAreNamed(t *testing.T) {
	got := pack(Ranks{Parts: parts(t, "0-7 4")}, 8, nil, idset.Set{}, idset.Set{},
		jobsOf(slots(9, 1), nodes(5), nodes(5), Request{Nodes: 1, Slots: 1, Exclusive: true, Problem: "odd"}))
	if got.first.ID != "ƒ2" || got.first.Ranks != 3 || got.largest.ID != "ƒ3" || got.largest.Ranks != 5 {
		t.Errorf("first %+v, largest %+v", got.first, got.largest)
	}
	if len(got.problems) != 1 || got.problems[0].ID != "ƒ5" || got.problems[0].Why != "odd" {
		t.Errorf("problems %+v", got.problems)
	}
}

func TestConstraintsChooseRanks(t *testing.T) {
	ranks := Ranks{
		Parts: parts(t, "0-7 4"), nodelist: []string{"flux-sample-[0-7]"},
		properties: map[string]idset.Set{"big": set(t, "4-7"), "odd": set(t, "1,3,5,7")},
	}
	for constraint, want := range map[string]string{
		`{"properties":["big"]}`:                                                   "4-7",
		`{"properties":["big","^odd"]}`:                                            "4,6",
		`{"properties":["none"]}`:                                                  "",
		`{"ranks":["0-1","7"]}`:                                                    "0-1,7",
		`{"hostlist":["flux-sample-[2-3]"]}`:                                       "2-3",
		`{"hostlist":["flux-sample-1,flux-sample-5"]}`:                             "1,5",
		`{"and":[{"properties":["big"]},{"properties":["odd"]}]}`:                  "5,7",
		`{"or":[{"ranks":["0"]},{"properties":["big"]}]}`:                          "0,4-7",
		`{"not":[{"properties":["odd"]}]}`:                                         "0,2,4,6",
		`{"and":[{"not":[{"ranks":["4-7"]}]},{"hostlist":["flux-sample-[3-5]"]}]}`: "3",
	} {
		if got, err := ranks.satisfying(constraint); err != nil || got.String() != want {
			t.Errorf("%s: %q, %v, want %q", constraint, got, err, want)
		}
	}
	for _, constraint := range []string{`{"phase":["moon"]}`, `{"ranks":["x"]}`, `{"ranks":3}`, `{"not":3}`, `[]`, `{"or":[{"ranks":["y"]}]}`} {
		if got, err := ranks.satisfying(constraint); err == nil {
			t.Errorf("%s: %q, want an error", constraint, got)
		}
		packed := pack(ranks, 8, nil, idset.Set{}, idset.Set{}, jobsOf(Request{Slots: 1, Cores: 1, Constraint: constraint}))
		if packed.wanted != 1 || len(packed.problems) != 1 || !strings.Contains(packed.problems[0].Why, "constraint") {
			t.Errorf("%s: %+v, want it taken for none, and told of", constraint, packed)
		}
	}
}

// randomJobs are requests and running jobs for ranks of 4 cores and 1 GPU.
func randomJobs(random *rand.Rand) (held []Part, requests []Request) {
	used := make([]int64, 16)
	for range random.IntN(8) {
		rank, cores := random.Int32N(16), 1+random.Int64N(4)
		if used[rank]+cores <= 4 {
			used[rank] += cores
			held = append(held, Part{Ranks: idset.Of(rank), Cores: cores})
		}
	}
	for range random.IntN(20) {
		r := Request{Slots: 1 + random.Int64N(4), Cores: 1 + random.Int64N(3), GPUs: random.Int64N(6) / 5}
		if random.IntN(2) == 0 {
			r.Nodes = 1 + random.Int64N(5)
			r.Exclusive = random.IntN(2) == 0
		}
		requests = append(requests, r)
	}
	return held, requests
}

// FuzzPack: never more than maxSize, nor less than the highest busy rank + 1; one more job
// at the end never lowers it; the order in which running jobs are known is of no matter;
// and no rank gets more than it has.
func FuzzPack(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, int32(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, maxSize int32) {
		random := rand.New(rand.NewPCG(seed, 0))
		maxSize = 1 + max(maxSize, -maxSize-1)%20
		ranks := Ranks{Parts: parts(t, "0-15 4 1"), Barred: idset.Of(random.Int32N(32), random.Int32N(64))}
		held, requests := randomJobs(random)
		busy, jobs := busyOf(held), jobsOf(requests...)
		got := pack(ranks, maxSize, held, busy, idset.Set{}, jobs)

		var highest int32
		for rank := range busy.All() {
			highest = rank + 1
		}
		if got.wanted > maxSize || got.wanted < min(highest, maxSize) {
			t.Errorf("wanted %d, maxSize %d, busy %v", got.wanted, maxSize, busy)
		}
		if got.pending+got.tooLargeCount != len(jobs) {
			t.Errorf("%d pending and %d too large of %d jobs", got.pending, got.tooLargeCount, len(jobs))
		}
		if len(jobs) > 0 {
			if less := pack(ranks, maxSize, held, busy, idset.Set{}, jobs[:len(jobs)-1]); less.wanted > got.wanted {
				t.Errorf("one job more wants %d, less than %d", got.wanted, less.wanted)
			}
		}
		shuffled := append([]Part{}, held...)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := pack(ranks, maxSize, shuffled, busy, idset.Set{}, jobs); !reflect.DeepEqual(again, got) {
			t.Errorf("in another order: %+v, want %+v", again, got)
		}
		checkAgainstSimple(t, ranks, maxSize, held, jobs, max(got.wanted, 0))
	})
}

// checkAgainstSimple packs by looking at each rank for each job, checks that none is
// overbooked, and compares what is wanted.
func checkAgainstSimple(t *testing.T, ranks Ranks, maxSize int32, held []Part, jobs []waiting, wanted int32) {
	t.Helper()
	n := min(int(maxSize), 16)
	cores, gpus, touched := make([]int64, 16), make([]int64, 16), make([]bool, 16)
	for i := range cores {
		cores[i], gpus[i] = 4, 1
	}
	var want int32
	for _, each := range held {
		for rank := range each.Ranks.All() {
			cores[rank] -= each.Cores
			touched[rank] = true
			want = max(want, min(rank+1, maxSize))
		}
	}
	p := newPacker(ranks, maxSize)
	for _, job := range jobs {
		c := p.classOf(job.request)
		if c.tooLarge != "" {
			continue
		}
		left := c.asks()
		for rank := 0; rank < n && left > 0; rank++ {
			if ranks.Barred.Contains(int32(rank)) || c.need.whole && touched[rank] {
				continue
			}
			for left > 0 && cores[rank] >= c.need.cores && gpus[rank] >= c.need.gpus {
				left--
				touched[rank] = true
				want = max(want, int32(rank)+1)
				if c.need.whole {
					cores[rank], gpus[rank] = 0, 0
				} else {
					cores[rank], gpus[rank] = cores[rank]-c.need.cores, gpus[rank]-c.need.gpus
				}
				if c.Nodes > 0 {
					break
				}
			}
			if cores[rank] < 0 || gpus[rank] < 0 {
				t.Fatalf("rank %d is overbooked", rank)
			}
		}
		if left > 0 {
			want = maxSize
			break
		}
	}
	if want != wanted {
		t.Errorf("wanted %d, want %d: maxSize %d, barred %v, held %+v, jobs %+v", wanted, want, maxSize, ranks.Barred, held, jobs)
	}
}

// manyJobs are 10,000 jobs of twelve kinds.
func manyJobs() []waiting {
	random := rand.New(rand.NewPCG(1, 2))
	jobs := make([]waiting, 10_000)
	for i := range jobs {
		request := Request{Nodes: 1 + random.Int64N(4), Slots: 1, Cores: 1 + random.Int64N(3)}
		jobs[i] = waiting{int64(i), unique.Make(request)}
	}
	return jobs
}

// BenchmarkPack: 10,000 jobs that wait and 10,000 ranks, most of which they take.
func BenchmarkPack(b *testing.B) {
	ranks, jobs := Ranks{Parts: parts(b, "0-9999 6")}, manyJobs()
	b.ReportAllocs()
	for b.Loop() {
		if got := pack(ranks, 10_000, nil, idset.Set{}, idset.Set{}, jobs); got.wanted < 5000 {
			b.Fatal(got.wanted)
		}
	}
}

// BenchmarkPackOfDifferentJobs: 10,000 jobs of which no two ask for the same.
func BenchmarkPackOfDifferentJobs(b *testing.B) {
	ranks := Ranks{Parts: parts(b, "0-9999 20000")}
	jobs := make([]waiting, 10_000)
	for i := range jobs {
		jobs[i] = waiting{int64(i), unique.Make(slots(1, int64(10_000+i)))}
	}
	for b.Loop() {
		if got := pack(ranks, 10_000, nil, idset.Set{}, idset.Set{}, jobs); got.wanted < 5000 {
			b.Fatal(got.wanted)
		}
	}
}

// TestPackingIsFast holds the benchmark's bound, ten times as slow as measured.
func TestPackingIsFast(t *testing.T) {
	ranks, jobs := Ranks{Parts: parts(t, "0-9999 6")}, manyJobs()
	best := time.Hour
	for range 5 {
		begin := time.Now()
		pack(ranks, 10_000, nil, idset.Set{}, idset.Set{}, jobs)
		best = min(best, time.Since(begin))
	}
	if best > 50*time.Millisecond {
		t.Errorf("10,000 jobs on 10,000 ranks took %v, want at most 50ms", best)
	}
}
