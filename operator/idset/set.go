// Package idset is sets of ranks, in Flux's words idsets. Whatever speaks of more than one rank holds a Set
// and asks it; text is made of it only where it leaves the program: in JSON, in a
// status, in a command line, in a message.
package idset

import (
	"cmp"
	"encoding"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Max bounds the ranks of an instance, and with it what a set or a host list that
// somebody sends us can cost: ranks are 0 to Max-1.
const Max = 100_000

// Set is an immutable set of ranks, or of other IDs that Flux counts from 0. The
// zero value is the empty set. As text, and so in JSON, it is an idset: "1,3-5".
// A Job writes its status.completedIndexes in the same form.
// Source: Flux RFC 22, Idset String Representation.
type Set struct {
	// spans ascend, and between two of them at least one rank is missing, so that
	// a set has one representation only. The empty set has nil.
	spans []span
}

// span is the ranks first to last, both included.
type span struct{ first, last int32 }

var (
	_ fmt.Stringer             = Set{}
	_ encoding.TextMarshaler   = Set{}
	_ encoding.TextUnmarshaler = (*Set)(nil)
)

// Range returns the ranks from to to-1: Range(2, 4) is "2-3", the ranks that go
// when an instance shrinks from 4 to 2. It is empty unless from < to. There are no ranks
// below 0.
func Range(from, to int32) Set {
	from = max(from, 0)
	if from >= to {
		return Set{}
	}
	return Set{spans: []span{{from, to - 1}}}
}

// Of returns the set of the given ranks, in any order. Those below 0 are left out.
func Of(members ...int32) Set {
	spans := make([]span, 0, len(members))
	for _, rank := range members {
		if rank >= 0 {
			spans = append(spans, span{rank, rank})
		}
	}
	return merged(spans)
}

// Parse reads a set as Flux writes it, with or without brackets around it. As Flux
// does, it wants ranks in ascending order, each once and without leading zeros.
// Ranks must be less than Max.
func Parse(text string) (Set, error) {
	body := text
	if strings.HasPrefix(body, "[") && strings.HasSuffix(body, "]") {
		body = body[1 : len(body)-1]
	}
	if body == "" {
		return Set{}, nil
	}
	var spans []span
	for element := range strings.SplitSeq(body, ",") {
		next, err := parseSpan(element)
		if err != nil {
			return Set{}, fmt.Errorf("set of ranks %s: %w", excerpt(text), err)
		}
		if len(spans) != 0 && next.first <= spans[len(spans)-1].last {
			return Set{}, fmt.Errorf("set of ranks %s: %s must come after %d: ranks ascend, each once",
				excerpt(text), element, spans[len(spans)-1].last)
		}
		spans = append(spans, next)
	}
	return Set{spans: merge(spans)}, nil
}

// parseSpan reads "3" or "3-5".
func parseSpan(element string) (span, error) {
	left, right, isRange := strings.Cut(element, "-")
	first, err := parseRank(left)
	if err != nil || !isRange {
		return span{first, first}, err
	}
	last, err := parseRank(right)
	if err != nil {
		return span{}, err
	}
	if last <= first {
		return span{}, fmt.Errorf("range %s must end after it begins", element)
	}
	return span{first, last}, nil
}

func parseRank(digits string) (int32, error) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%s is no rank: write ranks as in 0,2-5", excerpt(digits))
	}
	if len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("rank %s must not begin with 0", excerpt(digits))
	}
	rank, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || rank >= Max {
		return 0, fmt.Errorf("rank %s must be less than %d", excerpt(digits), Max)
	}
	return int32(rank), nil
}

// excerpt quotes what somebody sent us, shortened so that it fits into a message.
func excerpt(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}

// merge joins spans that overlap or touch. They must ascend by their first rank.
func merge(spans []span) []span {
	var merged []span
	for _, next := range spans {
		if len(merged) != 0 && next.first <= merged[len(merged)-1].last+1 {
			previous := &merged[len(merged)-1]
			previous.last = max(previous.last, next.last)
			continue
		}
		merged = append(merged, next)
	}
	return merged
}

// String returns the set as Flux writes it: "", "0", "0-1", "1,3-5,7".
func (s Set) String() string {
	var text []byte
	for i, each := range s.spans {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, int64(each.first), 10)
		if each.last > each.first {
			text = append(text, '-')
			text = strconv.AppendInt(text, int64(each.last), 10)
		}
	}
	return string(text)
}

// namedSpans is how many spans of ranks, such as 3-5, a message names. All those of a
// large instance need not fit into a condition.
const namedSpans = 20

// Short returns the set for a message, which it keeps short: "1,3-5", or the first
// spans and how many ranks more there are.
func (s Set) Short() string {
	named := Set{spans: s.spans[:min(len(s.spans), namedSpans)]}
	if more := s.Len() - named.Len(); more > 0 {
		return fmt.Sprintf("%s and %d more", named, more)
	}
	return named.String()
}

// Words is Short as a message says it: "rank 1" or "ranks 1,3-5".
func (s Set) Words() string {
	if s.Len() == 1 {
		return "rank " + s.Short()
	}
	return "ranks " + s.Short()
}

// IsEmpty tells whether the set has no ranks.
func (s Set) IsEmpty() bool { return len(s.spans) == 0 }

// Equal tells whether two sets have the same ranks.
func (s Set) Equal(other Set) bool { return slices.Equal(s.spans, other.spans) }

// Len returns the number of ranks.
func (s Set) Len() int {
	count := 0
	for _, each := range s.spans {
		count += int(each.last-each.first) + 1
	}
	return count
}

// Contains tells whether rank is in the set.
func (s Set) Contains(rank int32) bool {
	_, found := slices.BinarySearchFunc(s.spans, rank, func(each span, rank int32) int {
		switch {
		case each.last < rank:
			return -1
		case each.first > rank:
			return 1
		}
		return 0
	})
	return found
}

// Highest returns the highest rank; -1 of the empty set.
func (s Set) Highest() int32 {
	if s.IsEmpty() {
		return -1
	}
	return s.spans[len(s.spans)-1].last
}

// All yields the ranks in ascending order.
func (s Set) All() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, each := range s.spans {
			for rank := each.first; rank <= each.last; rank++ {
				if !yield(rank) {
					return
				}
			}
		}
	}
}

// Union returns the ranks of either set.
func (s Set) Union(other Set) Set {
	return merged(slices.Concat(s.spans, other.spans))
}

// merged returns the ranks of all spans, in any order.
func merged(spans []span) Set {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	return Set{spans: merge(spans)}
}

// Intersect returns the ranks that are in both sets.
func (s Set) Intersect(other Set) Set { return s.Minus(s.Minus(other)) }

// Minus returns the ranks of s that are not in other.
func (s Set) Minus(other Set) Set {
	var rest []span
	cuts := other.spans
	for _, each := range s.spans {
		for len(cuts) != 0 && cuts[0].last < each.first {
			cuts = cuts[1:]
		}
		// The last cut may reach into the next span of s too, so it stays in cuts.
		for _, cut := range cuts {
			if cut.first > each.last {
				break
			}
			if each.first < cut.first {
				rest = append(rest, span{each.first, cut.first - 1})
			}
			each.first = cut.last + 1
		}
		if each.first <= each.last {
			rest = append(rest, each)
		}
	}
	return Set{spans: rest}
}

// MarshalText returns String, for JSON.
func (s Set) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// UnmarshalText is Parse, for JSON.
func (s *Set) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
