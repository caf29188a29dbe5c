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
		var answer scheduledStatus
		err := c.request(ctx, topic, nil, &answer)
		if errors.Is(err, syscall.ENOSYS) { // an older flux-core, or no scheduler, which then gives nothing
			missing = err
			continue
		}
		if err != nil {
			return idset.Set{}, err
		}
		allocated, err := partsOf("allocated", answer.Allocated)
		if err != nil {
			return idset.Set{}, fmt.Errorf("flux %s: %w", topic, err)
		}
		for _, part := range allocated {
			all = all.Union(part.ranks)
		}
		told = true
	}
	if !told {
		return idset.Set{}, missing
	}
	return ranks.Intersect(all), nil
}

// scheduledStatus is an answer to topicAllocated or topicGiven: resources in the form of
// Flux RFC 20, or null for none.
type scheduledStatus struct {
	All       json.RawMessage `json:"all"`
	Down      json.RawMessage `json:"down"`
	Allocated json.RawMessage `json:"allocated"`
}

// part is ranks with as many cores and GPUs each.
type part struct {
	ranks       idset.Set
	cores, gpus int
}

// partsOf reads one of the sets of resources.
func partsOf(field string, r json.RawMessage) ([]part, error) {
	if len(r) == 0 {
		return nil, fmt.Errorf("%s: there is no such field", field)
	}
	var resources *struct {
		Version   int `json:"version"`
		Execution struct {
			Lite []struct {
				Rank     *idset.Set `json:"rank"`
				Children struct {
					Cores idset.Set `json:"core"`
					GPUs  idset.Set `json:"gpu"`
				} `json:"children"`
			} `json:"R_lite"`
		} `json:"execution"`
	}
	if err := json.Unmarshal(r, &resources); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if resources == nil {
		return nil, nil
	}
	if resources.Version != 1 {
		return nil, fmt.Errorf("%s: resources of version %d, want 1", field, resources.Version)
	}
	var parts []part
	for _, entry := range resources.Execution.Lite {
		if entry.Rank == nil {
			return nil, fmt.Errorf("%s: an entry of R_lite has no rank", field)
		}
		parts = append(parts, part{*entry.Rank, entry.Children.Cores.Len(), entry.Children.GPUs.Len()})
	}
	return parts, nil
}
