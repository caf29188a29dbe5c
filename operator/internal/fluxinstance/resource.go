package fluxinstance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Topics that tell of resources.
const (
	topicStatus = "resource.status"
	// topicAllocated tells of jobs that have ranks. flux-core has it from 0.61 on.
	topicAllocated = "resource.sched-status"
	// topicGiven asks the scheduler itself.
	topicGiven = "sched.resource-status"
)

// Online are the ranks whose brokers are up, drained or not.
func (c *Client) Online(ctx context.Context) (idset.Set, error) {
	var status resourceStatus
	if err := c.request(ctx, topicStatus, nil, &status); err != nil {
		return idset.Set{}, err
	}
	if status.Online == nil {
		return idset.Set{}, missing(topicStatus, "online")
	}
	return *status.Online, nil
}

// Allocated are those of ranks that run jobs, are about to, or clean up after one. Of
// ranks that were drained before, those that it leaves out get no job any more.
//
// The scheduler gives a rank to a job before anybody else knows, and hears of a drain
// after who asked for it has been answered. So it is asked itself, behind a question to
// the resource module, whose word to the scheduler goes first. It is asked twice: it may
// answer the first question before it reads that word.
//
// Source: post_handler in src/modules/resource/reslog.c and alloc_success in
// src/bindings/python/flux/scheduler.py of flux-core 0.88.
func (c *Client) Allocated(ctx context.Context, ranks idset.Set) (idset.Set, error) {
	if ranks.IsEmpty() {
		return idset.Set{}, nil
	}
	var all idset.Set
	var missing error
	told := false
	for _, topic := range []string{topicAllocated, topicGiven, topicGiven} {
		var answer allocatedStatus
		err := c.request(ctx, topic, nil, &answer)
		if errors.Is(err, syscall.ENOSYS) { // an older flux-core, or no scheduler, which then gives nothing
			missing = err
			continue
		}
		if err != nil {
			return idset.Set{}, err
		}
		allocated, err := answer.ranks()
		if err != nil {
			return idset.Set{}, fmt.Errorf("flux %s: allocated: %w", topic, err)
		}
		all, told = all.Union(allocated), true
	}
	if !told {
		return idset.Set{}, missing
	}
	return ranks.Intersect(all), nil
}

// allocatedStatus is an answer to topicAllocated or topicGiven, as far as we read it: resources in the
// form of Flux RFC 20, or null for none.
type allocatedStatus struct {
	Allocated json.RawMessage `json:"allocated"`
}

// ranks are those of the allocated resources.
func (s allocatedStatus) ranks() (idset.Set, error) {
	if len(s.Allocated) == 0 {
		return idset.Set{}, errors.New("there is no such field")
	}
	var resources *struct {
		Version   int `json:"version"`
		Execution struct {
			Lite []struct {
				Rank *idset.Set `json:"rank"`
			} `json:"R_lite"`
		} `json:"execution"`
	}
	if err := json.Unmarshal(s.Allocated, &resources); err != nil {
		return idset.Set{}, err
	}
	var ranks idset.Set
	if resources == nil {
		return ranks, nil
	}
	if resources.Version != 1 {
		return ranks, fmt.Errorf("resources of version %d, want 1", resources.Version)
	}
	for _, entry := range resources.Execution.Lite {
		if entry.Rank == nil {
			return idset.Set{}, errors.New("an entry of R_lite has no rank")
		}
		ranks = ranks.Union(*entry.Rank)
	}
	return ranks, nil
}
