package instance

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Source: Flux RFC 31, and src/modules/job-list/match.c.

// constraint reads which jobs are asked for. The operators are those of Flux that
// choose by state, rank and name, and what joins them.
func constraint(text []byte) (func(*Job) bool, error) {
	var operators map[string]json.RawMessage
	if err := json.Unmarshal(text, &operators); err != nil {
		return nil, fmt.Errorf("constraint must be JSON object")
	}
	for operator, operands := range operators {
		var values []json.RawMessage
		if err := json.Unmarshal(operands, &values); err != nil {
			return nil, fmt.Errorf("operator %s values not an array", operator)
		}
		read := map[string]func([]json.RawMessage) (func(*Job) bool, error){
			"and": readAnd, "or": readOr, "not": readNot, "states": readStates, "ranks": readRanks, "name": readNames,
		}[operator]
		if read == nil {
			return nil, fmt.Errorf("unknown constraint operator: %s", operator)
		}
		return read(values) // Flux too takes the first operator alone
	}
	return func(*Job) bool { return true }, nil
}

func readAll(values []json.RawMessage) ([]func(*Job) bool, error) {
	var all []func(*Job) bool
	for _, value := range values {
		one, err := constraint(value)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func readAnd(values []json.RawMessage) (func(*Job) bool, error) {
	all, err := readAll(values)
	return func(job *Job) bool {
		return !slices.ContainsFunc(all, func(matches func(*Job) bool) bool { return !matches(job) })
	}, err
}

func readOr(values []json.RawMessage) (func(*Job) bool, error) {
	all, err := readAll(values)
	return func(job *Job) bool {
		return len(all) == 0 || slices.ContainsFunc(all, func(matches func(*Job) bool) bool { return matches(job) })
	}, err
}

func readNot(values []json.RawMessage) (func(*Job) bool, error) {
	all, err := readAnd(values)
	return func(job *Job) bool { return !all(job) }, err
}

// readStates reads numbers, of which each may stand for several states.
func readStates(values []json.RawMessage) (func(*Job) bool, error) {
	wanted := 0
	for _, value := range values {
		var number int
		if err := json.Unmarshal(value, &number); err != nil {
			return nil, fmt.Errorf("invalid states value %s", value)
		}
		wanted |= number
	}
	return func(job *Job) bool { return bits[job.Visible()]&wanted != 0 }, nil
}

func readRanks(values []json.RawMessage) (func(*Job) bool, error) {
	var wanted idset.Set
	for _, value := range values {
		var ranks idset.Set
		if err := json.Unmarshal(value, &ranks); err != nil {
			return nil, fmt.Errorf("ranks value %s: error parsing range", value)
		}
		wanted = wanted.Union(ranks)
	}
	return func(job *Job) bool { return !job.Ranks().Intersect(wanted).IsEmpty() }, nil
}

func readNames(values []json.RawMessage) (func(*Job) bool, error) {
	var names []string
	for _, value := range values {
		var name string
		if err := json.Unmarshal(value, &name); err != nil {
			return nil, fmt.Errorf("invalid name value %s", value)
		}
		names = append(names, name)
	}
	return func(job *Job) bool { return slices.Contains(names, job.Name) }, nil
}
