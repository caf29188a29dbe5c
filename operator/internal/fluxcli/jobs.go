package fluxcli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// Job is a job that holds ranks.
type Job struct {
	// ID in Flux's short form (F58), such as ƒ2oVNnKfP9 or, in locales without
	// that letter, f2oVNnKfP9.
	ID string
	// Ranks that were given to it.
	Ranks fluxconf.Set
	// Name is by default the name of its program.
	Name string
}
// longestArgument is what Linux takes as one, in bytes, with a zero byte behind it:
// some 22,000 ranks without neighbours. Source: execve(2), MAX_ARG_STRLEN.
const longestArgument = 128<<10 - 1


// Jobs are the jobs of all users that run on one of ranks, the newest first, no
// matter how many.
func (c *Client) Jobs(ctx context.Context, ranks fluxconf.Set) ([]Job, error) {
	if ranks.Len() == 0 {
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
		if intersection(job.Ranks, ranks).Len() > 0 {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// jobFormat makes a line of a job. jobMark begins it: names can have line ends in
// them, and what follows those must not be taken for a job.
const (
	jobMark   = "job="
	jobFormat = jobMark + "{id.f58} {ranks} {name}"
)

func parseJobs(output string) ([]Job, error) {
	var jobs []Job
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		text, marked := strings.CutPrefix(line, jobMark)
		if !marked {
			if len(jobs) > 0 {
				jobs[len(jobs)-1].Name += "\n" + line
				continue
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			return nil, fmt.Errorf("output of flux jobs: a line begins with %q, not with %q", shorten(line), jobMark)
		}
		fields := strings.SplitN(text, " ", 3)
		if len(fields) != 3 {
			return nil, fmt.Errorf("output of flux jobs: %q has %d fields, want 3: ID, ranks and name", shorten(line), len(fields))
		}
		ranks, err := fluxconf.Parse(fields[1])
		if err != nil {
			return nil, fmt.Errorf("output of flux jobs: job %s: %w", fields[0], err)
		}
		jobs = append(jobs, Job{ID: fields[0], Ranks: ranks, Name: fields[2]})
	}
	return jobs, nil
}

// Stats are numbers of jobs.
type Stats struct {
	// Pending wait for dependencies, a priority or ranks.
	Pending int
	// Running hold ranks.
	Running int
	// Finished have ended, in whatever way, since the instance has its state;
	// those that Flux has forgotten meanwhile count too.
	Finished int
}

// Stats counts the jobs of all users and queues.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	output, err := c.run(ctx, "job", "stats")
	if err != nil {
		return Stats{}, err
	}
	return parseStats(output)
}

// parseStats sums up states as "flux jobs --stats" does.
func parseStats(output string) (Stats, error) {
	var stats struct {
		States *struct {
			Depend, Priority, Sched, Run, Cleanup, Inactive int
		} `json:"job_states"`
		Purged int `json:"inactive_purged"`
	}
	if err := json.Unmarshal([]byte(output), &stats); err != nil {
		return Stats{}, fmt.Errorf("output of flux job stats: %w", err)
	}
	if stats.States == nil {
		return Stats{}, fmt.Errorf("output of flux job stats has no job_states: %q", shorten(output))
	}
	s := stats.States
	return Stats{
		Pending:  s.Depend + s.Priority + s.Sched,
		Running:  s.Run + s.Cleanup,
		Finished: s.Inactive + stats.Purged,
	}, nil
}
