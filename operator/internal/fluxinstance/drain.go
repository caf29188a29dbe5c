package fluxinstance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// Topics of drains.
const (
	topicDrain   = "resource.drain"
	topicUndrain = "resource.undrain"
)

// drainRequest asks for ranks to be drained or undrained.
type drainRequest struct {
	Targets string `json:"targets"`
	Reason  string `json:"reason,omitempty"`
	Mode    string `json:"mode,omitempty"`
}

// Drain keeps new jobs from ranks. Running ones go on. Ranks that are drained
// already stay so and keep their reason, unless they have none. Ranks that are not
// online can be drained too. Ranks that the instance does not have are an error, and
// then none is drained. reason is one line.
func (c *Client) Drain(ctx context.Context, ranks idset.Set, reason string) error {
	return c.drain(ctx, ranks, reason, "update")
}

// DrainAnew is Drain, and gives ranks that are drained already the new reason.
func (c *Client) DrainAnew(ctx context.Context, ranks idset.Set, reason string) error {
	return c.drain(ctx, ranks, reason, "overwrite")
}

func (c *Client) drain(ctx context.Context, ranks idset.Set, reason, mode string) error {
	if ranks.IsEmpty() {
		return nil
	}
	return c.request(ctx, topicDrain, drainRequest{ranks.String(), reason, mode}, nil)
}

// Undrain gives ranks back to the scheduler. Ranks that are not drained, or that
// the instance does not have, are left out. When somebody else undrains some of them
// at the same time, it asks twice more.
//
// It does without the mode "update", which older versions do not have.
func (c *Client) Undrain(ctx context.Context, ranks idset.Set) error {
	if ranks.IsEmpty() {
		return nil
	}
	err := c.undrain(ctx, ranks)
	if _, refused := errors.AsType[*fluxrpc.Error](err); !refused {
		return err
	}
	// Flux refuses the whole set when one of it is not drained.
	drains, lookErr := c.Drained(ctx)
	if lookErr != nil {
		return err
	}
	drained := ranks.Intersect(drains.Ranks())
	switch drained.Len() {
	case 0:
		return nil
	case ranks.Len():
		return err
	}
	return c.undrain(ctx, drained)
}

func (c *Client) undrain(ctx context.Context, ranks idset.Set) error {
	return c.request(ctx, topicUndrain, drainRequest{Targets: ranks.String()}, nil)
}

// Drains are the drained ranks of an instance.
type Drains []Drain

// Drain are the ranks that were drained for one reason, which may be empty.
type Drain struct {
	Ranks  idset.Set
	Reason string
}

// Ranks are all of them, whatever the reason.
func (d Drains) Ranks() idset.Set { return d.Because("") }

// Because are those whose reason begins with prefix.
func (d Drains) Because(prefix string) idset.Set {
	var ranks idset.Set
	for _, drain := range d {
		if strings.HasPrefix(drain.Reason, prefix) {
			ranks = ranks.Union(drain.Ranks)
		}
	}
	return ranks
}

// Drained lists the drained ranks, online or not, by their reasons.
func (c *Client) Drained(ctx context.Context) (Drains, error) {
	var status resourceStatus
	if err := c.request(ctx, topicStatus, nil, &status); err != nil {
		return nil, err
	}
	return status.drains()
}

// resourceStatus is an answer to topicStatus, as far as we read it.
type resourceStatus struct {
	// Drain has sets of ranks as its keys. Ranks that were drained at another time
	// are another entry.
	Drain map[string]struct {
		Reason string `json:"reason"`
	} `json:"drain"`
	Online *idset.Set `json:"online"`
}

func (s resourceStatus) drains() (Drains, error) {
	if s.Drain == nil {
		return nil, missing(topicStatus, "drain")
	}
	byReason := map[string]idset.Set{}
	for text, entry := range s.Drain {
		ranks, err := idset.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("flux %s: drain: %w", topicStatus, err)
		}
		byReason[entry.Reason] = byReason[entry.Reason].Union(ranks)
	}
	var drains Drains
	for reason, ranks := range byReason {
		drains = append(drains, Drain{Ranks: ranks, Reason: reason})
	}
	slices.SortFunc(drains, func(a, b Drain) int { return cmp.Compare(a.Reason, b.Reason) })
	return drains, nil
}
