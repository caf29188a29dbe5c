package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// Sources: flux-resource(1), src/cmd/flux-resource.py and, for errors,
// src/modules/resource/drain.c.

// drain drains ranks or, without, lists those that are.
func drain(args []string) (int, error) {
	o, err := parseOptions(args, "u/update", "f/force", "n/no-header", "o/format=", "i/include=")
	if err != nil {
		return 2, err
	}
	if len(o.rest) == 0 {
		return 0, printStatus(o, []string{"drained", "draining"}, "{state} {ranks} {reason}")
	}
	change := o.change()
	if reason := strings.Join(o.rest[1:], " "); reason != "" {
		change.Reason = &reason
	}
	return 0, update(func(s *instance.State) error { return s.Drain(change) })
}

// change is what the options and targets ask for.
func (o options) change() instance.Change {
	change := instance.Change{Targets: &o.rest[0]}
	switch {
	case o.has("force"):
		change.Mode = "overwrite"
	case o.has("update"):
		change.Mode = "update"
	}
	return change
}

func undrain(args []string) (int, error) {
	o, err := parseOptions(args, "u/update", "f/force")
	if err != nil {
		return 2, err
	}
	if len(o.rest) == 0 {
		return 2, usagef("the following arguments are required: targets")
	}
	change := o.change()
	return 0, update(func(s *instance.State) error { return s.Undrain(change) })
}

// eventlog prints what has happened to ranks. Source: Flux RFC 28.
func eventlog(args []string) (int, error) {
	o, err := parseOptions(args, "f/format=")
	if err != nil {
		return 2, err
	}
	if o.text("format", "") != "json" {
		return 2, usagef("the stand-in for Flux plays \"resource eventlog --format json\" only")
	}
	_, s, err := read()
	if err != nil {
		return 0, err
	}
	for _, event := range s.Events {
		if err := json.NewEncoder(os.Stdout).Encode(event); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// choose is those of ranks that are as wished.
func choose(ranks idset.Set, wished func(int32) bool) idset.Set {
	var chosen idset.Set
	for rank := range ranks.All() {
		if wished(rank) {
			chosen = chosen.Union(idset.Range(rank, rank+1))
		}
	}
	return chosen
}

func resourceStatus(args []string) (int, error) {
	o, err := parseOptions(args, "n/no-header", "o/format=", "s/states=", "i/include=", "skip-empty")
	if err != nil {
		return 2, err
	}
	return 0, printStatus(o, o.list("states", "avail,drained,draining"), "{state} {status} {nnodes} {ranks}")
}

// printStatus prints ranks by the resource module's states. The states "online"
// and "offline" choose among those of the others.
func printStatus(o options, states []string, format string) error {
	for _, state := range states {
		if !slices.Contains([]string{"all", "online", "offline", "avail", "drain", "drained", "draining"}, state) {
			return fmt.Errorf("Invalid resource state %s specified", state) //nolint:staticcheck // Flux's own words
		}
	}
	c, s, err := read()
	if err != nil {
		return err
	}
	ranks, err := included(o, s)
	if err != nil {
		return err
	}
	online := c.folder.Online(s)
	allocated := allocatedRanks(s)
	wants := func(state string) bool {
		onlineOnly := !slices.ContainsFunc(states, func(s string) bool { return s != "online" && s != "offline" })
		return onlineOnly || slices.Contains(states, state) || slices.Contains(states, "all") ||
			state != "avail" && slices.Contains(states, "drain")
	}
	var rows []row
	for rank := range ranks.All() {
		state, status := "avail", "offline"
		drain, drained := s.Drained[rank]
		switch {
		case drained && allocated.Contains(rank):
			state = "draining"
		case drained:
			state = "drained"
		}
		if online[rank] {
			status = "online"
		}
		other := map[string]string{"online": "offline", "offline": "online"}[status]
		if !wants(state) || slices.Contains(states, other) && !slices.Contains(states, status) {
			continue
		}
		rows = append(rows, row{"state": state, "status": status, "reason": drain.Reason, "ranks": fmt.Sprint(rank), "nnodes": "1"})
	}
	return printRows(o.text("format", format), !o.has("no-header"), rows, "state", "status", "reason", "ranks", "nnodes")
}

func included(o options, s *instance.State) (idset.Set, error) {
	all := idset.Range(0, s.Size)
	if !o.has("include") {
		return all, nil
	}
	ranks, err := idset.Parse(o.text("include", ""))
	if err != nil {
		return all, fmt.Errorf("--include: %w", err)
	}
	return all.Minus(all.Minus(ranks)), nil
}

func allocatedRanks(s *instance.State) idset.Set {
	var ranks idset.Set
	for _, job := range s.Jobs {
		if job.State == instance.Running {
			ranks = ranks.Union(job.Ranks())
		}
	}
	return ranks
}

// resourceList prints ranks by the scheduler's states.
func resourceList(args []string) (int, error) {
	o, err := parseOptions(args, "n/no-header", "o/format=", "s/states=", "i/include=", "skip-empty")
	if err != nil {
		return 2, err
	}
	c, s, err := read()
	if err != nil {
		return 0, err
	}
	ranks, err := included(o, s)
	if err != nil {
		return 0, err
	}
	online, allocated := c.folder.Online(s), allocatedRanks(s)
	up := choose(ranks, func(rank int32) bool { _, drained := s.Drained[rank]; return online[rank] && !drained })
	byState := map[string]idset.Set{
		"all": ranks, "up": up, "down": ranks.Minus(up),
		"allocated": ranks.Minus(ranks.Minus(allocated)), "free": up.Minus(allocated),
	}
	var rows []row
	for _, state := range o.list("states", "free,allocated,down") {
		chosen, valid := byState[state]
		if !valid {
			return 0, fmt.Errorf("Invalid resource state %s specified", state) //nolint:staticcheck // Flux's own words
		}
		rows = append(rows, row{
			"state": state, "ranks": chosen.String(), "nnodes": fmt.Sprint(chosen.Len()),
			"ncores": fmt.Sprint(int32(chosen.Len()) * s.Cores),
		})
	}
	return 0, printRows(o.text("format", "{state} {nnodes} {ncores} {ranks}"), !o.has("no-header"), rows, "state", "ranks", "nnodes", "ncores")
}
