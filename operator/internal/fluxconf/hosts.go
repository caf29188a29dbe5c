package fluxconf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Hosts returns the host names of the ranks 0 to ceiling-1 of the MiniCluster
// called name as a host list of Flux: "name-0", or "name-[0-3]" for a ceiling of 4.
// They are the host names that an Indexed Job gives its pods. ceiling is at least 1.
// Source: Flux RFC 29, Hostlist Format.
func Hosts(name string, ceiling int32) string {
	if ceiling == 1 {
		return name + "-0"
	}
	return fmt.Sprintf("%s-[0-%d]", name, ceiling-1)
}

// HostCount returns the number of hosts of a host list in the form that Hosts writes; 0 for
// another one.
func HostCount(list string) int32 {
	_, set, err := splitHosts(list)
	if err != nil {
		return 0
	}
	return int32(max(set.Len(), 1)) // idset bounds it
}

// ExpandHosts returns the host names of a host list with at most one set in
// brackets, at its end, which is the form that Hosts writes.
func ExpandHosts(list string) ([]string, error) {
	prefix, set, err := splitHosts(list)
	if err != nil {
		return nil, err
	}
	if set.Len() == 0 {
		return []string{prefix}, nil
	}
	hosts := make([]string, 0, set.Len())
	for index := range set.All() {
		hosts = append(hosts, prefix+strconv.Itoa(int(index)))
	}
	return hosts, nil
}

// splitHosts returns the two parts of "name-[0-3]". For a single host the set is
// empty.
func splitHosts(list string) (prefix string, set idset.Set, err error) {
	prefix, bracketed, found := strings.Cut(list, "[")
	if prefix == "" || strings.ContainsAny(prefix, "], \t\n") {
		return "", idset.Set{}, fmt.Errorf("host list %.60q: it must be one host or of the form name-[0-3]", list)
	}
	if !found {
		return prefix, idset.Set{}, nil
	}
	body, closed := strings.CutSuffix(bracketed, "]")
	if !closed || strings.ContainsAny(body, "[]") {
		return "", idset.Set{}, fmt.Errorf("host list %.60q: it must end with the first ]", list)
	}
	if set, err = idset.Parse(body); err != nil {
		return "", idset.Set{}, fmt.Errorf("host list %.60q: %w", list, err)
	}
	if set.Len() == 0 {
		return "", idset.Set{}, fmt.Errorf("host list %.60q: its brackets must hold a number", list)
	}
	return prefix, set, nil
}

// countHosts returns the number of hosts of a host list.
func countHosts(list string) (int, error) {
	_, set, err := splitHosts(list)
	if err != nil {
		return 0, err
	}
	return max(1, set.Len()), nil
}
