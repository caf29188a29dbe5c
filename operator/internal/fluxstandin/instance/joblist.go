package instance

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Sources: src/modules/job-list/list.c, job_util.c and match.c.

// ListRequest asks for jobs.
type ListRequest struct {
	// MaxEntries is the largest number of jobs in the answer; 0: all.
	MaxEntries *int     `json:"max_entries"`
	Attributes []string `json:"attrs"`
	// Constraint is of one operator each: {"and":[…]}. Empty: all jobs.
	Constraint json.RawMessage `json:"constraint"`
}

// bits are the states as numbers. Source: src/common/libjob/job.h.
var bits = map[JobState]int{Depend: 2, Pending: 8, Running: 16, Cleanup: 32, Inactive: 64}

// List are the jobs that are asked for: those that wait before those that run, the newest
// of these first, and those that have ended.
func (s *State) List(request ListRequest) (map[string]any, error) {
	switch {
	case request.MaxEntries == nil:
		return nil, refuse(syscall.EPROTO, "invalid payload: Object item not found: max_entries")
	case request.Attributes == nil:
		return nil, refuse(syscall.EPROTO, "invalid payload: Object item not found: attrs")
	case *request.MaxEntries < 0:
		return nil, refuse(syscall.EPROTO, "invalid payload: max_entries < 0 not allowed")
	}
	matches := func(*Job) bool { return true }
	if len(request.Constraint) > 0 {
		var err error
		if matches, err = constraint(request.Constraint); err != nil {
			return nil, refuse(syscall.EPROTO, "invalid payload: constraint object invalid: %v", err)
		}
	}
	listed := []map[string]any{}
	for _, job := range s.listOrder() {
		if !matches(job) {
			continue
		}
		attributes, err := s.attributes(job, request.Attributes)
		if err != nil {
			return nil, err
		}
		listed = append(listed, attributes)
		if len(listed) == *request.MaxEntries {
			break
		}
	}
	return map[string]any{"jobs": listed}, nil
}

// listOrder are the jobs in the order of a list.
func (s *State) listOrder() []*Job {
	var waiting, running, ended []*Job
	for _, job := range s.Jobs {
		switch {
		case job.Parent != 0 || job.Invalid:
		case job.State == Running:
			running = append(running, job)
		case job.State == Inactive:
			ended = append(ended, job)
		default:
			waiting = append(waiting, job)
		}
	}
	newest := func(event string) func(a, b *Job) int {
		return func(a, b *Job) int { return cmp.Compare(b.When(event), a.When(event)) }
	}
	slices.SortStableFunc(waiting, func(a, b *Job) int { return cmp.Compare(b.priority(), a.priority()) })
	slices.SortStableFunc(running, newest("alloc"))
	slices.SortStableFunc(ended, newest("clean"))
	return slices.Concat(waiting, running, ended)
}

// known are the attributes that a list may be asked for.
var known = strings.Fields(`userid urgency priority t_submit t_depend t_priority t_sched t_run t_cleanup t_inactive state name cwd
	queue project bank ntasks ncores duration nnodes ranks nodelist success exception_occurred exception_type exception_severity
	exception_note result expiration annotations waitstatus dependencies`)

// attributes are those of a job that are asked for, or all, as far as it has them.
func (s *State) attributes(job *Job, names []string) (map[string]any, error) {
	all := s.allAttributes(job)
	chosen := map[string]any{"id": job.ID}
	for _, name := range names {
		if name == "all" {
			all["id"] = job.ID
			return all, nil
		}
		if !slices.Contains(known, name) {
			return nil, refuse(syscall.EINVAL, "%s is not a valid attribute", name)
		}
		if value, has := all[name]; has {
			chosen[name] = value
		}
	}
	return chosen, nil
}

func (s *State) allAttributes(job *Job) map[string]any {
	all := map[string]any{
		"userid": user(), "urgency": job.Urgency, "t_submit": job.When("submit"), "state": bits[job.Visible()],
		"name": job.Name, "cwd": job.Dir, "ntasks": job.Tasks, "duration": 0.0,
	}
	times := map[string]string{"t_depend": "validate", "t_priority": "depend", "t_sched": "priority", "t_run": "alloc", "t_inactive": "clean"}
	for name, event := range times {
		if when := job.When(event); when > 0 {
			all[name] = when
		}
	}
	if ended := cmp.Or(job.When("exception"), job.When("finish")); ended > 0 {
		all["t_cleanup"] = ended
	}
	if job.When("priority") > 0 {
		all["priority"] = job.priority()
	}
	if job.Nodes > 0 {
		all["nnodes"] = job.Nodes
	}
	switch {
	case len(job.Shares) > 0:
		s.addPlace(all, job)
	case !job.Exclusive && job.Nodes > 0:
		all["ncores"] = job.Nodes * job.SlotsPerNode() * job.CoresPerTask
	case !job.Exclusive:
		all["ncores"] = job.Tasks * job.CoresPerTask
	}
	if len(job.Dependencies) > 0 {
		open := []string{}
		for _, d := range job.Waits {
			open = append(open, d.description())
		}
		all["dependencies"] = open
	}
	if job.State == Inactive {
		addResult(all, job)
	}
	return all
}

// addPlace adds what a job has that has ranks.
func (s *State) addPlace(all map[string]any, job *Job) {
	ranks, cores := job.Ranks(), 0
	for _, share := range job.Shares {
		cores += share.Cores.Len()
	}
	all["nnodes"], all["ncores"], all["nodelist"], all["expiration"] = ranks.Len(), cores, s.hostList(ranks), 0.0
	all["ranks"] = ranks.String()
	if ranks.Len() > 1 {
		all["ranks"] = "[" + ranks.String() + "]"
	}
	for _, event := range job.Log {
		if event.Name == "alloc" {
			all["annotations"] = event.Context["annotations"]
		}
	}
}

// addResult adds what a job has that has ended.
func addResult(all map[string]any, job *Job) {
	result := map[string]int{"COMPLETED": 1, "FAILED": 2, "CANCELED": 4}[job.Status()]
	all["result"], all["success"], all["exception_occurred"] = result, result == 1, job.Exception != ""
	if job.Exception != "" {
		all["exception_type"], all["exception_severity"], all["exception_note"] = job.Exception, 0, job.Note
	}
	if job.When("finish") > 0 {
		all["waitstatus"] = job.Code << 8
	}
}

// Ranks that a job has.
func (j *Job) Ranks() idset.Set {
	var ranks []int32
	for _, share := range j.Shares {
		ranks = append(ranks, share.Rank)
	}
	return idset.Of(ranks...)
}

// Canceled is the type of exception of a job that somebody ended.
const Canceled = "cancel"

// Status is the state or, of a job that has ended, the result.
func (j *Job) Status() string {
	switch {
	case j.State != Inactive:
		return string(j.Visible())
	case j.Exception == Canceled:
		return "CANCELED"
	case j.Exception != "" || j.Code != 0:
		return "FAILED"
	}
	return "COMPLETED"
}

// JobCounts are the numbers of jobs by their state. Source: src/modules/job-list/stats.c.
func (s *State) JobCounts() map[string]any {
	states := map[string]int{"depend": 0, "priority": 0, "sched": 0, "run": 0, "cleanup": 0, "inactive": 0}
	names := map[JobState]string{Depend: "depend", Pending: "sched", Running: "run", Cleanup: "cleanup", Inactive: "inactive"}
	listed := s.listOrder()
	for _, job := range listed {
		states[names[job.State]]++
	}
	states["total"] = len(listed)
	return map[string]any{"job_states": states}
}
