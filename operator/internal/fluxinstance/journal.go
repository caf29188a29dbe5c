package fluxinstance

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// topicJournal is a stream: what has happened to the resources, an answer without events
// behind that, and then what happens. flux-core has it from 0.72 on.
const topicJournal = "resource.journal"

// DrainedSinceOnline are the ranks that were drained after they came online last.
// An older Flux does not tell, and then there are none.
func (c *Client) DrainedSinceOnline(ctx context.Context) (idset.Set, error) {
	return c.drainedSince(ctx, "online", time.Time{})
}

// DrainedSince are the ranks that were drained after they went offline last, and not
// before start. An older Flux does not tell, and then there are none.
func (c *Client) DrainedSince(ctx context.Context, start time.Time) (idset.Set, error) {
	return c.drainedSince(ctx, "offline", start)
}

func (c *Client) drainedSince(ctx context.Context, event string, start time.Time) (idset.Set, error) {
	ctx, cancel := limit(ctx)
	defer cancel()
	stream, err := c.rpc.Stream(ctx, topicJournal, nil)
	if err != nil {
		return idset.Set{}, err
	}
	defer stream.Close()
	since := drainsSince{event: event, first: float64(start.UnixMicro()) / 1e6}
	for {
		var answer struct {
			Events []resourceEvent `json:"events"`
		}
		switch err := stream.Next(&answer); {
		case errors.Is(err, syscall.ENOSYS):
			return idset.Set{}, nil
		case err != nil:
			return idset.Set{}, fmt.Errorf("the past of flux %s: %w", topicJournal, err)
		case answer.Events == nil:
			return idset.Set{}, missing(topicJournal, "events")
		case len(answer.Events) == 0:
			return since.ranks, nil
		}
		for _, event := range answer.Events {
			if err := since.add(event); err != nil {
				return idset.Set{}, err
			}
		}
	}
}

// resourceEvent is an event of topicJournal, as far as we read it. Source: Flux RFC 28,
// and src/modules/resource/reslog.c of flux-core 0.88.
type resourceEvent struct {
	Timestamp float64 `json:"timestamp"`
	Name      string  `json:"name"`
	Context   struct {
		IDs *idset.Set `json:"idset"`
	} `json:"context"`
}

// drainsSince gathers the ranks that were drained since the last event of a name, and not
// before first, in seconds. Events are added in their order.
type drainsSince struct {
	event string
	first float64
	ranks idset.Set
}

func (d *drainsSince) add(event resourceEvent) error {
	switch event.Name {
	case "restart": // all ranks come online anew
		d.ranks = idset.Set{}
		return nil
	case d.event, "drain", "undrain":
	default:
		return nil
	}
	if event.Context.IDs == nil {
		return fmt.Errorf("flux %s: the event %q has no field %q", topicJournal, event.Name, "idset")
	}
	d.ranks = d.ranks.Minus(*event.Context.IDs)
	if event.Name == "drain" && event.Timestamp >= d.first {
		d.ranks = d.ranks.Union(*event.Context.IDs)
	}
	return nil
}
