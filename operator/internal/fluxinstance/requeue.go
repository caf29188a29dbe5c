package fluxinstance

import (
	"context"
	"fmt"
)

// Topics of jobs that go back into the queue.
const (
	topicLookup = "job-info.lookup"
	topicSubmit = "job-ingest.submit"
	topicRaise  = "job-manager.raise"
)

// RunningJob is a job that runs: its ranks work for it, and no end was made of it.
type RunningJob struct {
	ID      JobID
	Urgency int
}

// RunningJobs are the jobs of all users that run.
func (c *Client) RunningJobs(ctx context.Context) ([]RunningJob, error) {
	all, err := c.list(ctx, runState, "urgency", 0)
	var jobs []RunningJob
	for _, job := range all {
		jobs = append(jobs, RunningJob{job.ID, job.Urgency})
	}
	return jobs, err
}

// Requeue submits what a job was submitted with, and cancels it. It returns the ID of the
// new one. Flux itself knows no way back from running to waiting.
// Source: the signed jobspec J of Flux RFC 14 and 15.
func (c *Client) Requeue(ctx context.Context, job RunningJob) (JobID, error) {
	var asked struct {
		J string `json:"J"`
	}
	lookup := struct {
		ID    JobID    `json:"id"`
		Keys  []string `json:"keys"`
		Flags int      `json:"flags"`
	}{job.ID, []string{"J"}, 0}
	if err := c.request(ctx, topicLookup, lookup, &asked); err != nil {
		return 0, err
	}
	if asked.J == "" {
		return 0, missing(topicLookup, "J")
	}
	var made struct {
		ID JobID `json:"id"`
	}
	submit := struct {
		J       string `json:"J"`
		Urgency int    `json:"urgency"`
		Flags   int    `json:"flags"`
	}{asked.J, job.Urgency, 0}
	if err := c.request(ctx, topicSubmit, submit, &made); err != nil {
		return 0, err
	}
	if made.ID == 0 {
		return 0, missing(topicSubmit, "id")
	}
	raise := struct {
		ID       JobID  `json:"id"`
		Type     string `json:"type"`
		Severity int    `json:"severity"`
		Note     string `json:"note"`
	}{job.ID, "cancel", 0, fmt.Sprintf("gopherlocks: its ranks end; submitted again as %s", made.ID)}
	return made.ID, c.request(ctx, topicRaise, raise, nil)
}
