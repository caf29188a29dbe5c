package instance

import (
	"encoding/base64"
	"encoding/json"
	"syscall"
)

// Sources: src/modules/job-info/lookup.c, src/modules/job-ingest/job-ingest.c and
// src/modules/job-manager/raise.c.

// Lookup asks for what is kept of a job. Of the keys, the stand-in has J alone.
type Lookup struct {
	ID   ID       `json:"id"`
	Keys []string `json:"keys"`
}

// Lookup returns J, which is opaque to all but Ingest: Flux's own is signed.
func (s *State) Lookup(asked Lookup) (map[string]any, error) {
	job := s.Job(asked.ID)
	if job == nil || len(asked.Keys) != 1 || asked.Keys[0] != "J" {
		return nil, &Error{Errno: syscall.ENOENT}
	}
	spec := *job
	spec.ID, spec.State, spec.Shares, spec.Log, spec.Exception, spec.Note, spec.Code, spec.Waits = 0, "", nil, nil, "", "", 0, nil
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	return map[string]any{"id": job.ID, "J": base64.StdEncoding.EncodeToString(text)}, nil
}

// Ingest submits a job by its J.
type Ingest struct {
	J       string `json:"J"`
	Urgency int32  `json:"urgency"`
}

// Ingest returns the new job's ID.
func (s *State) Ingest(asked Ingest) (map[string]any, error) {
	var job Job
	text, err := base64.StdEncoding.DecodeString(asked.J)
	if err == nil {
		err = json.Unmarshal(text, &job)
	}
	if err != nil {
		return nil, refuse(syscall.EINVAL, "could not unwrap jobspec: %v", err)
	}
	job.Urgency = asked.Urgency
	if err := Submit(s, &job); err != nil {
		return nil, err
	}
	return map[string]any{"id": job.ID}, nil
}

// Raise raises an exception of a job, which ends it.
type Raise struct {
	ID       ID     `json:"id"`
	Severity int    `json:"severity"`
	Type     string `json:"type"`
	Note     string `json:"note"`
}

// Raise ends the job.
func (s *State) Raise(asked Raise) error {
	job := s.Job(asked.ID)
	if job == nil {
		return refuse(syscall.ENOENT, "unknown job")
	}
	if job.State == Inactive {
		return refuse(syscall.ENOENT, "job is inactive")
	}
	s.End(job, asked.Type, asked.Note)
	return nil
}
