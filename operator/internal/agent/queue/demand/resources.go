package demand

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// Ranks is what the instance says of its ranks.
type Ranks struct {
	// Parts are the cores and GPUs that ranks have.
	Parts []Part
	// Online are the ranks that are up. Barred are those that get no jobs, and that
	// growing does not change: drained by somebody else than us, or excluded.
	Online, Barred idset.Set
	// properties are the ranks that have each property.
	properties map[string]idset.Set
	// nodelist has the host names, in the order of the ranks.
	nodelist []string
}

// Part is ranks with equal shares: of an instance, or of what a job holds.
type Part struct {
	Ranks idset.Set
	// Cores and GPUs of each of the ranks.
	Cores, GPUs int64
}

// resourceSet is R. Source: Flux RFC 20.
type resourceSet struct {
	Execution struct {
		Parts []struct {
			Ranks    idset.Set `json:"rank"`
			Children struct {
				Cores idset.Set `json:"core"`
				GPUs  idset.Set `json:"gpu"`
			} `json:"children"`
		} `json:"R_lite"`
		Nodelist   []string             `json:"nodelist"`
		Properties map[string]idset.Set `json:"properties"`
	} `json:"execution"`
}

func (r resourceSet) parts() []Part {
	var parts []Part
	for _, each := range r.Execution.Parts {
		parts = append(parts, Part{Ranks: each.Ranks, Cores: int64(each.Children.Cores.Len()), GPUs: int64(each.Children.GPUs.Len())})
	}
	return parts
}

// parseR reads what a job holds.
func parseR(data []byte) ([]Part, error) {
	var r resourceSet
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("resource set R: %w", err)
	}
	return r.parts(), nil
}

// ParseRanks reads the answer to resource.status.
// Source: src/modules/resource/status.c of flux-core.
func ParseRanks(data []byte) (Ranks, error) {
	var status struct {
		R     resourceSet `json:"R"`
		Drain map[string]struct {
			Reason string `json:"reason"`
		} `json:"drain"`
		Online  idset.Set `json:"online"`
		Exclude idset.Set `json:"exclude"`
	}
	if err := json.Unmarshal(data, &status); err != nil {
		return Ranks{}, fmt.Errorf("resource.status: %w", err)
	}
	barred := status.Exclude
	for text, drain := range status.Drain {
		ranks, err := idset.Parse(text)
		if err != nil {
			return Ranks{}, fmt.Errorf("resource.status: drain: %w", err)
		}
		if !strings.HasPrefix(drain.Reason, agentapi.DrainReason) {
			barred = barred.Union(ranks)
		}
	}
	return Ranks{
		Parts: status.R.parts(), Online: status.Online, Barred: barred,
		properties: status.R.Execution.Properties, nodelist: status.R.Execution.Nodelist,
	}, nil
}

// all are the ranks of R.
func (r Ranks) all() idset.Set {
	var all idset.Set
	for _, each := range r.Parts {
		all = all.Union(each.Ranks)
	}
	return all
}

// satisfying returns the ranks that satisfy a constraint.
// Source: Flux RFC 31.
func (r Ranks) satisfying(constraint string) (idset.Set, error) {
	var value map[string]json.RawMessage
	if err := json.Unmarshal([]byte(constraint), &value); err != nil {
		return idset.Set{}, fmt.Errorf("constraint: %w", err)
	}
	return r.satisfyingAll(value)
}

// satisfyingAll returns the ranks that satisfy each of the conditions.
func (r Ranks) satisfyingAll(conditions map[string]json.RawMessage) (idset.Set, error) {
	all := r.all()
	for operator, data := range conditions {
		ranks, err := r.satisfyingOne(operator, data)
		if err != nil {
			return idset.Set{}, err
		}
		all = all.Intersect(ranks)
	}
	return all, nil
}

func (r Ranks) satisfyingOne(operator string, data json.RawMessage) (idset.Set, error) {
	switch operator {
	case "and", "or", "not":
		return r.satisfyingGroup(operator, data)
	}
	var values []string
	if err := json.Unmarshal(data, &values); err != nil {
		return idset.Set{}, fmt.Errorf("constraint %.40q: %w", operator, err)
	}
	switch operator {
	case "properties":
		all := r.all()
		for _, name := range values {
			name, without := strings.CutPrefix(name, "^")
			if without {
				all = all.Minus(r.properties[name])
			} else {
				all = all.Intersect(r.properties[name])
			}
		}
		return all, nil
	case "ranks":
		return unionOf(values, idset.Parse)
	case "hostlist":
		return unionOf(values, r.ranksOf)
	}
	return idset.Set{}, fmt.Errorf("constraint %.40q is not known", operator)
}

// satisfyingGroup combines the values of a boolean operator. "not" is of all of its
// values, if it has several.
func (r Ranks) satisfyingGroup(operator string, data json.RawMessage) (idset.Set, error) {
	var values []map[string]json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		return idset.Set{}, fmt.Errorf("constraint %q: %w", operator, err)
	}
	all, some := r.all(), idset.Set{}
	for _, each := range values {
		ranks, err := r.satisfyingAll(each)
		if err != nil {
			return idset.Set{}, err
		}
		all, some = all.Intersect(ranks), some.Union(ranks)
	}
	switch operator {
	case "or":
		return some, nil
	case "not":
		return r.all().Minus(all), nil
	}
	return all, nil
}

func unionOf(values []string, parse func(string) (idset.Set, error)) (idset.Set, error) {
	var union idset.Set
	for _, text := range values {
		ranks, err := parse(text)
		if err != nil {
			return idset.Set{}, fmt.Errorf("constraint: %w", err)
		}
		union = union.Union(ranks)
	}
	return union, nil
}

// ranksOf returns the ranks of hosts.
func (r Ranks) ranksOf(list string) (idset.Set, error) {
	asked, err := expandHosts([]string{list})
	if err != nil {
		return idset.Set{}, err
	}
	wanted := map[string]bool{}
	for _, host := range asked {
		wanted[host] = true
	}
	hosts, err := expandHosts(r.nodelist)
	if err != nil {
		return idset.Set{}, err
	}
	var ranks []int32
	next := 0
	for rank := range r.all().All() { // hosts come in the order of ranks
		if next < len(hosts) && wanted[hosts[next]] {
			ranks = append(ranks, rank)
		}
		next++
	}
	return idset.Of(ranks...), nil
}

func expandHosts(lists []string) ([]string, error) {
	var hosts []string
	if len(lists) == 1 && !strings.Contains(lists[0], "[") {
		return strings.Split(lists[0], ","), nil
	}
	for _, list := range lists {
		more, err := fluxconf.ExpandHosts(list)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, more...)
	}
	return hosts, nil
}
