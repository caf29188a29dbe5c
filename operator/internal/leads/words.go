package leads

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is kept of an answer is bounded: it may come from an agent that somebody has replaced
// in a pod of his own.
const (
	// MostJobs is how many jobs are named.
	MostJobs = 10
	// longestID is that of a job, in bytes.
	longestID   = 64
	mostCounted = 1 << 30
)

// Count returns a number of jobs as far as it can be one.
func Count(n int) int { return min(max(n, 0), mostCounted) }

// JobID returns what a lead calls a job.
func JobID(id string) string { return Excerpt(id, longestID) }

// Excerpt returns the beginning of others' words, of at most so many bytes, on one line and
// without what does not print.
func Excerpt(words string, most int) string {
	words = words[:min(len(words), 4*most)] // What is left out of the rest does not matter.
	words = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, words)
	words = strings.Join(strings.Fields(words), " ")
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "…"
	}
	return words
}
