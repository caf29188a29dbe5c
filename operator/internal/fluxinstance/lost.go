package fluxinstance

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// topicForget has Fluxion free the ranks of a job.
const topicForget = "sched-fluxion-resource.cancel"

// LostJobs are jobs that had ranks before an instance began anew at a time, and have lost
// them. ended are inactive by now; left is the number of those that are still to end.
func (c *Client) LostJobs(ctx context.Context, began time.Time) (ended []JobID, left int, err error) {
	since := float64(began.UnixNano()) / float64(time.Second)
	running, err := c.list(ctx, runningStates, "t_run", 0)
	if err != nil {
		return nil, 0, err
	}
	inactive, err := c.list(ctx, inactiveState, "t_run", since)
	if err != nil {
		return nil, 0, err
	}
	hadRanks := func(job listed) bool { return job.Started > 0 && job.Started < since }
	for _, job := range running {
		if hadRanks(job) {
			left++
		}
	}
	for _, job := range inactive {
		if hadRanks(job) {
			ended = append(ended, job.ID)
		}
	}
	return ended, left, nil
}

// Forget has Fluxion free the ranks of a job that has ended, and tells whether it still held
// them. A job that fails while Fluxion is told of it, at the start of an instance, it keeps
// for good: nobody gets its ranks any more. Other schedulers do not.
// Seen with flux-sched 0.54: hello and free in qmanager/modules/qmanager_callbacks.cpp.
func (c *Client) Forget(ctx context.Context, id JobID) (held bool, err error) {
	err = c.request(ctx, topicForget, struct {
		ID JobID `json:"jobid"`
	}{id}, nil)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOSYS) {
		return false, nil
	}
	return err == nil, err
}
