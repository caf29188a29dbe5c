package demand

// room is what is free on ranks. It finds the lowest rank with room for something in
// logarithmic time: a tree whose leaves are the ranks, and whose inner nodes have the
// most that one rank below them has.
type room struct {
	leaves int // a power of two; node i has the children 2i and 2i+1, and rank r is at leaves+r
	nodes  []free
	// total is what each rank has when it is empty.
	total []free
}

// free is what a rank has left. A rank that takes no jobs has less than nothing.
type free struct {
	cores, gpus int64
	// whole is the number of its cores while it is empty, else -1.
	whole int64
}

var closed = free{-1, -1, -1}

// newRoom makes room on ranks that have what total says.
func newRoom(total []free) *room {
	leaves := 1
	for leaves < len(total) {
		leaves *= 2
	}
	r := &room{leaves: leaves, nodes: make([]free, 2*leaves), total: total}
	for i := range leaves {
		r.nodes[leaves+i] = closed
		if i < len(total) {
			r.nodes[leaves+i] = total[i]
		}
	}
	for i := leaves - 1; i > 0; i-- {
		r.update(i)
	}
	return r
}

func (r *room) update(i int) {
	left, right := r.nodes[2*i], r.nodes[2*i+1]
	r.nodes[i] = free{max(left.cores, right.cores), max(left.gpus, right.gpus), max(left.whole, right.whole)}
}

// need is what a job takes of one rank at least.
type need struct {
	cores, gpus int64
	// whole says that the rank must be empty.
	whole bool
}

func (f free) holds(n need) bool {
	if n.whole {
		return f.whole >= n.cores && f.gpus >= n.gpus
	}
	return f.cores >= n.cores && f.gpus >= n.gpus
}

// next returns the lowest rank from the given one on that has what is needed, or -1.
func (r *room) next(from int, n need) int {
	if from >= r.leaves {
		return -1
	}
	for i := r.leaves + from; i > 0; {
		switch {
		case !r.nodes[i].holds(n): // On to what is right of it.
			for i&1 == 1 {
				i >>= 1
			}
			if i > 0 {
				i++
			}
		case i >= r.leaves:
			return i - r.leaves
		default:
			i *= 2
		}
	}
	return -1
}

// slots returns how many times a rank has what is needed.
func (f free) slots(n need) int64 {
	times := f.cores / n.cores
	if n.gpus > 0 {
		times = min(times, f.gpus/n.gpus)
	}
	return max(times, 0)
}

// take takes cores and GPUs of a rank, or all that it has. What a rank does not have
// cannot be taken: a running job may hold more than the instance knows of.
func (r *room) take(rank int, n need) {
	i := r.leaves + rank
	left := &r.nodes[i]
	if left.cores < 0 {
		return
	}
	if n.whole {
		n.cores, n.gpus = left.cores, left.gpus
	}
	*left = free{max(left.cores-n.cores, 0), max(left.gpus-n.gpus, 0), -1}
	for i /= 2; i > 0; i /= 2 {
		before := r.nodes[i]
		if r.update(i); r.nodes[i] == before {
			return
		}
	}
}
