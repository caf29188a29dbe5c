package agentapi

import (
	"encoding/json"
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// PathDrain is the path of the lead's endpoint. It takes a PUT of a DrainRequest and
// answers with a DrainReport. Every request bears the header
// "Authorization: Bearer TOKEN"; without it the answer is 401 and nothing else.
// Errors are answered with a status of 4xx or 5xx and an Error.
const PathDrain = "/v1/drain"

// DrainReason begins the reason of each rank that we drain, in Flux's list. What
// bears another reason is an administrator's, and is left alone.
const DrainReason = "gopherlocks:"

// DrainRequest says which ranks are to be drained by us: those and no others. It
// is a state, not a step: the same request twice changes nothing, and a rank that
// we drained and that is not in it is undrained.
type DrainRequest struct {
	Ranks idset.Set `json:"ranks"`
	// Rest stops the queues instead, so that no job starts on any rank; Ranks are those to
	// report on. Without it, queues that we stopped are started. An agent that does not
	// know it drains Ranks.
	Rest bool `json:"rest,omitempty"`
	// Requeue, with Rest, submits each job that runs again, and cancels it.
	Requeue bool `json:"requeue,omitempty"`
	// WaitSeconds, when above 0, holds the answer back until the ranks are idle,
	// a job on them ends, or the time is over.
	WaitSeconds int32 `json:"waitSeconds,omitempty"`
	// Known, with WaitSeconds, is the Busy that the caller has been told last:
	// another one is answered at once.
	Known idset.Set `json:"known,omitzero"`
}

// UnmarshalJSON names the field of a set that cannot be read.
func (r *DrainRequest) UnmarshalJSON(data []byte) error {
	var text struct {
		Ranks, Known string
		Rest         bool
		Requeue      bool
		WaitSeconds  int32
	}
	err := json.Unmarshal(data, &text)
	if err != nil {
		return err
	}
	if r.Ranks, err = idset.Parse(text.Ranks); err != nil {
		return fmt.Errorf("ranks: %w", err)
	}
	if r.Known, err = idset.Parse(text.Known); err != nil {
		return fmt.Errorf("known: %w", err)
	}
	r.Rest, r.Requeue, r.WaitSeconds = text.Rest, text.Requeue, text.WaitSeconds
	return nil
}

// StopReason is why we stop a queue, in Flux's list. Queues that bear another reason are an
// administrator's, and are left alone.
const StopReason = DrainReason + " all ranks are about to restart or to sleep"

// DrainReport tells of the ranks of a DrainRequest, once they are drained.
type DrainReport struct {
	// Busy are those of the ranks that run jobs; empty: all are idle.
	Busy idset.Set `json:"busy"`
	// Jobs are the IDs of the jobs on them, at most 10, and JobCount is their
	// number.
	Jobs     []string `json:"jobs,omitempty"`
	JobCount int      `json:"jobCount"`
	// Waiting is the number of jobs that have no ranks yet, with Rest.
	Waiting int `json:"waiting,omitempty"`
}

// JobsReport is what JobsCommand prints.
type JobsReport struct {
	DrainReport
	// Pending is the number of jobs that wait for ranks. Earlier agents do
	// not tell.
	Pending *int `json:"pending,omitempty"`
}

// Error is the body of an answer that is no success.
type Error struct {
	Error string `json:"error"`
}

// PathQueue is the path of the lead's endpoint that tells of the queue. It takes a POST of
// a QueueRequest, and answers with a QueueReport. 503 means that the queue is not known at
// present, and 429 that too many requests wait; the Error says more. An agent that does
// not know the path answers 404.
const PathQueue = "/v1/queue"

// QueueRequest asks for the queue of the instance. It changes nothing.
type QueueRequest struct {
	// MaxSize is the largest number of ranks that there may be.
	MaxSize int32 `json:"maxSize"`
	// WaitSeconds, when above 0, holds the answer back until the revision is another
	// one than Known, or the time is over.
	WaitSeconds int32  `json:"waitSeconds,omitempty"`
	Known       string `json:"known,omitempty"`
}

// QueueReport tells of the queue, and of what it does with the ranks.
type QueueReport struct {
	// Revision is another one whenever something else than the time of idleness is. It
	// is opaque.
	Revision string `json:"revision"`
	// Running and Pending are numbers of jobs. Pending ones wait for ranks, and for
	// nothing else.
	Running int `json:"running"`
	Pending int `json:"pending"`
	// Held is the number of jobs that wait for something else: for another job, for
	// an urgency above 0, or for their queue to be started.
	Held int `json:"held,omitempty"`
	// Wanted is the number of ranks that the running and pending jobs take, counted
	// from rank 0, if each gets the lowest ranks with room for it. Ranks that somebody
	// else than us has drained have none. It is at most MaxSize.
	Wanted int32 `json:"wanted"`
	// First is the first pending job, and Largest the one that takes the most ranks.
	First   *QueueJob `json:"first,omitempty"`
	Largest *QueueJob `json:"largest,omitempty"`
	// TooLarge are jobs that MaxSize ranks cannot hold, without those that somebody else
	// than us has drained; at most 10, and TooLargeCount is their number. They do not
	// count otherwise.
	TooLarge      []QueueJob `json:"tooLarge,omitempty"`
	TooLargeCount int        `json:"tooLargeCount,omitempty"`
	// Busy are the ranks that run jobs, or clean up after one.
	Busy idset.Set `json:"busy"`
	// Idle are the ranks that are online and not busy.
	Idle []IdleRanks `json:"idle,omitempty"`
	// Cores and GPUs of the ranks that are online, and those of them that are in use.
	Cores     int `json:"cores"`
	CoresUsed int `json:"coresUsed"`
	GPUs      int `json:"gpus,omitempty"`
	GPUsUsed  int `json:"gpusUsed,omitempty"`
}

// QueueJob is a job and what it asks for.
type QueueJob struct {
	// ID in Flux's short form, such as ƒ2oVNnKfP9.
	ID string `json:"id"`
	// Ranks that it takes.
	Ranks int32 `json:"ranks"`
	// Why says of a job that no size can hold what does not fit, and of another one what
	// of its request is not understood.
	Why string `json:"why,omitempty"`
}

// IdleRanks are ranks that have been idle for the same time.
type IdleRanks struct {
	Ranks idset.Set `json:"ranks"`
	// Seconds that they have been idle for, when the report was made. It is no point in
	// time, since the clocks of lead and operator may differ.
	Seconds float64 `json:"seconds"`
}

// PathCounts is the path of the lead's endpoint that counts nodes, cores and jobs. It takes
// a GET, and answers with Counts. 502 means that Flux does not tell; the Error says more. An
// agent that does not know the path answers 404.
const PathCounts = "/v1/counts"

// Counts are the numbers of an instance at one moment.
type Counts struct {
	// Nodes are ranks, as Flux calls them.
	Nodes UpAndFree `json:"nodes"`
	Cores UpAndFree `json:"cores"`
	GPUs  UpAndFree `json:"gpus"`
	Jobs  JobCounts `json:"jobs"`
}

// UpAndFree counts resources as Flux lists them.
// Source: flux-resource(1).
type UpAndFree struct {
	// Up are those whose rank is online and not drained, and Free those of them that no
	// job has. A node is free when no job has any part of it.
	Up   int `json:"up"`
	Free int `json:"free"`
}

// JobCounts are numbers of jobs by their state.
// Source: Flux RFC 21, Job States and Events.
type JobCounts struct {
	// New jobs are so for a moment only, and Flux does not count them: always 0.
	New      int `json:"new"`
	Depend   int `json:"depend"`
	Priority int `json:"priority"`
	Sched    int `json:"sched"`
	Run      int `json:"run"`
	Cleanup  int `json:"cleanup"`
	// Inactive jobs have ended. Flux may forget the oldest.
	Inactive int `json:"inactive"`
}
