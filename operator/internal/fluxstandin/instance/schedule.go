package instance

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// CodeException is the exit code of a job that did not end by itself.
const CodeException = 1

// Schedule takes the instance one step on, and says whether that changed it. On
// the lead only. online are the ranks whose brokers are up.
//
//   - What has ended is settled.
//   - A pending job starts where there is room, on ranks that are online and not
//     drained, and not while its urgency is 0. The most urgent is the first. Those
//     behind it may overtake it, as with Fluxion's policy easy.
//   - A job that is too large for the instance with all its ranks fails.
func Schedule(s *State, online map[int32]bool) bool {
	changed := Settle(s, online)
	if s.Stopped {
		return changed
	}
	free := freeRooms(s, online)
	for _, job := range pending(s) {
		switch shares := place(s, job, free); {
		case shares != nil:
			s.start(job, shares)
			for _, share := range shares {
				free[share.Rank] = free[share.Rank].minus(share.Room)
			}
			changed = true
		case !Fits(s, job):
			s.End(job, "alloc", "unsatisfiable request")
			changed = true
		}
	}
	return changed
}

// Settle is the part of Schedule that starts nothing.
//
//   - A job of which a rank has gone fails with it.
//   - A job whose tasks have all ended is inactive, and with a batch job those
//     that were submitted in it.
//   - A job that waited for such ones is pending now, or fails.
func Settle(s *State, online map[int32]bool) bool {
	changed := false
	for _, rank := range slices.Sorted(maps.Keys(s.Joined)) {
		if s.Joined[rank] == s.Epoch && !online[rank] {
			s.leave(rank)
			changed = true
		}
	}
	for _, job := range s.Jobs {
		if job.State == Running && (s.loseRanks(job, online) || s.finishDone(job)) {
			changed = true
		}
		if parent := s.Job(job.Parent); parent != nil && parent.State == Inactive && job.State != Inactive && job.Exception == "" {
			s.End(job, "exec", "its batch job has ended")
			changed = true
		}
	}
	return s.resolve() || changed
}

// pending are the jobs that wait for room, in the order in which they get it.
func pending(s *State) []*Job {
	var jobs []*Job
	for _, job := range s.Jobs {
		if job.State == Pending && job.Urgency > 0 {
			jobs = append(jobs, job)
		}
	}
	slices.SortStableFunc(jobs, func(a, b *Job) int { return cmp.Compare(b.priority(), a.priority()) })
	return jobs
}

// loseRanks ends the shares of ranks that have gone, and with them the job.
func (s *State) loseRanks(job *Job, online map[int32]bool) bool {
	lost := false
	for i := range job.Shares {
		share := &job.Shares[i]
		if !share.Done && !online[share.Rank] {
			s.loseShare(job, share)
			lost = true
		}
	}
	return lost
}

func (s *State) loseShare(job *Job, share *Share) {
	share.Done = true
	s.End(job, "exec", fmt.Sprintf("node failure on %s (rank %d)", s.Host(share.Rank), share.Rank))
}

// End makes an end of a job that has not ended. exception is its type, as of Flux,
// and note says more. Brokers kill its tasks.
func (s *State) End(job *Job, exception, note string) {
	if job.State == Inactive {
		return
	}
	if job.Exception == "" {
		job.Exception, job.Note = exception, note
		s.post(job, "exception", map[string]any{"type": exception, "severity": 0, "note": note, "userid": user()})
	}
	job.Code = max(job.Code, CodeException)
	if job.State != Running {
		job.State = Inactive
		s.post(job, "clean", nil)
	}
}

// finishDone makes a job inactive whose tasks have ended.
func (s *State) finishDone(job *Job) bool {
	if slices.ContainsFunc(job.Shares, func(share Share) bool { return !share.Done }) {
		return false
	}
	s.finish(job)
	return true
}

// finish makes a job inactive that has run.
func (s *State) finish(job *Job) {
	job.State = Inactive
	s.post(job, "finish", map[string]any{"status": job.Code << 8})
	s.post(job, "release", map[string]any{"ranks": "all", "final": true})
	s.post(job, "free", nil)
	s.post(job, "clean", nil)
}

// Running says whether a job runs, or is being ended.
func (s *State) Running() bool {
	return slices.ContainsFunc(s.Jobs, func(job *Job) bool { return job.State == Running })
}

// freeRooms is, by rank, the room that jobs may still be given.
func freeRooms(s *State, online map[int32]bool) map[int32]Room {
	free := map[int32]Room{}
	for rank := range online {
		if _, drained := s.Drained[rank]; !drained && rank < s.Size {
			free[rank] = s.whole()
		}
	}
	for _, job := range s.Jobs {
		if job.State == Running && job.Parent == 0 {
			for _, share := range job.Shares {
				if room, counted := free[share.Rank]; counted {
					free[share.Rank] = room.minus(share.Room)
				}
			}
		}
	}
	return free
}

// whole is all room of a rank.
func (s *State) whole() Room { return Room{idset.Range(0, s.Cores), idset.Range(0, s.GPUs)} }

func (r Room) minus(other Room) Room {
	return Room{r.Cores.Minus(other.Cores), r.GPUs.Minus(other.GPUs)}
}

// has says for how many tasks of a job there is room.
func (r Room) has(job *Job) int32 {
	tasks := int32(r.Cores.Len()) / job.CoresPerTask
	if job.GPUsPerTask > 0 {
		tasks = min(tasks, int32(r.GPUs.Len())/job.GPUsPerTask)
	}
	return tasks
}

// of is the part of the room that so many tasks of a job take.
func (r Room) of(job *Job, tasks int32) Room {
	return Room{lowest(r.Cores, tasks*job.CoresPerTask), lowest(r.GPUs, tasks*job.GPUsPerTask)}
}

// lowest are the n lowest members of a set, which has as many.
func lowest(set idset.Set, n int32) idset.Set {
	var chosen []int32
	for member := range set.All() {
		if int32(len(chosen)) == n {
			break
		}
		chosen = append(chosen, member)
	}
	return idset.Of(chosen...)
}

// Fits tells whether the instance has room for a job once all its ranks are there.
func Fits(s *State, job *Job) bool {
	all := map[int32]Room{}
	for rank := range s.Size {
		all[rank] = s.whole()
	}
	return place(s, job, all) != nil
}

// place chooses ranks for a job, and its part of the room that is free there; nil:
// there is not enough.
func place(s *State, job *Job, free map[int32]Room) []Share {
	if job.Parent != 0 {
		return placeInParent(s, job)
	}
	ranks := slices.Sorted(maps.Keys(free))
	if job.Nodes > 0 {
		return placeOnNodes(s, job, ranks, free)
	}
	var shares []Share
	first := int32(0)
	for _, rank := range ranks {
		if tasks := min(free[rank].has(job), job.Tasks-first); tasks > 0 {
			shares = append(shares, Share{Rank: rank, First: first, Tasks: tasks, Room: free[rank].of(job, tasks)})
			first += tasks
		}
	}
	if first < job.Tasks {
		return nil
	}
	return shares
}

// placeOnNodes spreads the tasks over the wished number of ranks. Each is given room
// for as many, also where the tasks are fewer.
func placeOnNodes(s *State, job *Job, ranks []int32, free map[int32]Room) []Share {
	var shares []Share
	first, slots := int32(0), job.SlotsPerNode()
	for _, rank := range ranks {
		if int32(len(shares)) == job.Nodes {
			break
		}
		tasks := job.Tasks / job.Nodes
		if int32(len(shares)) < job.Tasks%job.Nodes {
			tasks++
		}
		room := free[rank]
		if room.has(job) < slots || job.Exclusive && (room.Cores.Len() < int(s.Cores) || room.GPUs.Len() < int(s.GPUs)) {
			continue
		}
		if !job.Exclusive {
			room = room.of(job, slots)
		}
		shares = append(shares, Share{Rank: rank, First: first, Tasks: tasks, Room: room})
		first += tasks
	}
	if int32(len(shares)) < job.Nodes {
		return nil
	}
	return shares
}

// SlotsPerNode is room for how many tasks a job asks for on each of its Nodes.
func (j *Job) SlotsPerNode() int32 { return (j.Tasks + j.Nodes - 1) / j.Nodes }

// placeInParent runs a job of a batch job on the first of the ranks that this
// has, and does not count its cores: there is no instance within the instance.
func placeInParent(s *State, job *Job) []Share {
	parent := s.Job(job.Parent)
	if parent == nil || len(parent.Shares) == 0 {
		return nil
	}
	return []Share{{Rank: parent.Shares[0].Rank, Tasks: job.Tasks}}
}

func (s *State) start(job *Job, shares []Share) {
	job.State, job.Shares = Running, shares
	annotations := map[string]any{"annotations": map[string]any{"sched": map[string]any{"resource_summary": summary(s.jobResources(job))}}}
	s.post(job, "annotations", annotations)
	job.Log[len(job.Log)-1].Passing = true
	s.post(job, "alloc", annotations)
	s.post(job, "start", nil)
}
