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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// State is the instance.
type State struct {
	// Revision counts the changes.
	Revision int64 `json:"revision"`
	// Size is the number of ranks, Cores and GPUs are those of each.
	Size  int32 `json:"size"`
	Cores int32 `json:"cores"`
	GPUs  int32 `json:"gpus,omitempty"`
	// Feasibility says that a job which can never fit is refused when it is submitted.
	Feasibility bool `json:"feasibility,omitempty"`
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

	// Hosts are the names of the ranks' hosts; empty: all ranks are on this host.
	Hosts []string `json:"hosts,omitempty"`

	Drained map[int32]DrainedRank `json:"drained"`
	// Events are what has happened to ranks, in order.
	Events []Event `json:"events,omitempty"`
	// Stopped says that no pending job may start, and StopReason why, if it is known.
	Stopped    bool   `json:"stopped"`
	StopReason string `json:"stopReason,omitempty"`
	// StoppedForGood says that the queue is so after a restart.
	StoppedForGood bool `json:"stoppedForGood,omitempty"`
	NextID         ID   `json:"nextID"`
	// Posted counts the events of all jobs.
	Posted int64  `json:"posted"`
	Jobs   []*Job `json:"jobs"`
}

// JobState is where a job is in its life.
type JobState string

// States of jobs, by Flux's names. Source: Flux RFC 21.
const (
	// Depend is the state of a job that waits for other jobs.
	Depend   JobState = "DEPEND"
	Pending  JobState = "SCHED"
	Running  JobState = "RUN"
	Inactive JobState = "INACTIVE"
	// Cleanup is what Visible calls a job that runs, and of which an end was made.
	Cleanup JobState = "CLEANUP"
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
	GPUsPerTask  int32 `json:"gpusPerTask,omitempty"`
	// Exclusive wants all cores of its nodes.
	Exclusive bool `json:"exclusive,omitempty"`

	// Urgency is 0 for a job that is held, 16 by default, and 31 at most.
	Urgency int32 `json:"urgency"`
	// Dependencies are what the job was to wait for, and Waits those of them that are
	// open.
	Dependencies []Dependency `json:"dependencies,omitempty"`
	Waits        []Dependency `json:"waits,omitempty"`

	// Invalid is a job that was refused after it had an ID. It is in no list.
	Invalid bool `json:"invalid,omitempty"`

	State  JobState   `json:"state"`
	Shares []Share    `json:"shares,omitempty"`
	Log    []JobEvent `json:"log,omitempty"`
	// Exception is the type of what ended a job that had not ended, such as cancel, and
	// Note says more. Its tasks are killed.
	Exception string `json:"exception,omitempty"`
	Note      string `json:"note,omitempty"`
	// Code is the largest exit code of the tasks.
	Code int32 `json:"code,omitempty"`
}

// Share is the part of a job on one rank.
type Share struct {
	Rank int32 `json:"rank"`
	// First is the number of the first of the share's Tasks.
	First int32 `json:"first"`
	Tasks int32 `json:"tasks"`
	Room
	Done bool `json:"done,omitempty"`
}

// Room are cores and GPUs of one rank, by their numbers.
type Room struct {
	Cores idset.Set `json:"core"`
	GPUs  idset.Set `json:"gpu,omitzero"`
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

// Visible is the state by which Flux calls it.
func (j *Job) Visible() JobState {
	if j.State == Running && j.Exception != "" {
		return Cleanup
	}
	return j.State
}

// Host is the name of a rank's host.
func (s *State) Host(rank int32) string {
	if int(rank) < len(s.Hosts) {
		return s.Hosts[rank]
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	name, _, _ = strings.Cut(name, ".")
	return name
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

// Renew returns the state as it is now, which is known itself while nothing has
// changed. known may be nil.
func (f Folder) Renew(known *State) (*State, error) {
	if known == nil {
		return f.Read()
	}
	revision, err := f.Revision()
	if err != nil || revision == known.Revision {
		return known, err
	}
	return f.Read()
}

// Revision is that of the state as it is now. It stands first in the file, and no more
// of it is read.
func (f Folder) Revision() (int64, error) {
	file, err := os.Open(f.path("state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	start := make([]byte, 64)
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, err
	}
	var revision int64
	if _, err := fmt.Sscanf(string(start[:n]), `{"revision":%d,`, &revision); err != nil {
		return 0, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return revision, nil
}

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
	text, err := json.Marshal(state)
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
