// Package queue drives the demo of a MiniCluster that scales by the queue of its instance
// of Flux. It submits jobs of several sizes, watches the MiniCluster grow for them, sees
// to it that none is lost, and watches it shrink to its minimum when nothing is left to
// do.
package queue

import (
	"slices"
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Phase is a part of the demo.
type Phase string

// The phases, in their order.
const (
	Settling Phase = "settling at minSize, with an empty queue"
	Growing  Phase = "growing for a few jobs"
	Filling  Phase = "growing for a job of all ranks"
	Working  Phase = "working off the queue"
	Idling   Phase = "idle"
	Arrived  Phase = "back at minSize"
)

// Observation is the MiniCluster and its queue at one moment.
type Observation struct {
	drive.Ranks
	// Queue is what the status tells of it; nil while the lead has not told.
	Queue *v1alpha2.QueueStatus
	// Statuses are those of the demo's jobs that Flux has told of last, by ID.
	Statuses map[string]string
}

// Job is one that the demo has submitted.
type Job struct {
	ID    string
	Ranks int
	// Status by Flux's names, such as SCHED, RUN and COMPLETED.
	Status string
}

// statusSubmitted is that of a job of which Flux has not told yet.
const statusSubmitted = "SUBMITTED"

// Started tells whether the job has had its ranks.
func (j Job) Started() bool {
	return !slices.Contains([]string{statusSubmitted, "NEW", "DEPEND", "PRIORITY", "SCHED"}, j.Status)
}

// Ended tells whether the job has ended, well or not.
func (j Job) Ended() bool { return j.Started() && j.Status != "RUN" && j.Status != "CLEANUP" }

// Journey follows a MiniCluster from minSize to maxSize and back.
type Journey struct {
	drive.Timeline
	Phase Phase
	Jobs  []Job

	said string // of the queue, last
}

// NewJourney begins before the first observation.
func NewJourney() *Journey { return &Journey{Phase: Settling} }

// Observe takes an observation at the time at, and moves on when a phase is complete.
// It returns the ranks of each job that is to be submitted now.
func (j *Journey) Observe(at time.Duration, o Observation) (submit []int) {
	if o.Queue != nil && o.Queue.Message != j.said {
		j.said = o.Queue.Message
		j.Record(at, "%s", j.said)
	}
	j.Follow(at, o.Ranks)
	j.followJobs(at, o.Statuses)
	next := j.next(o)
	if next == j.Phase {
		return nil
	}
	j.Phase = next
	j.Record(at, "%s", next)
	half := max(1, o.Max/2)
	switch next {
	case Growing:
		return []int{1, half}
	case Filling:
		// The ranks that the first one leaves free later are for those behind it.
		return []int{o.Max, 1, half, 1}
	}
	return nil
}

// Submitted takes note of a job.
func (j *Journey) Submitted(at time.Duration, id string, ranks int) {
	j.Jobs = append(j.Jobs, Job{ID: id, Ranks: ranks, Status: statusSubmitted})
	j.Record(at, "job %s submitted, of %s", id, drive.Count(ranks, "rank"))
}

func (j *Journey) followJobs(at time.Duration, statuses map[string]string) {
	for i := range j.Jobs {
		job := &j.Jobs[i]
		status, told := statuses[job.ID]
		if !told || status == job.Status {
			continue
		}
		before := *job
		job.Status = status
		switch {
		case job.Ended() && status != "COMPLETED":
			j.Fault(at, "job %s of %s has ended as %s", job.ID, drive.Count(job.Ranks, "rank"), status)
		case job.Ended():
			j.Record(at, "job %s has completed", job.ID)
		case job.Started() && !before.Started():
			j.Record(at, "job %s runs", job.ID)
		}
	}
}

func (j *Journey) next(o Observation) Phase {
	switch {
	case j.Phase == Settling && o.AreAt(o.Min) && o.Queue != nil && o.Queue.Running+o.Queue.Pending == 0:
		return Growing
	case j.Phase == Growing && j.all(Job.Started):
		return Filling
	case j.Phase == Filling && slices.ContainsFunc(j.Jobs, func(job Job) bool { return job.Ranks == o.Max && job.Started() }):
		return Working
	case j.Phase == Working && j.all(Job.Ended):
		return Idling
	case j.Phase == Idling && o.AreAt(o.Min):
		return Arrived
	}
	return j.Phase
}

func (j *Journey) all(is func(Job) bool) bool { return j.count(is) == len(j.Jobs) }

func (j *Journey) count(is func(Job) bool) (n int) {
	for _, job := range j.Jobs {
		if is(job) {
			n++
		}
	}
	return n
}

// unended are the IDs of the jobs that have not ended.
func (j *Journey) unended() (ids []string) {
	for _, job := range j.Jobs {
		if !job.Ended() {
			ids = append(ids, job.ID)
		}
	}
	return ids
}
