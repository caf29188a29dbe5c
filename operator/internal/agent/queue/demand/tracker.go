package demand

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// Events are the events of jobs that a Tracker wants to know. Their contexts are of
// Flux RFC 21.
var Events = []string{
	"submit", "invalidate", "jobspec-update", "depend", "priority", "urgency", "flux-restart", "exception", "alloc", "free", "clean",
}

// CaughtUp is the ID of the record behind those of the past.
const CaughtUp = -1

// Record is what the journal of jobs tells at once: of the past all events of a job, and
// then one event each time.
// Source: src/modules/job-manager/journal.c of flux-core.
type Record struct {
	ID     int64 `json:"id"`
	Events []struct {
		Name    string          `json:"name"`
		Context json.RawMessage `json:"context"`
	} `json:"events"`
	Jobspec json.RawMessage `json:"jobspec"`
	R       json.RawMessage `json:"R"`
}

// Tracker knows the active jobs of an instance, and its ranks. Its methods take the time
// at which something is known.
type Tracker struct {
	began    time.Time
	jobs     map[int64]*job
	ranks    Ranks
	cleaning idset.Set // ranks that clean up after a job that has ended
	// jobsOn is the number of jobs on each rank, and since when there are none.
	jobsOn []int32
	since  []time.Duration // after began
	freed  bool            // since TakeFreed
}

// NewTracker returns a Tracker that knows no jobs and no ranks.
func NewTracker(now time.Time) *Tracker {
	// Ranks may be cleaned up after a job that had ended before.
	return &Tracker{began: now, jobs: map[int64]*job{}, freed: true}
}

// job is what is kept of an active job.
type job struct {
	request  shared
	queue    unique.Handle[string]
	priority int64
	depended bool
	// ended says that the job gets no ranks any more.
	ended bool
	holds []Part // while it has ranks
}

// isWaiting tells whether Flux would give the job ranks, if its queue is started.
func (j *job) isWaiting() bool { return !j.ended && j.depended && j.priority > 0 && j.holds == nil }

// isHeld tells whether the job waits for something else than ranks.
func (j *job) isHeld() bool { return !j.ended && j.holds == nil && !j.isWaiting() }

// Apply takes a record into account, and tells whether it was the last one of the past.
// An error means that the Tracker is no longer right.
func (t *Tracker) Apply(record Record, now time.Time) (bool, error) {
	if record.ID == CaughtUp {
		return true, nil
	}
	for _, event := range record.Events {
		if err := t.apply(record, event.Name, event.Context, now); err != nil {
			return false, fmt.Errorf("job %s: event %.40q: %w", fluxinstance.JobID(record.ID), event.Name, err)
		}
	}
	return false, nil
}

func (t *Tracker) apply(record Record, event string, context json.RawMessage, now time.Time) error {
	if event == "submit" {
		request, queue := parseJobspec(record.Jobspec)
		t.jobs[record.ID] = &job{request: unique.Make(request), queue: unique.Make(queue)}
		return nil
	}
	j := t.jobs[record.ID]
	if j == nil {
		return nil // It has ended before.
	}
	switch event {
	case "jobspec-update":
		return j.update(context)
	case "urgency", "flux-restart":
		// Flux asks for its priority anew, and tells it next.
		// Source: event_job_update in src/modules/job-manager/event.c of flux-core.
		j.priority = 0
	case "depend":
		j.depended = true
	case "priority":
		var value struct {
			Priority int64 `json:"priority"`
		}
		if err := json.Unmarshal(context, &value); err != nil {
			return err
		}
		j.priority = value.Priority
	case "exception":
		var value struct {
			Severity *int `json:"severity"`
		}
		if err := json.Unmarshal(context, &value); err != nil {
			return err
		}
		j.ended = j.ended || value.Severity != nil && *value.Severity == 0
	case "alloc":
		return t.alloc(j, record.R)
	case "free":
		t.free(j, now)
	case "invalidate", "clean": // the first is of one that Flux has not taken
		t.free(j, now)
		delete(t.jobs, record.ID)
	}
	return nil
}

func (t *Tracker) alloc(j *job, data json.RawMessage) error {
	if len(data) == 0 {
		return errors.New("flux does not tell which ranks the job has: " + NeedsFlux)
	}
	parts, err := parseR(data)
	if err != nil {
		return err
	}
	j.holds = append([]Part{}, parts...)
	for _, part := range parts {
		for rank := range part.Ranks.All() {
			t.grow(rank)
			t.jobsOn[rank]++
		}
	}
	return nil
}

func (t *Tracker) free(j *job, now time.Time) {
	for _, part := range j.holds {
		for rank := range part.Ranks.All() {
			if t.jobsOn[rank]--; t.jobsOn[rank] == 0 {
				t.since[rank] = now.Sub(t.began)
			}
		}
	}
	t.freed = t.freed || j.holds != nil
	j.ended = j.ended || j.holds != nil
	j.holds = nil
}

// grow makes place for a rank.
func (t *Tracker) grow(rank int32) {
	for int(rank) >= len(t.jobsOn) {
		t.jobsOn, t.since = append(t.jobsOn, 0), append(t.since, 0)
	}
}

// update takes over what of a jobspec has changed: values by their paths.
// Source: Flux RFC 21, event jobspec-update.
func (j *job) update(context json.RawMessage) error {
	var changes map[string]json.RawMessage
	if err := json.Unmarshal(context, &changes); err != nil {
		return err
	}
	request := j.request.Value()
	for path, value := range changes {
		switch {
		case path == "attributes.system.queue":
			var queue string
			if err := json.Unmarshal(value, &queue); err != nil {
				return err
			}
			j.queue = unique.Make(queue)
		case path == "attributes.system.constraints":
			request.Constraint = constraintText(value)
		case path == "resources":
			constraint := request.Constraint
			request, _ = parseJobspec(fmt.Appendf(nil, `{"resources":%s}`, value))
			request.Constraint = constraint
		case strings.HasPrefix(path, "resources"), strings.HasPrefix(path, "attributes.system.constraints"):
			constraint := request.Constraint
			request = notUnderstood(fmt.Errorf("%.60q of it was changed", path))
			request.Constraint = constraint
		}
	}
	j.request = unique.Make(request)
	return nil
}

// SetRanks takes over what the instance says of its ranks.
func (t *Tracker) SetRanks(ranks Ranks, now time.Time) {
	for rank := range ranks.Online.Minus(t.ranks.Online).All() {
		t.grow(rank)
		t.since[rank] = now.Sub(t.began)
	}
	t.ranks = ranks
}

// TakeFreed tells whether a job has freed its ranks since it was called last.
func (t *Tracker) TakeFreed() bool {
	freed := t.freed
	t.freed = false
	return freed
}

// SetCleaning takes over which ranks clean up after jobs that have ended, and tells
// whether they are others than before.
func (t *Tracker) SetCleaning(ranks idset.Set, now time.Time) bool {
	for rank := range t.cleaning.Minus(ranks).All() {
		t.grow(rank)
		t.since[rank] = now.Sub(t.began)
	}
	changed := !ranks.Equal(t.cleaning)
	t.cleaning = ranks
	return changed
}

// IsCleaning tells whether ranks clean up.
func (t *Tracker) IsCleaning() bool { return !t.cleaning.IsEmpty() }

// WaitingQueues returns the names of the queues in which jobs wait for ranks, if these
// queues are started. The queue of a Flux without named ones has the name "".
func (t *Tracker) WaitingQueues() []string {
	names := map[unique.Handle[string]]bool{}
	for _, j := range t.jobs {
		if j.isWaiting() {
			names[j.queue] = true
		}
	}
	var sorted []string
	for name := range names {
		sorted = append(sorted, name.Value())
	}
	slices.Sort(sorted)
	return sorted
}

// waitingJobs returns the jobs that wait for ranks, in the order in which Flux looks at
// them, and the number of those that wait for something else.
func (t *Tracker) waitingJobs(stopped map[string]bool) (jobs []waiting, held int) {
	priorities := make(map[int64]int64, len(t.jobs))
	for id, j := range t.jobs {
		switch {
		case j.isHeld(), j.isWaiting() && len(stopped) > 0 && stopped[j.queue.Value()]:
			held++
		case j.isWaiting():
			jobs = append(jobs, waiting{id, j.request})
			priorities[id] = j.priority
		}
	}
	slices.SortFunc(jobs, func(a, b waiting) int {
		return cmp.Or(cmp.Compare(priorities[b.id], priorities[a.id]), cmp.Compare(a.id, b.id))
	})
	return jobs, held
}
