package demand

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unique"
)

// maxCount bounds a number of a jobspec, so that products of two cannot overflow.
const maxCount = 1 << 30

// maxDepth bounds how deep resources of a jobspec may be nested.
// Source: MAX_RESOURCE_DEPTH in Rv1Pool.py of flux-core.
const maxDepth = 100

// NeedsFlux says which flux-core tells all that is needed: since 0.63 the journal of jobs
// has jobspecs, and since 0.72 there is one of resources. Source: its NEWS.md.
const NeedsFlux = "scaling by the queue needs flux-core 0.72 or newer"

// Request is what a job asks for. Of a range it has the least, with which the job
// starts. Equal requests are equal values.
type Request struct {
	// Nodes is the number of ranks, or 0 for slots on any ranks.
	Nodes int64
	// Slots is the number of slots, on each node or in total without Nodes. Each takes
	// Cores and GPUs of one rank.
	Slots, Cores, GPUs int64
	// Exclusive says that the nodes must be empty.
	Exclusive bool
	// Constraint restricts the ranks: an object of RFC 31 in JSON, or empty.
	Constraint string
	// Problem says what is not understood. Then the job counts as one whole rank.
	Problem string
}

// jobspec is the part of a jobspec that says where a job can run.
// Source: Flux RFC 14, RFC 25.
type jobspec struct {
	Resources  []resource `json:"resources"`
	Attributes struct {
		System struct {
			Queue       string          `json:"queue"`
			Constraints json.RawMessage `json:"constraints"`
		} `json:"system"`
	} `json:"attributes"`
}

type resource struct {
	Type      string     `json:"type"`
	Count     count      `json:"count"`
	Exclusive bool       `json:"exclusive"`
	With      []resource `json:"with"`
}

// count is the least of a number of resources; 0: none is given, which means 1.
type count int64

// UnmarshalJSON reads a number, an object with a minimum, or the text of a range or a
// set, such as "2-8:2:*", "2+", "1,7-9".
// Source: Flux RFC 14 and RFC 45, and libjob/count.h of flux-core.
func (c *count) UnmarshalJSON(data []byte) error {
	var text string
	switch data[0] {
	case '{':
		var bounds struct {
			Min json.Number `json:"min"`
		}
		if err := json.Unmarshal(data, &bounds); err != nil {
			return err
		}
		text = string(bounds.Min)
	case '"':
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		text = strings.TrimPrefix(strings.TrimSpace(text), "[")
		if end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); end > 0 {
			text = text[:end]
		}
	default:
		text = string(data)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > maxCount {
		return fmt.Errorf("count %.40s must be from 1 to %d", data, maxCount)
	}
	*c = count(n)
	return nil
}

// parseJobspec returns what a job asks for, and the name of its queue.
func parseJobspec(data []byte) (Request, string) {
	var spec jobspec
	if len(data) == 0 {
		return notUnderstood(errors.New("flux does not tell it: " + NeedsFlux)), ""
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		return notUnderstood(err), ""
	}
	request, err := parseResources(spec.Resources)
	if err != nil {
		request = notUnderstood(err)
	}
	request.Constraint = constraintText(spec.Attributes.System.Constraints)
	return request, spec.Attributes.System.Queue
}

func notUnderstood(err error) Request {
	return Request{Nodes: 1, Slots: 1, Exclusive: true, Problem: fmt.Sprintf("its jobspec is not understood, and it counts as one rank: %v", err)}
}

// constraintText is the constraint in one form, so that equal ones are equal. Keys of
// objects come sorted.
func constraintText(data json.RawMessage) string {
	var value any
	if err := json.Unmarshal(data, &value); err != nil || value == nil {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

// parseResources reads the resources of a jobspec. Types that it does not know count as
// groups of what is in them, as for Flux's own schedulers: two racks of three nodes are
// six nodes.
func parseResources(resources []resource) (Request, error) {
	var w walk
	if err := w.visit(resources, 1, 0); err != nil {
		return Request{}, err
	}
	r := Request{Nodes: w.nodes, Slots: w.slots, Cores: w.cores, GPUs: w.gpus, Exclusive: w.exclusive}
	switch {
	case w.nodes == 0 && w.slots == 0:
		return Request{}, errors.New("resources have neither a node nor a slot")
	case w.nodes == 0 && w.cores == 0:
		return Request{}, errors.New("a slot has no cores")
	case w.nodes == 0 && r.Exclusive: // Each slot takes a node of its own.
		r.Nodes, r.Slots = r.Slots, 1
	case w.nodes > 0 && (w.slotAbove || w.slots == 0):
		// A slot of whole nodes, or nodes without slots.
		r.Slots, r.Exclusive = 1, r.Exclusive || w.slotAbove || w.cores == 0
	case w.nodes > 0 && w.cores == 0:
		r.Exclusive = true
	}
	return r, nil
}

// walk gathers what the resources of a jobspec add up to.
type walk struct {
	nodes, slots, cores, gpus int64
	exclusive                 bool
	slotAbove                 bool // the slot is not within a node but around it
}

// visit adds resources, which stand factor times in what is above them.
func (w *walk) visit(resources []resource, factor int64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("resources are nested deeper than %d", maxDepth)
	}
	for _, each := range resources {
		n := max(int64(each.Count), 1)
		total := min(n*factor, maxCount)
		below := total
		switch each.Type {
		case "node":
			if w.nodes > 0 {
				return errors.New("resources have more than one kind of node")
			}
			w.nodes, w.slotAbove, below = total, w.slots > 0, 1
			w.exclusive = w.exclusive || each.Exclusive
		case "slot":
			if w.slots > 0 {
				return errors.New("resources have more than one kind of slot")
			}
			w.slots = total
			w.exclusive = w.exclusive || each.Exclusive
			if !holdsNode(each.With, 0) {
				below = 1
			}
		case "core":
			w.cores = min(w.cores+total, maxCount)
		case "gpu":
			w.gpus = min(w.gpus+total, maxCount)
		}
		if err := w.visit(each.With, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func holdsNode(resources []resource, depth int) bool {
	for _, each := range resources {
		if each.Type == "node" || depth < maxDepth && holdsNode(each.With, depth+1) {
			return true
		}
	}
	return false
}

// shared keeps each different request once, however many jobs have it.
type shared = unique.Handle[Request]
