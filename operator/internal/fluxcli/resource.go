package fluxcli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Drain keeps new jobs from ranks. Running ones go on. Ranks that are drained
// already stay so and keep their reason, unless they have none. Ranks that are not
// online can be drained too. Ranks that the instance does not have are an error, and
// then none is drained. reason is one line.
func (c *Client) Drain(ctx context.Context, ranks idset.Set, reason string) error {
	return c.drain(ctx, "--update", ranks, reason)
}

// DrainAnew is Drain, and gives ranks that are drained already the new reason.
func (c *Client) DrainAnew(ctx context.Context, ranks idset.Set, reason string) error {
	return c.drain(ctx, "--force", ranks, reason)
}

func (c *Client) drain(ctx context.Context, option string, ranks idset.Set, reason string) error {
	if ranks.IsEmpty() {
		return nil
	}
	_, err := c.run(ctx, "resource", "drain", option, ranks.String(), reason)
	return err
}

// Undrain gives ranks back to the scheduler. Ranks that are not drained, or that
// the instance does not have, are left out. When somebody else undrains some of them
// at the same time, two more commands are run.
//
// It does without "undrain --update", which older versions do not have.
func (c *Client) Undrain(ctx context.Context, ranks idset.Set) error {
	if ranks.IsEmpty() {
		return nil
	}
	_, err := c.run(ctx, "resource", "undrain", ranks.String())
	if err == nil || !Exited(err) {
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
	_, err = c.run(ctx, "resource", "undrain", drained.String())
	return err
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

// Drained lists the drained ranks, online or not.
func (c *Client) Drained(ctx context.Context) (Drains, error) {
	mark, format := newMark(), "{ranks} {reason}"
	output, err := c.run(ctx, "resource", "drain", "--no-header", "--format", mark+format)
	if failed, ok := errors.AsType[*CommandError](err); ok {
		// Failures that are equal say the same: see parseDrains.
		failed.Args[len(failed.Args)-1] = format
	}
	if err != nil {
		return nil, err
	}
	return parseDrains(output, mark)
}

// newMark returns what begins each line that Flux prints of what we have asked for.
// The fields of the line may hold text that a user chose, with line ends in it.
// Nobody can put a mark behind those that did not exist when he wrote it.
func newMark() string { return rand.Text() + "=" }

// parseDrains leaves the mark out of its errors. The operator takes another text for
// another failure, and writes a status for each.
func parseDrains(output, mark string) (Drains, error) {
	var drains Drains
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		text, marked := strings.CutPrefix(line, mark)
		if !marked {
			if len(drains) > 0 {
				drains[len(drains)-1].Reason += "\n" + line
				continue
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			return nil, fmt.Errorf("output of flux resource drain: a line begins with %q, not as we asked for", shorten(line))
		}
		ranksText, reason, _ := strings.Cut(text, " ")
		ranks, err := idset.Parse(ranksText)
		if err != nil {
			return nil, fmt.Errorf("output of flux resource drain: %w", err)
		}
		drains = append(drains, Drain{Ranks: ranks, Reason: strings.TrimSpace(reason)})
	}
	return drains, nil
}

// DrainedSinceOnline are the ranks that were drained after they came online last.
// An older Flux does not tell, and then there are none.
func (c *Client) DrainedSinceOnline(ctx context.Context) (idset.Set, error) {
	if !c.version.AtLeast(resourceEventlog) {
		return idset.Set{}, nil
	}
	output, err := c.run(ctx, "resource", "eventlog", "--format", "json")
	if err != nil {
		return idset.Set{}, err
	}
	return parseDrainedSinceOnline(output)
}

// parseDrainedSinceOnline reads events in their order.
// Source: Flux RFC 28, and src/modules/resource/reslog.c of flux-core 0.88.
func parseDrainedSinceOnline(output string) (idset.Set, error) {
	var since idset.Set
	for line := range strings.Lines(output) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var event struct {
			Name    string `json:"name"`
			Context struct {
				IDs string `json:"idset"`
			} `json:"context"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return since, fmt.Errorf("output of flux resource eventlog: %w", err)
		}
		if event.Name == "restart" { // all ranks come online anew
			since = idset.Set{}
			continue
		}
		if event.Name != "online" && event.Name != "drain" && event.Name != "undrain" {
			continue
		}
		ranks, err := idset.Parse(event.Context.IDs)
		if err != nil {
			return since, fmt.Errorf("output of flux resource eventlog: %w", err)
		}
		since = since.Minus(ranks)
		if event.Name == "drain" {
			since = since.Union(ranks)
		}
	}
	return since, nil
}

// Allocated are those of ranks that run jobs, or clean up after one.
func (c *Client) Allocated(ctx context.Context, ranks idset.Set) (idset.Set, error) {
	if ranks.IsEmpty() {
		return idset.Set{}, nil
	}
	// Chosen here and not by --include, which is an error for ranks that the
	// instance does not have.
	allocated, err := c.ranks(ctx, "resource", "list", "--states", "allocated", "--no-header", "--format", "{ranks}")
	if err != nil {
		return idset.Set{}, err
	}
	return ranks.Intersect(allocated), nil
}

// Online are the ranks whose brokers are up, drained or not.
func (c *Client) Online(ctx context.Context) (idset.Set, error) {
	return c.ranks(ctx, "resource", "status", "--states", "online", "--no-header", "--format", "{ranks}")
}

// ranks runs a command that prints sets of ranks, and is all of them.
func (c *Client) ranks(ctx context.Context, args ...string) (idset.Set, error) {
	output, err := c.run(ctx, args...)
	if err != nil {
		return idset.Set{}, err
	}
	ranks, err := parseRanks(output)
	if err != nil {
		return idset.Set{}, fmt.Errorf("output of flux %s: %w", strings.Join(args[:2], " "), err)
	}
	return ranks, nil
}

// parseRanks reads lines that are sets of ranks, and is all of them.
func parseRanks(output string) (idset.Set, error) {
	var all idset.Set
	for line := range strings.Lines(output) {
		ranks, err := idset.Parse(strings.TrimSpace(line))
		if err != nil {
			return idset.Set{}, err
		}
		all = all.Union(ranks)
	}
	return all, nil
}
