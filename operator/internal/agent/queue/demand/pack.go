package demand

import (
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// maxTooLarge bounds the jobs that a report names.
const maxTooLarge = 10

// waiting is a job that waits for ranks.
type waiting struct {
	id      int64
	request shared
}

// packing is how jobs go on ranks.
type packing struct {
	wanted         int32
	first, largest *agentapi.QueueJob
	tooLarge       []agentapi.QueueJob
	tooLargeCount  int
	pending        int
	// problems are jobs whose request is not understood, at most maxTooLarge.
	problems []agentapi.QueueJob
}

// packer packs the jobs of one report.
type packer struct {
	maxSize int32
	ranks   Ranks
	room    *room
	// total is what each rank below maxSize has; closed: nothing.
	total []free
	// classes are by request, areas by constraint.
	classes map[shared]*class
	areas   map[string]*area
}

// class is what is the same for all jobs with the same request.
type class struct {
	Request
	need need
	area *area
	// size is the number of ranks that it takes of an empty instance.
	size int32
	// tooLarge says what does not fit into maxSize ranks; empty: it fits.
	tooLarge string
}

// area is ranks that satisfy a constraint.
type area struct {
	spans []span
	// usable and all are what the ranks have, in their order, without and with those
	// that are barred.
	usable, all []run
	problem     string
}

// span is the ranks first to last, both included.
type span struct{ first, last int }

// run is ranks one after the other that have the same.
type run struct {
	free
	count int64
}

// pack packs the waiting jobs, which come in the order of the queue, beside what is
// held. Busy ranks are those with a job, whatever it holds; closed ones take no more.
func pack(ranks Ranks, maxSize int32, held []Part, busy, closedRanks idset.Set, jobs []waiting) packing {
	p := newPacker(ranks, maxSize)
	for _, each := range held {
		for rank := range each.Ranks.All() {
			if int(rank) < len(p.total) {
				p.room.take(int(rank), need{cores: each.Cores, gpus: each.GPUs})
			}
		}
	}
	for rank := range closedRanks.All() {
		if int(rank) < len(p.total) {
			p.room.take(int(rank), need{whole: true})
		}
	}
	var result packing
	for rank := range busy.All() {
		result.wanted = min(rank+1, maxSize)
	}
	for _, job := range jobs {
		result.add(p, job)
	}
	return result
}

// add packs one more job.
func (r *packing) add(p *packer, job waiting) {
	c := p.classOf(job.request)
	if c.tooLarge != "" {
		if r.tooLargeCount++; len(r.tooLarge) < maxTooLarge {
			r.tooLarge = append(r.tooLarge, c.tell(job, c.tooLarge))
		}
		return
	}
	r.pending++
	problem := c.problem()
	if problem != "" && len(r.problems) < maxTooLarge {
		r.problems = append(r.problems, c.tell(job, problem))
	}
	if r.first == nil {
		first := c.tell(job, problem)
		r.first = &first
	}
	if r.largest == nil || c.size > r.largest.Ranks {
		largest := c.tell(job, problem)
		r.largest = &largest
	}
	if r.wanted < p.maxSize { // else nothing can raise it
		r.wanted = max(r.wanted, p.place(c))
	}
}

func (c *class) tell(job waiting, why string) agentapi.QueueJob {
	return agentapi.QueueJob{ID: fluxinstance.JobID(job.id).String(), Ranks: c.size, Why: why}
}

func newPacker(ranks Ranks, maxSize int32) *packer {
	var n int32
	for _, each := range ranks.Parts {
		for rank := range each.Ranks.All() {
			n = max(n, min(rank+1, maxSize))
		}
	}
	p := &packer{
		maxSize: maxSize, ranks: ranks, total: make([]free, n),
		classes: map[shared]*class{}, areas: map[string]*area{},
	}
	for i := range p.total {
		p.total[i] = closed
	}
	for _, each := range ranks.Parts {
		for rank := range each.Ranks.All() {
			if rank < n {
				p.total[rank] = free{each.Cores, each.GPUs, each.Cores}
			}
		}
	}
	usable := make([]free, n)
	copy(usable, p.total)
	for rank := range ranks.Barred.All() {
		if rank < n {
			usable[rank] = closed
		}
	}
	p.room = newRoom(usable)
	return p
}

// areaOf returns the ranks that satisfy a constraint. One that is not understood is
// satisfied by all ranks.
func (p *packer) areaOf(constraint string) *area {
	if known := p.areas[constraint]; known != nil {
		return known
	}
	a := &area{}
	p.areas[constraint] = a
	ranks := idset.Range(0, int32(len(p.total)))
	if constraint != "" {
		satisfying, err := p.ranks.satisfying(constraint)
		if err != nil {
			a.problem = fmt.Sprintf("its constraint is not understood, and counts as none: %v", err)
		} else {
			ranks = ranks.Intersect(satisfying)
		}
	}
	for rank := range ranks.All() {
		if last := len(a.spans) - 1; last >= 0 && a.spans[last].last == int(rank)-1 {
			a.spans[last].last++
		} else {
			a.spans = append(a.spans, span{int(rank), int(rank)})
		}
		a.all = appendRank(a.all, p.total[rank])
	}
	for rank := range ranks.Minus(p.ranks.Barred).All() {
		a.usable = appendRank(a.usable, p.total[rank])
	}
	return a
}

func appendRank(runs []run, has free) []run {
	if last := len(runs) - 1; last >= 0 && runs[last].free == has {
		runs[last].count++
		return runs
	}
	return append(runs, run{has, 1})
}

func (p *packer) classOf(request shared) *class {
	if known := p.classes[request]; known != nil {
		return known
	}
	c := &class{Request: request.Value()}
	c.area = p.areaOf(c.Constraint)
	c.need = need{cores: c.Cores, gpus: c.GPUs, whole: c.Exclusive}
	if c.Nodes > 0 && !c.Exclusive {
		c.need.cores, c.need.gpus = c.Slots*c.Cores, c.Slots*c.GPUs
	}
	c.size = c.countRanks(c.area.usable)
	if c.size < 0 {
		c.size = max(c.countRanks(c.area.all), 0)
		c.tooLarge = p.tooLarge(c)
	}
	p.classes[request] = c
	return c
}

func (c *class) problem() string {
	if c.Problem != "" {
		return c.Problem
	}
	return c.area.problem
}

// holds returns how many nodes or slots of the job each rank of a run can hold.
func (c *class) holds(r free) int64 {
	switch {
	case !r.holds(c.need):
		return 0
	case c.Nodes > 0:
		return 1
	}
	return r.slots(c.need)
}

// asks returns the number of nodes or slots that the job asks for.
func (c *class) asks() int64 {
	if c.Nodes > 0 {
		return c.Nodes
	}
	return c.Slots
}

// countRanks returns how many of the ranks, taken from the lowest on and empty, the job
// takes, or -1 if it does not fit.
func (c *class) countRanks(runs []run) int32 {
	var ranks int64
	left := c.asks()
	for _, each := range runs {
		holds := c.holds(each.free)
		if holds == 0 {
			continue
		}
		takes := min(each.count, (left+holds-1)/holds)
		ranks += takes
		if left -= takes * holds; left <= 0 {
			return int32(ranks)
		}
	}
	return -1
}

// capacity returns how many nodes or slots of the job the ranks can hold.
func (c *class) capacity(runs []run) int64 {
	var sum int64
	for _, each := range runs {
		sum += each.count * c.holds(each.free)
	}
	return sum
}

// tooLarge says why maxSize ranks cannot hold a job.
func (p *packer) tooLarge(c *class) string {
	share := number(c.need.cores, "core")
	if c.need.gpus > 0 {
		share += " and " + number(c.need.gpus, "GPU")
	}
	what := number(c.Nodes, "rank") + " with " + share + " each"
	if c.Nodes == 0 {
		what = number(c.Slots, "slot") + " of " + share
	}
	if c.Constraint != "" && c.area.problem == "" {
		what += " under its constraint"
	}
	all := c.capacity(c.area.all)
	switch {
	case all == 0:
		return fmt.Sprintf("needs %s, and no rank below maxSize %d can hold one", what, p.maxSize)
	case all < c.asks():
		return fmt.Sprintf("needs %s, and maxSize %d allows %d", what, p.maxSize, all)
	}
	are := "are"
	if p.ranks.Barred.Len() == 1 {
		are = "is"
	}
	return fmt.Sprintf("needs %s, and maxSize %d allows %d while %s %s drained or excluded",
		what, p.maxSize, c.capacity(c.area.usable), p.ranks.Barred.Words(), are)
}

// number is a number of things: "1 rank", "2 ranks".
func number(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// place takes the lowest ranks with room for a job, and returns the highest of them + 1.
// If there are not enough, this is maxSize: the job waits for others to end, and then for
// all ranks that there can be.
func (p *packer) place(c *class) int32 {
	left := c.asks()
	for _, each := range c.area.spans {
		for rank := p.room.next(each.first, c.need); rank >= 0 && rank <= each.last; rank = p.room.next(rank+1, c.need) {
			taken, take := int64(1), c.need
			if c.Nodes == 0 {
				taken = min(left, p.room.nodes[p.room.leaves+rank].slots(c.need))
				take = need{cores: taken * c.need.cores, gpus: taken * c.need.gpus}
			}
			p.room.take(rank, take)
			if left -= taken; left <= 0 {
				return int32(rank) + 1
			}
		}
	}
	return p.maxSize
}
