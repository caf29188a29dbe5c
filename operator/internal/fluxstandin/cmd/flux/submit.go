package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// Sources: flux-submit(1), flux-run(1), flux-batch(1), flux-watch(1), flux-job(1)
// and src/bindings/python/flux/cli.

// jobOptions are those of all three ways to submit. Of --setopt none has a
// meaning here: they are for the job shell and MPI.
var jobOptions = []string{
	"N/nodes=", "n/ntasks=", "c/cores-per-task=", "g/gpus-per-task=", "x/exclusive", "o/setopt=", "job-name=", "output=", "error=", "cwd=",
	"v/verbose", "quiet", "urgency=", "dependency=",
}

// submit submits copies of a command and, with --watch, prints their output and
// exits with the largest of their codes.
func submit(args []string) (int, error) {
	o, err := parseOptions(args, append([]string{"watch", "wait", "cc="}, jobOptions...)...)
	if err != nil {
		return 2, err
	}
	copies, err := idset.Parse(o.text("cc", "0"))
	if err != nil {
		return 2, usagef("--cc: %v", err)
	}
	c, err := connect()
	if err != nil {
		return 1, err
	}
	ids, err := enqueue(c, o, "", copies.Len())
	if err != nil {
		return 1, err
	}
	if !o.has("quiet") {
		for _, id := range ids {
			fmt.Println(id)
		}
	}
	if !o.has("watch") && !o.has("wait") {
		return 0, nil
	}
	code := 0
	for _, id := range ids {
		one, err := follow(c, id, o.has("watch"))
		if err != nil {
			return 1, err
		}
		code = max(code, one)
	}
	return code, nil
}

// runJob submits a command and is its output and exit code.
func runJob(args []string) (int, error) {
	o, err := parseOptions(args, jobOptions...)
	if err != nil {
		return 2, err
	}
	c, err := connect()
	if err != nil {
		return 1, err
	}
	ids, err := enqueue(c, o, "", 1)
	if err != nil {
		return 1, err
	}
	return follow(c, ids[0], true)
}

// batch submits a script and prints the job's ID.
func batch(args []string) (int, error) {
	o, err := parseOptions(args, append([]string{"nslots=", "wrap", "broker-opts="}, jobOptions...)...)
	if err != nil {
		return 2, err
	}
	if len(o.rest) == 0 {
		return 2, usagef("a SCRIPT is missing")
	}
	script, err := readScript(o)
	if err != nil {
		return 1, err
	}
	c, err := connect()
	if err != nil {
		return 1, err
	}
	ids, err := enqueue(c, o, script, 1)
	if err == nil && !o.has("quiet") {
		fmt.Println(ids[0])
	}
	return 0, err
}

func readScript(o options) (string, error) {
	if o.has("wrap") {
		return "#!/bin/sh\n" + strings.Join(o.rest, " ") + "\n", nil
	}
	text, err := os.ReadFile(o.rest[0])
	if err == nil && !strings.HasPrefix(string(text), "#!") {
		err = fmt.Errorf("%s does not appear to be a script", o.rest[0])
	}
	return string(text), err
}

// enqueue puts copies of a job into the queue.
func enqueue(c connection, o options, script string, copies int) ([]instance.ID, error) {
	job, err := newJob(o, script)
	if err != nil {
		return nil, err
	}
	var ids []instance.ID
	var refused error
	_, err = c.folder.Update(func(s *instance.State) bool {
		if s.Feasibility && job.Parent == 0 && !instance.Fits(s, job) {
			refused = errors.New("unsatisfiable request: the instance cannot have as much")
			return false
		}
		for range copies {
			one := *job
			if refused = instance.Submit(s, &one); refused != nil {
				break
			}
			ids = append(ids, one.ID)
		}
		return true
	})
	return ids, errors.Join(err, refused)
}

func newJob(o options, script string) (*instance.Job, error) {
	if len(o.rest) == 0 {
		return nil, usagef("job command and arguments are missing")
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	job := &instance.Job{
		Command: o.rest, Script: script, Environment: os.Environ(),
		Name: o.text("job-name", filepath.Base(o.rest[0])), Dir: o.text("cwd", dir),
		Output: o.text("output", ""), Error: o.text("error", ""),
	}
	if script != "" && job.Output == "" {
		job.Output = "flux-{{id}}.out"
	}
	if job.Output == "kvs" {
		job.Output = ""
	}
	if job.Error == "" {
		job.Error = job.Output
	}
	if job.Parent, err = scope(); err != nil {
		return nil, err
	}
	if job.Urgency, err = parseUrgency(o.text("urgency", "default")); err != nil {
		return nil, err
	}
	for _, text := range o.values["dependency"] {
		scheme, value, _ := strings.Cut(text, ":")
		if !slices.Contains([]string{"afterany", "afterok", "afternotok"}, scheme) {
			return nil, usagef("the stand-in for Flux does not play --dependency=%s", text)
		}
		job.Dependencies = append(job.Dependencies, instance.Dependency{Scheme: scheme, Value: value})
	}
	return job, setSize(job, o)
}

// setSize reads how many nodes, tasks and cores a job wants. Nodes without a
// number of tasks are one task each, and whole nodes.
func setSize(job *instance.Job, o options) (err error) {
	if job.Nodes, err = o.number("nodes", 0); err != nil {
		return err
	}
	if job.Tasks, err = o.number("ntasks", max(job.Nodes, 1)); err != nil {
		return err
	}
	if job.CoresPerTask, err = o.number("cores-per-task", 1); err != nil {
		return err
	}
	if job.GPUsPerTask, err = o.number("gpus-per-task", 0); err != nil {
		return err
	}
	if job.Tasks < max(job.Nodes, 1) || job.CoresPerTask < 1 {
		return usagef("a job needs at least one task per node, and one core per task")
	}
	job.Exclusive = o.has("exclusive") || o.has("nodes") && !o.has("ntasks")
	return nil
}

func attach(args []string) (int, error) {
	o, err := parseOptions(args)
	if err != nil {
		return 2, err
	}
	if _, err = o.arguments(1, "a JOBID"); err != nil {
		return 2, err
	}
	id, err := instance.ParseID(o.rest[0])
	if err != nil {
		return 1, err
	}
	c, err := connect()
	if err != nil {
		return 1, err
	}
	return follow(c, id, true)
}

// watchJobs prints the output of jobs one after the other, and exits with the
// largest of their codes.
func watchJobs(args []string) (int, error) {
	o, err := parseOptions(args, "a/active", "A/all", "c/count=")
	if err != nil {
		return 2, err
	}
	c, s, err := read()
	if err != nil {
		return 1, err
	}
	jobs, err := jobsInScope(s)
	if err != nil {
		return 1, err
	}
	if len(o.rest) > 0 {
		if jobs, err = named(s, o.rest); err != nil {
			return 1, err
		}
	}
	code := 0
	for i := range jobs {
		job := jobs[len(jobs)-1-i]
		if !o.has("all") && len(o.rest) == 0 && job.State == instance.Inactive {
			continue
		}
		one, err := follow(c, job.ID, true)
		if err != nil {
			return 1, err
		}
		code = max(code, one)
	}
	return code, nil
}

// follow waits for the end of a job, prints its output meanwhile, and returns its
// exit code.
func follow(c connection, id instance.ID, output bool) (int, error) {
	streams := map[string]io.Writer{"out": os.Stdout, "err": os.Stderr}
	printed := map[string]int64{}
	var s *instance.State
	for {
		var err error
		if s, err = c.folder.Renew(s); err != nil {
			return 1, err
		}
		job := s.Job(id)
		if job == nil {
			return 1, fmt.Errorf("%s: unknown job id", id)
		}
		for stream, to := range streams {
			if !output {
				continue
			}
			n, err := copyFrom(c.folder.Output(id, stream), printed[stream], to)
			if err != nil {
				return 1, err
			}
			printed[stream] += n
		}
		if job.State == instance.Inactive {
			if job.Exception != "" && output {
				fmt.Fprintf(os.Stderr, "flux-job: job %s: exception: type=%s note=%s\n", id, job.Exception, job.Note)
			}
			return int(job.Code), nil
		}
		if !c.folder.Lives(0) {
			return 1, errors.New("lost connection to the lead broker")
		}
		time.Sleep(pollInterval)
	}
}

// copyFrom copies what a file has behind offset. The file may not be there yet.
func copyFrom(path string, offset int64, to io.Writer) (int64, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	return io.Copy(to, io.NewSectionReader(file, offset, 1<<62))
}
