// Package instance is the pretend instance of Flux that the stand-in keeps in a
// folder: its ranks, drains, queue and jobs, and how jobs get ranks.
//
// All processes that have the folder share the instance, also from several pods
// of one node: state.json is replaced as a whole under a lock of the file "lock",
// and each broker holds a lock of a file of its own while it lives. Such locks
// (flock(2)) belong to the kernel, which frees them when a process dies, however
// it does.
package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// State is the instance.
type State struct {
	// Revision counts the changes.
	Revision int64 `json:"revision"`
	// Size is the number of ranks, Cores that of each.
	Size  int32 `json:"size"`
	Cores int32 `json:"cores"`
	// Epoch counts the starts of the lead. Ended is the last of them that ended
	// cleanly.
	Epoch int64 `json:"epoch"`
	Ended int64 `json:"ended"`
	// Joined is, by rank, the epoch that its broker has joined in.
	Joined map[int32]int64 `json:"joined"`
	// Started is when the lead started, in seconds since 1970.
	Started int64 `json:"started"`
	// Saved is the file that the lead keeps the state in; empty: none.
	Saved string `json:"saved,omitempty"`

	Drained map[int32]string `json:"drained"`
	// Events are what has happened to ranks, in order.
	Events []Event `json:"events,omitempty"`
	// Stopped says that no pending job may start.
	Stopped bool   `json:"stopped"`
	NextID  ID     `json:"nextID"`
	Jobs    []*Job `json:"jobs"`
}

// Event is that ranks came online, or were drained or undrained.
type Event struct {
	Name string `json:"name"`
	// Ranks in Flux's form.
	Ranks string `json:"ranks"`
}

// Note adds an event.
func (s *State) Note(name string, ranks fmt.Stringer) {
	s.Events = append(s.Events, Event{name, ranks.String()})
}

// JobState is where a job is in its life.
type JobState string

// States of jobs, by Flux's names. Source: Flux RFC 21.
const (
	Pending  JobState = "SCHED"
	Running  JobState = "RUN"
	Inactive JobState = "INACTIVE"
)

// Job is a job, and how it was asked for.
type Job struct {
	ID   ID     `json:"id"`
	Name string `json:"name"`
	// Parent is the batch job that it was submitted in, or 0.
	Parent  ID       `json:"parent,omitempty"`
	Command []string `json:"command"`
	// Script, of a batch job, is the text of its program. One process runs it.
	Script      string   `json:"script,omitempty"`
	Environment []string `json:"environment"`
	Dir         string   `json:"dir"`
	// Output and Error are files for the output; empty: the job's own in the
	// folder.
	Output string `json:"output,omitempty"`
	Error  string `json:"error,omitempty"`

	// Nodes to spread Tasks over; 0: as few as have room.
	Nodes        int32 `json:"nodes,omitempty"`
	Tasks        int32 `json:"tasks"`
	CoresPerTask int32 `json:"coresPerTask"`
	// Exclusive wants all cores of its nodes.
	Exclusive bool `json:"exclusive,omitempty"`

	State  JobState `json:"state"`
	Shares []Share  `json:"shares,omitempty"`
	// Exception is why a job was ended, such as a cancel. Its tasks are killed.
	Exception string `json:"exception,omitempty"`
	// Code is the largest exit code of the tasks.
	Code int32 `json:"code,omitempty"`
}

// Share is the part of a job on one rank.
type Share struct {
	Rank int32 `json:"rank"`
	// First is the number of the first of the share's Tasks.
	First int32 `json:"first"`
	Tasks int32 `json:"tasks"`
	Cores int32 `json:"cores"`
	Done  bool  `json:"done,omitempty"`
}

// Job returns the job of id, or nil.
func (s *State) Job(id ID) *Job {
	for _, job := range s.Jobs {
		if job.ID == id {
			return job
		}
	}
	return nil
}

// On returns the job's share on rank, or nil.
func (j *Job) On(rank int32) *Share {
	for i := range j.Shares {
		if j.Shares[i].Rank == rank {
			return &j.Shares[i]
		}
	}
	return nil
}

// Folder is where an instance is kept.
type Folder string

// Open makes the folder if need be.
func Open(path string) (Folder, error) {
	if err := os.MkdirAll(filepath.Join(path, "jobs"), 0o755); err != nil {
		return "", fmt.Errorf("folder of the pretend instance: %w", err)
	}
	return Folder(path), nil
}

func (f Folder) path(name string) string { return filepath.Join(string(f), name) }

// Output is the file of a job for what its tasks print there: "out" or "err".
func (f Folder) Output(id ID, stream string) string {
	return f.path(fmt.Sprintf("jobs/%d.%s", id, stream))
}

// RemoveOutput removes the output of all jobs.
func (f Folder) RemoveOutput() error {
	files, err := filepath.Glob(f.path("jobs/*"))
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// Read returns the state as it was a moment ago.
func (f Folder) Read() (*State, error) { return ReadFile(f.path("state.json")) }

// ReadFile reads what WriteFile wrote. Without the file, the state is empty.
func ReadFile(path string) (*State, error) {
	state := &State{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, state); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return state, nil
}

// Update changes the state, alone. The state is written when change returns true.
func (f Folder) Update(change func(*State) bool) (*State, error) {
	lock, err := os.OpenFile(f.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }() // which frees the lock
	if err = flock(lock, syscall.LOCK_EX); err != nil {
		return nil, err
	}
	state, err := f.Read()
	if err != nil || !change(state) {
		return state, err
	}
	state.Revision++
	return state, WriteFile(f.path("state.json"), state)
}

// WriteFile writes state so that nobody sees half of it.
func WriteFile(path string, state *State) error {
	text, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// flock locks file. Signals may interrupt it.
func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Live marks the broker of rank as living, until this process ends or the mark is
// closed. It returns nil when another process is that broker.
func (f Folder) Live(rank int32) (*os.File, error) {
	mark, err := os.OpenFile(f.path(fmt.Sprintf("broker-%d", rank)), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	switch err := flock(mark, syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, mark.Close()
	case err != nil:
		return nil, errors.Join(err, mark.Close())
	}
	return mark, nil
}

// Lives says whether the broker of rank lives.
func (f Folder) Lives(rank int32) bool {
	mark, err := os.Open(f.path(fmt.Sprintf("broker-%d", rank)))
	if err != nil {
		return false
	}
	defer func() { _ = mark.Close() }()
	return errors.Is(flock(mark, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// Online are the ranks whose brokers live and have joined the lead that is.
func (f Folder) Online(s *State) map[int32]bool {
	online := map[int32]bool{}
	for rank, epoch := range s.Joined {
		if epoch == s.Epoch && f.Lives(rank) {
			online[rank] = true
		}
	}
	return online
}
