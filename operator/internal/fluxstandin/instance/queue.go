package instance

import "syscall"

// Source: src/modules/job-manager/queue.c. There is the one queue without a name.

// QueueChange asks to start or stop the queue, or for its status.
type QueueChange struct {
	Name  *string `json:"name"`
	Start *bool   `json:"start"`
	All   *bool   `json:"all"`
	// Reason may be empty.
	Reason string `json:"reason"`
	// NoCheckpoint keeps the change out of what a restart begins with.
	NoCheckpoint bool `json:"nocheckpoint"`
}

func (c QueueChange) check() error {
	if c.Name != nil {
		return refuse(syscall.EINVAL, "'%s' is not a valid queue", *c.Name)
	}
	return nil
}

// StartQueue starts or stops the queue.
func (s *State) StartQueue(c QueueChange) error {
	if c.Start == nil || c.All == nil {
		return &Error{Errno: syscall.EPROTO}
	}
	if err := c.check(); err != nil {
		return err
	}
	s.Stopped, s.StopReason = !*c.Start, ""
	if s.Stopped {
		s.StopReason = c.Reason
	}
	if !c.NoCheckpoint {
		s.StoppedForGood = s.Stopped
	}
	return nil
}

// QueueStatus says whether the queue is started.
func (s *State) QueueStatus(c QueueChange) (map[string]any, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	status := map[string]any{"enable": true, "start": !s.Stopped}
	if s.StopReason != "" {
		status["stop_reason"] = s.StopReason
	}
	return status, nil
}

// QueueList has no queue, since the one that there is has no name.
func QueueList() map[string]any { return map[string]any{"queues": []any{}} }

// JobStatistics are numbers of jobs. No rank is ever cleaned after a job. Source:
// src/modules/job-manager/job-manager.c.
func (s *State) JobStatistics() map[string]any {
	active, inactive := 0, 0
	for _, job := range s.Jobs {
		switch {
		case job.Parent != 0 || job.Invalid:
		case job.State == Inactive:
			inactive++
		default:
			active++
		}
	}
	return map[string]any{
		"active_jobs": active, "inactive_jobs": inactive, "max_jobid": s.NextID << 24,
		"journal":      map[string]any{"listeners": 0, "events": s.Posted},
		"housekeeping": map[string]any{"running": map[string]any{}, "config": map[string]any{"release-after": -1.0, "command": ""}},
	}
}
