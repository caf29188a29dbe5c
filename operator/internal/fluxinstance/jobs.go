package fluxinstance

import (
	"context"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

const topicJobs = "job-list.list"

// States of jobs, as bits. Source: Flux RFC 21, and src/common/libjob/job.h of flux-core
// 0.88.
const (
	pendingStates = 2 | 4 | 8 // depend, priority, sched
	runState      = 16
	runningStates = runState | 32 // run, cleanup
	inactiveState = 64
)

// Job is a job that holds ranks.
type Job struct {
	// ID in Flux's short form (F58), such as ƒ2oVNnKfP9.
	ID string
	// Ranks that were given to it.
	Ranks idset.Set
}

// Jobs are the jobs of all users that run on one of ranks, the newest first, no
// matter how many.
func (c *Client) Jobs(ctx context.Context, ranks idset.Set) ([]Job, error) {
	if ranks.IsEmpty() {
		return nil, nil
	}
	all, err := c.list(ctx, runningStates, "ranks", 0)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, job := range all {
		// A job that was canceled before it had ranks is cleaned up without any.
		if !job.Ranks.Intersect(ranks).IsEmpty() {
			jobs = append(jobs, Job{ID: job.ID.String(), Ranks: job.Ranks})
		}
	}
	return jobs, nil
}

// PendingJobs is the number of jobs of all users that wait for ranks, or for what they
// depend on.
func (c *Client) PendingJobs(ctx context.Context) (int, error) {
	jobs, err := c.list(ctx, pendingStates, "state", 0)
	return len(jobs), err
}

// listRequest asks for all jobs in some states. flux-core reads Constraint from 0.53 on.
// An older one asks for the fields behind it, which a newer one does not read then.
type listRequest struct {
	MaxEntries int              `json:"max_entries"` // 0: no matter how many
	Attrs      []string         `json:"attrs"`
	Constraint map[string][]int `json:"constraint"`
	UserID     uint32           `json:"userid"`
	States     int              `json:"states"`
	Results    int              `json:"results"`
	// Since leaves out jobs that were inactive at that time, in seconds since 1970.
	Since float64 `json:"since,omitempty"`
}

// allUsers is the user of jobs of no matter whom.
const allUsers = 1<<32 - 1

// listed is a job as job-list tells of it.
type listed struct {
	ID    JobID     `json:"id"`
	Ranks idset.Set `json:"ranks"`
	// Started is when it got its ranks, in seconds since 1970; 0 for never.
	Started float64 `json:"t_run"`
	Urgency int     `json:"urgency"`
}

// list lists the jobs in states, with another field than their ID, and of inactive ones
// those that have become so since a time.
func (c *Client) list(ctx context.Context, states int, attribute string, since float64) ([]listed, error) {
	request := listRequest{
		Attrs: []string{attribute}, Constraint: map[string][]int{"states": {states}},
		UserID: allUsers, States: states, Since: since,
	}
	var answer struct {
		Jobs []listed `json:"jobs"`
	}
	if err := c.request(ctx, topicJobs, request, &answer); err != nil {
		return nil, err
	}
	if answer.Jobs == nil {
		return nil, missing(topicJobs, "jobs")
	}
	return answer.Jobs, nil
}
