package instance

import (
	"fmt"
	"slices"
)

// CodeException is the exit code of a job that did not end by itself.
const CodeException = 1

// Schedule takes the instance one step on, and says whether that changed it. On
// the lead only. online are the ranks whose brokers are up.
//
//   - A job of which a rank has gone fails with it.
//   - A job whose tasks have all ended is inactive, and with a batch job those
//     that were submitted in it.
//   - A pending job starts where there is room, on ranks that are online and not
//     drained. Those behind it may overtake it, as with Fluxion's policy easy.
//   - A job that is too large for the instance with all its ranks fails.
func Schedule(s *State, online map[int32]bool) bool {
	changed := false
	for _, job := range s.Jobs {
		if job.State == Running && (loseRanks(job, online) || finish(job)) {
			changed = true
		}
		if parent := s.Job(job.Parent); parent != nil && parent.State == Inactive && job.State != Inactive && job.Exception == "" {
			End(job, "its batch job has ended")
			changed = true
		}
	}
	if s.Stopped {
		return changed
	}
	free := freeCores(s, online)
	for _, job := range s.Jobs {
		if job.State != Pending {
			continue
		}
		switch shares := place(s, job, free); {
		case shares != nil:
			start(job, shares, free)
			changed = true
		case place(s, job, allCores(s)) == nil:
			job.State, job.Exception, job.Code = Inactive, "unsatisfiable request", CodeException
			changed = true
		}
	}
	return changed
}

// loseRanks ends the shares of ranks that have gone, and with them the job.
func loseRanks(job *Job, online map[int32]bool) bool {
	lost := false
	for i := range job.Shares {
		share := &job.Shares[i]
		if !share.Done && !online[share.Rank] {
			share.Done, lost = true, true
			End(job, fmt.Sprintf("node failure on rank %d", share.Rank))
		}
	}
	return lost
}

// End makes an end of a job that has not ended, for the reason given. Brokers
// kill its tasks.
func End(job *Job, exception string) {
	if job.State == Inactive {
		return
	}
	if job.Exception == "" {
		job.Exception = exception
	}
	job.Code = max(job.Code, CodeException)
	if job.State == Pending {
		job.State = Inactive
	}
}

// finish makes a job inactive whose tasks have ended.
func finish(job *Job) bool {
	if slices.ContainsFunc(job.Shares, func(share Share) bool { return !share.Done }) {
		return false
	}
	job.State = Inactive
	return true
}

// freeCores counts, by rank, the cores that jobs may still be given.
func freeCores(s *State, online map[int32]bool) map[int32]int32 {
	free := map[int32]int32{}
	for rank := range online {
		if _, drained := s.Drained[rank]; !drained && rank < s.Size {
			free[rank] = s.Cores
		}
	}
	for _, job := range s.Jobs {
		if job.State == Running && job.Parent == 0 {
			for _, share := range job.Shares {
				if _, counted := free[share.Rank]; counted {
					free[share.Rank] -= share.Cores
				}
			}
		}
	}
	return free
}

func allCores(s *State) map[int32]int32 {
	all := map[int32]int32{}
	for rank := range s.Size {
		all[rank] = s.Cores
	}
	return all
}

// place chooses ranks for a job out of the free cores; nil: there is no room.
func place(s *State, job *Job, free map[int32]int32) []Share {
	if job.Parent != 0 {
		return placeInParent(s, job)
	}
	var ranks []int32
	for rank := range free {
		ranks = append(ranks, rank)
	}
	slices.Sort(ranks)
	if job.Nodes > 0 {
		return placeOnNodes(s, job, ranks, free)
	}
	var shares []Share
	first := int32(0)
	for _, rank := range ranks {
		if tasks := min(free[rank]/job.CoresPerTask, job.Tasks-first); tasks > 0 {
			shares = append(shares, Share{Rank: rank, First: first, Tasks: tasks, Cores: tasks * job.CoresPerTask})
			first += tasks
		}
	}
	if first < job.Tasks {
		return nil
	}
	return shares
}

// placeOnNodes spreads the tasks over the wished number of ranks.
func placeOnNodes(s *State, job *Job, ranks []int32, free map[int32]int32) []Share {
	var shares []Share
	first := int32(0)
	for _, rank := range ranks {
		if int32(len(shares)) == job.Nodes {
			break
		}
		tasks := job.Tasks / job.Nodes
		if int32(len(shares)) < job.Tasks%job.Nodes {
			tasks++
		}
		cores := tasks * job.CoresPerTask
		if job.Exclusive {
			cores = max(cores, s.Cores)
		}
		if free[rank] >= cores {
			shares = append(shares, Share{Rank: rank, First: first, Tasks: tasks, Cores: cores})
			first += tasks
		}
	}
	if int32(len(shares)) < job.Nodes {
		return nil
	}
	return shares
}

// placeInParent runs a job of a batch job on the first of the ranks that this
// has, and does not count its cores: there is no instance within the instance.
func placeInParent(s *State, job *Job) []Share {
	parent := s.Job(job.Parent)
	if parent == nil || len(parent.Shares) == 0 {
		return nil
	}
	return []Share{{Rank: parent.Shares[0].Rank, Tasks: job.Tasks}}
}

func start(job *Job, shares []Share, free map[int32]int32) {
	job.State, job.Shares = Running, shares
	for _, share := range shares {
		free[share.Rank] -= share.Cores
	}
}
