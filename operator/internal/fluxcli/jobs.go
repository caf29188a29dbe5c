package fluxcli

import (
	"context"
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Job is a job that holds ranks.
type Job struct {
	// ID in Flux's short form (F58), such as ƒ2oVNnKfP9 or, in locales without
	// that letter, f2oVNnKfP9.
	ID string
	// Ranks that were given to it.
	Ranks idset.Set
}

// longestArgument is what Linux takes as one, in bytes, with a zero byte behind it:
// some 22,000 ranks without neighbours. Source: execve(2), MAX_ARG_STRLEN.
const longestArgument = 128<<10 - 1

// Jobs are the jobs of all users that run on one of ranks, the newest first, no
// matter how many.
func (c *Client) Jobs(ctx context.Context, ranks idset.Set) ([]Job, error) {
	if ranks.IsEmpty() {
		return nil, nil
	}
	args := []string{"jobs", "-A", "--filter", "running", "--count", "0", "--no-header", "--format", jobFormat}
	if included := ranks.String(); c.version.AtLeast(jobsInclude) && len(included) <= longestArgument {
		args = append(args, "--include", included)
	}
	output, err := c.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	all, err := parseJobs(output)
	if err != nil {
		return nil, err
	}
	var jobs []Job
	for _, job := range all {
		if !job.Ranks.Intersect(ranks).IsEmpty() {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// jobFormat makes a line of a job. Nothing in it is of its user's choice, such as the
// name: that may have line ends, and go on with what looks like another job.
const jobFormat = "{id.f58} {ranks}"

func parseJobs(output string) ([]Job, error) {
	var jobs []Job
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		// A job that was canceled before it had ranks is cleaned up without any: they
		// are empty.
		fields := strings.Split(line, " ")
		if len(fields) != 2 {
			return nil, fmt.Errorf("output of flux jobs: %q has %d fields, want 2: ID and ranks", shorten(line), len(fields))
		}
		ranks, err := idset.Parse(fields[1])
		if err != nil {
			return nil, fmt.Errorf("output of flux jobs: job %s: %w", fields[0], err)
		}
		jobs = append(jobs, Job{ID: fields[0], Ranks: ranks})
	}
	return jobs, nil
}
