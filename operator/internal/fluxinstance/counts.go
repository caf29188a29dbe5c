package fluxinstance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// topicJobCounts tells how many jobs there are in each state.
const topicJobCounts = "job-list.job-stats"

// Counts are the numbers of nodes, cores, GPUs and jobs, as "flux resource list" and "flux
// job stats" have them. Flux counts no jobs that are new: they are so for a moment only.
func (c *Client) Counts(ctx context.Context) (agentapi.Counts, error) {
	resources, topic, err := c.scheduled(ctx)
	if err != nil {
		return agentapi.Counts{}, err
	}
	counts, err := resources.count()
	if err != nil {
		return agentapi.Counts{}, fmt.Errorf("flux %s: %w", topic, err)
	}
	counts.Jobs, err = c.jobCounts(ctx)
	return counts, err
}

// scheduled asks what there is, what is down, and what jobs have; also which topic tells.
func (c *Client) scheduled(ctx context.Context) (resources scheduledStatus, topic string, err error) {
	for _, topic = range []string{topicAllocated, topicGiven} {
		if err = c.request(ctx, topic, nil, &resources); !errors.Is(err, syscall.ENOSYS) {
			break
		}
	}
	return resources, topic, err
}

func (c *Client) jobCounts(ctx context.Context) (agentapi.JobCounts, error) {
	var answer struct {
		States *struct {
			Depend, Priority, Sched, Run, Cleanup, Inactive *int
		} `json:"job_states"`
	}
	var counts agentapi.JobCounts
	if err := c.request(ctx, topicJobCounts, struct{}{}, &answer); err != nil {
		return counts, err
	}
	if answer.States == nil {
		return counts, missing(topicJobCounts, "job_states")
	}
	for _, state := range []struct {
		name string
		from *int
		to   *int
	}{
		{"depend", answer.States.Depend, &counts.Depend},
		{"priority", answer.States.Priority, &counts.Priority},
		{"sched", answer.States.Sched, &counts.Sched},
		{"run", answer.States.Run, &counts.Run},
		{"cleanup", answer.States.Cleanup, &counts.Cleanup},
		{"inactive", answer.States.Inactive, &counts.Inactive},
	} {
		if state.from == nil {
			return counts, missing(topicJobCounts, "job_states."+state.name)
		}
		*state.to = *state.from
	}
	return counts, nil
}

// count counts what is up, and what of it no job has.
func (s scheduledStatus) count() (agentapi.Counts, error) {
	all, err := partsOf("all", s.All)
	down, errDown := partsOf("down", s.Down)
	allocated, errAllocated := partsOf("allocated", s.Allocated)
	if err = cmp.Or(err, errDown, errAllocated); err != nil {
		return agentapi.Counts{}, err
	}
	var offline, busy idset.Set
	for _, part := range down {
		offline = offline.Union(part.ranks)
	}
	var counts agentapi.Counts
	for _, part := range all {
		up := part.ranks.Minus(offline).Len()
		counts.Nodes.Up += up
		counts.Cores.Up += up * part.cores
		counts.GPUs.Up += up * part.gpus
	}
	counts.Cores.Free, counts.GPUs.Free = counts.Cores.Up, counts.GPUs.Up
	for _, part := range allocated {
		taken := part.ranks.Minus(offline)
		busy = busy.Union(taken)
		counts.Cores.Free -= taken.Len() * part.cores
		counts.GPUs.Free -= taken.Len() * part.gpus
	}
	counts.Nodes.Free = counts.Nodes.Up - busy.Len()
	if counts.Nodes.Free < 0 || counts.Cores.Free < 0 || counts.GPUs.Free < 0 {
		return agentapi.Counts{}, errors.New("more is allocated than there is")
	}
	return counts, nil
}
