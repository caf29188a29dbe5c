package instance

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Error is a refusal, by the number and in the words of Flux.
type Error struct {
	Errno syscall.Errno
	// Text may be empty.
	Text string
}

// Error is in the form of Flux's commands.
func (e *Error) Error() string {
	text := e.Text
	if text == "" {
		text = e.Errno.Error()
	}
	return fmt.Sprintf("[Errno %d] %s", int(e.Errno), text)
}

func refuse(errno syscall.Errno, format string, args ...any) error {
	return &Error{errno, fmt.Sprintf(format, args...)}
}

// DefaultUrgency of a job. Source: flux-submit(1).
const DefaultUrgency = 16

// MaxUrgency is that of a job that goes before all others.
const MaxUrgency = 31

// Dependency is on what a job waits for: the end of another.
type Dependency struct {
	// Scheme is afterany, afterok or afternotok.
	Scheme string `json:"scheme"`
	// Value is the other job's ID.
	Value string `json:"value"`
}

// description is what events call a dependency. Source:
// src/modules/job-manager/plugins/dependency-after.c.
func (d Dependency) description() string {
	names := map[string]string{"afterany": "after-finish", "afterok": "after-success", "afternotok": "after-failure"}
	return names[d.Scheme] + "=" + d.Value
}

// Submit puts a job into the queue. What it lacks is its ID, its state and its log.
func Submit(s *State, job *Job) error {
	if job.Urgency < 0 || job.Urgency > MaxUrgency {
		return refuse(syscall.EINVAL, "urgency range is [0:%d]", MaxUrgency)
	}
	s.NextID++
	job.ID = s.NextID << 24 // IDs of Flux are as long
	job.Output = strings.ReplaceAll(job.Output, "{{id}}", job.ID.String())
	job.Error = strings.ReplaceAll(job.Error, "{{id}}", job.ID.String())
	job.State, job.Waits = Depend, slices.Clone(job.Dependencies)
	s.post(job, "submit", map[string]any{"userid": user(), "urgency": job.Urgency, "flags": 0, "version": 1})
	s.Jobs = append(s.Jobs, job)
	if err := s.addDependencies(job); err != nil {
		s.post(job, "invalidate", nil)
		job.State, job.Invalid = Inactive, true
		return err
	}
	s.post(job, "validate", nil)
	s.ready(job)
	return nil
}

// addDependencies refuses those that can never be satisfied, and takes those from
// Waits that are satisfied already.
func (s *State) addDependencies(job *Job) error {
	for _, d := range job.Dependencies {
		id, err := ParseID(d.Value)
		if err != nil {
			return refuse(syscall.EINVAL, "dependency: %s: %q is not a valid jobid", d.Scheme, d.Value)
		}
		other := s.Job(id)
		if other == nil {
			return refuse(syscall.EINVAL, "dependency: %s: id %s: job not found", d.Scheme, d.Value)
		}
		s.post(job, "dependency-add", map[string]any{"description": d.description()})
		if other.State != Inactive {
			continue
		}
		if why := d.impossible(other); why != "" {
			return d.refuse(why)
		}
		s.removeDependency(job, d)
	}
	return nil
}

// What makes a dependency impossible.
const (
	neverStarted   = "job never started"
	neverSatisfied = "can never be satisfied"
)

// refuse is the error of a dependency that is impossible when the job is submitted.
func (d Dependency) refuse(why string) error {
	switch {
	case why == neverStarted:
		return refuse(syscall.EINVAL, "dependency: after: %s never started", d.Value)
	case d.Scheme == "afternotok":
		return refuse(syscall.EINVAL, "dependency: afternotok: job %s succeeded", d.Value)
	}
	return refuse(syscall.EINVAL, "dependency: afterok: job %s failed or was canceled", d.Value)
}

// impossible says why a dependency on a job that has ended cannot be satisfied, or
// nothing.
func (d Dependency) impossible(other *Job) string {
	failed := other.Exception != "" || other.Code != 0
	switch {
	case d.Scheme == "afterany":
		return ""
	case other.When("alloc") == 0:
		return neverStarted
	case failed != (d.Scheme == "afternotok"):
		return neverSatisfied
	}
	return ""
}

func (s *State) removeDependency(job *Job, d Dependency) {
	job.Waits = slices.DeleteFunc(job.Waits, func(each Dependency) bool { return each == d })
	s.post(job, "dependency-remove", map[string]any{"description": d.description()})
}

// ready lets a job that waits for no other wait for room.
func (s *State) ready(job *Job) {
	if len(job.Waits) > 0 {
		return
	}
	job.State = Pending
	s.post(job, "depend", nil)
	s.postPriority(job)
}

// priority is that of a job by its urgency. Source: flux-job(1), urgency.
func (j *Job) priority() int64 {
	if j.Urgency == MaxUrgency {
		return 1<<32 - 1
	}
	return int64(j.Urgency)
}

func (s *State) postPriority(job *Job) {
	s.post(job, "priority", map[string]any{"priority": job.priority()})
}

// SetUrgency gives a job another urgency. Source: src/modules/job-manager/urgency.c.
func (s *State) SetUrgency(id ID, urgency int32) error {
	job := s.Job(id)
	switch {
	case urgency < 0 || urgency > MaxUrgency:
		return refuse(syscall.EINVAL, "urgency value is out of range")
	case job == nil:
		return refuse(syscall.EINVAL, "unknown job")
	case job.State == Inactive:
		return refuse(syscall.EINVAL, "job is inactive")
	case job.State == Running:
		return refuse(syscall.EINVAL, "urgency cannot be changed once resources are allocated")
	}
	job.Urgency = urgency
	s.post(job, "urgency", map[string]any{"userid": user(), "urgency": urgency})
	if job.State == Pending {
		s.postPriority(job)
	}
	return nil
}

// resolve lets jobs go that waited for others that have ended, and ends those that
// waited in vain. It says whether there were any.
func (s *State) resolve() bool {
	changed := false
	for _, job := range s.Jobs {
		if job.State != Depend {
			continue
		}
		for _, d := range slices.Clone(job.Waits) {
			id, err := ParseID(d.Value)
			other := s.Job(id)
			if err != nil || other == nil || other.State != Inactive {
				continue
			}
			changed = true
			if why := d.impossible(other); why != "" {
				s.End(job, "dependency", fmt.Sprintf("dependency %s %s", d.description(), why))
				break
			}
			s.removeDependency(job, d)
		}
		if job.State == Depend && len(job.Waits) == 0 {
			s.ready(job)
			changed = true
		}
	}
	return changed
}
