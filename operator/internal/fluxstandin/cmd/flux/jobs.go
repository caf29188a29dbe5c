package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// Sources: flux-jobs(1) and src/cmd/flux-jobs.py.

// batchVariable is set for the script of a batch job to its ID. Commands in it see
// the jobs that were submitted in it, and no others, as if it were an instance.
const batchVariable = "FLUX_STANDIN_BATCH"

// scope is the batch job that a command runs in, or 0.
func scope() (instance.ID, error) {
	text := os.Getenv(batchVariable)
	if text == "" {
		return 0, nil
	}
	return instance.ParseID(text)
}

// jobsInScope are the jobs of the instance that a command believes to be in, the
// newest first.
func jobsInScope(s *instance.State) ([]*instance.Job, error) {
	parent, err := scope()
	if err != nil {
		return nil, err
	}
	var jobs []*instance.Job
	for _, job := range s.Jobs {
		if job.Parent == parent && !job.Invalid {
			jobs = append(jobs, job)
		}
	}
	slices.Reverse(jobs)
	return jobs, nil
}

func listJobs(args []string) (int, error) {
	o, err := parseOptions(args, "a", "A", "c/count=", "f/filter=", "n/no-header", "o/format=", "i/include=", "stats-only")
	if err != nil {
		return 2, err
	}
	_, s, err := read()
	if err != nil {
		return 0, err
	}
	jobs, err := jobsInScope(s)
	if err != nil {
		return 0, err
	}
	if o.has("stats-only") {
		return printStatsLine(jobs)
	}
	filter := "pending,running"
	if o.has("a") || len(o.rest) > 0 {
		filter = "pending,running,inactive"
	}
	// Jobs that are named are listed whatever their state, in the order of the names.
	if len(o.rest) > 0 {
		if jobs, err = named(s, o.rest); err != nil {
			return 1, err
		}
	}
	ranks, err := included(o, s)
	if err != nil {
		return 0, err
	}
	count, err := o.number("count", 1000)
	if err != nil {
		return 2, err
	}
	var rows []row
	for _, job := range jobs {
		own := job.Ranks()
		if !slices.Contains(o.list("filter", filter), generalState(job)) || o.has("include") && own.Minus(ranks).Len() == own.Len() {
			continue
		}
		if count > 0 && len(rows) == int(count) {
			fmt.Fprintf(os.Stderr, "warning: output truncated at %d jobs.\n", count)
			break
		}
		rows = append(rows, row{
			"id": job.ID.String(), "id.f58": job.ID.String(), "id.dec": fmt.Sprint(uint64(job.ID)),
			"name": job.Name, "ranks": own.String(), "state": string(job.Visible()), "status": job.Status(),
			"ntasks": fmt.Sprint(job.Tasks), "nnodes": fmt.Sprint(own.Len()), "returncode": fmt.Sprint(job.Code),
			"urgency": fmt.Sprint(job.Urgency),
		})
	}
	return 0, printRows(o.text("format", "{id} {name} {status} {ntasks} {nnodes} {ranks}"), !o.has("no-header"), rows,
		"id", "id.f58", "id.dec", "name", "ranks", "state", "status", "ntasks", "nnodes", "returncode", "urgency")
}

func named(s *instance.State, ids []string) ([]*instance.Job, error) {
	var jobs []*instance.Job
	for _, text := range ids {
		id, err := instance.ParseID(text)
		if err != nil {
			return nil, err
		}
		job := s.Job(id)
		if job == nil {
			return nil, fmt.Errorf("JobID %s unknown", id)
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// generalState is pending, running or inactive.
func generalState(job *instance.Job) string {
	return map[instance.JobState]string{
		instance.Depend: "pending", instance.Pending: "pending", instance.Running: "running", instance.Inactive: "inactive",
	}[job.State]
}

// counts are jobs by status.
func counts(jobs []*instance.Job) map[string]int {
	counts := map[string]int{}
	for _, job := range jobs {
		counts[job.Status()]++
	}
	return counts
}

// printStatsLine exits with 1 when no job is active.
func printStatsLine(jobs []*instance.Job) (int, error) {
	n := counts(jobs)
	fmt.Printf("%d running, %d completed, %d failed, %d pending, 0 inactive purged\n",
		n["RUN"]+n["CLEANUP"], n["COMPLETED"], n["FAILED"]+n["CANCELED"], n["SCHED"]+n["DEPEND"])
	if n["RUN"]+n["CLEANUP"]+n["SCHED"]+n["DEPEND"] == 0 {
		return 1, nil
	}
	return 0, nil
}

func cancel(args []string) (int, error) {
	o, err := parseOptions(args, "all")
	if err != nil {
		return 2, err
	}
	var ids []instance.ID
	for _, text := range o.rest {
		id, invalid := instance.ParseID(text)
		if invalid != nil {
			return 1, invalid
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 && !o.has("all") {
		return 2, usagef("JOBID or --all is required")
	}
	var unknown error
	err = update(func(s *instance.State) error {
		for _, job := range s.Jobs {
			if o.has("all") || slices.Contains(ids, job.ID) {
				s.End(job, instance.Canceled, "")
			}
		}
		for _, id := range ids {
			if s.Job(id) == nil {
				unknown = fmt.Errorf("%s: unknown job id", id)
			}
		}
		return nil
	})
	return 0, cmp.Or(err, unknown)
}

// urgency gives a pending job another urgency. Source: flux-job(1).
func urgency(args []string) (int, error) {
	o, err := parseOptions(args)
	if err != nil {
		return 2, err
	}
	words, err := o.arguments(2, "a JOBID and an URGENCY")
	if err != nil {
		return 2, err
	}
	id, err := instance.ParseID(words[0])
	if err != nil {
		return 1, err
	}
	value, err := parseUrgency(words[1])
	if err != nil {
		return 2, err
	}
	return 0, update(func(s *instance.State) error { return s.SetUrgency(id, value) })
}

func parseUrgency(text string) (int32, error) {
	if value, named := map[string]int32{"hold": 0, "default": instance.DefaultUrgency, "expedite": instance.MaxUrgency}[text]; named {
		return value, nil
	}
	value, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, usagef("urgency %q must be a number, hold, default or expedite", text)
	}
	return int32(value), nil
}
