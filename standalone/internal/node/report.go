package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Identity tells a process from a later one with the same PID.
type Identity struct {
	// PID of the supervisor as its maker sees it.
	PID int `json:"pid"`
	// StartTime is in clock ticks since the machine's start.
	StartTime uint64 `json:"startTime"`
}

// Report is the file node.json: what runs in the node.
type Report struct {
	Identity
	// Ready says that the node was ready since its start.
	Ready      bool                       `json:"ready"`
	Components map[string]ComponentReport `json:"components"`
}

// ComponentReport is the part of a Report on one component.
type ComponentReport struct {
	Running bool `json:"running"`
	// Ready says that it answered since it last started.
	Ready bool `json:"ready"`
	// Restarts counts how often it ended and was started again.
	Restarts int `json:"restarts"`
	// LastEnd says how it last ended, if it did.
	LastEnd string `json:"lastEnd,omitempty"`
}

// LoadReport reads the report of a node.
func LoadReport(dir state.Dir) (Report, error) {
	var report Report
	data, err := os.ReadFile(dir.Node())
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil {
		return report, fmt.Errorf("reading the node's report: %w", err)
	}
	return report, nil
}

// report keeps the file node.json.
type report struct {
	mu      sync.Mutex
	dir     state.Dir
	content Report
}

func newReport(dir state.Dir, identity Identity) *report {
	return &report{dir: dir, content: Report{Identity: identity, Components: map[string]ComponentReport{}}}
}

func (r *report) update(change func(*Report)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.content)
	return atomicfile.WriteJSON(r.dir.Node(), r.content)
}

func (r *report) updateComponent(name string, change func(*ComponentReport)) error {
	return r.update(func(content *Report) {
		component := content.Components[name]
		change(&component)
		content.Components[name] = component
	})
}

// readIdentity reads the identity of this process from /proc, in terms of the
// PID namespace that /proc was mounted in.
func readIdentity() (Identity, error) {
	link, err := os.Readlink("/proc/self")
	if err != nil {
		return Identity{}, fmt.Errorf("reading own PID: %w", err)
	}
	pid, err := strconv.Atoi(link)
	if err != nil {
		return Identity{}, fmt.Errorf("reading own PID: %w", err)
	}
	return ReadIdentity(pid)
}

// ReadIdentity returns the identity of the process that has pid now.
func ReadIdentity(pid int) (Identity, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Identity{}, fmt.Errorf("reading the start time of process %d: %w", pid, err)
	}
	// The second field, the name in parentheses, may hold spaces; the start
	// time is field 22 (proc(5)), the twentieth after it.
	end := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[end+1:]))
	if end < 0 || len(fields) < 20 {
		return Identity{}, fmt.Errorf("reading the start time of process %d: unexpected format", pid)
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Identity{}, fmt.Errorf("reading the start time of process %d: %w", pid, err)
	}
	return Identity{PID: pid, StartTime: start}, nil
}

// Event is what the supervisor tells its maker while it starts.
type Event struct {
	// Component is empty for an event of the whole node.
	Component string    `json:"component,omitempty"`
	Kind      EventKind `json:"kind"`
	Message   string    `json:"message,omitempty"`
	// Ends counts how often the component ended so far, for EventEnded.
	Ends int `json:"ends,omitempty"`
}

// EventKind is the kind of an Event.
type EventKind string

const (
	// EventReady: the component answers, or the whole node is ready.
	EventReady EventKind = "ready"
	// EventEnded: the component ended and will be started again.
	EventEnded EventKind = "ended"
	// EventWaiting: the node waits for what Message says.
	EventWaiting EventKind = "waiting"
	// EventFailed: the supervisor gives up.
	EventFailed EventKind = "failed"
)

// ReadEvents calls handle with each event until it returns false or the
// supervisor ends, which is io.EOF.
func ReadEvents(r io.Reader, handle func(Event) bool) error {
	decoder := json.NewDecoder(r)
	for {
		var event Event
		if err := decoder.Decode(&event); err != nil {
			return err
		}
		if !handle(event) {
			return nil
		}
	}
}

// events writes to the maker as long as it listens.
type events struct {
	mu  sync.Mutex
	out io.WriteCloser
	log *slog.Logger
}

func newEvents(out io.WriteCloser, log *slog.Logger) *events { return &events{out: out, log: log} }

func (e *events) send(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log.Info("event", "kind", event.Kind, "component", event.Component, "message", event.Message)
	if e.out == nil {
		return
	}
	if err := json.NewEncoder(e.out).Encode(event); err != nil {
		// The maker may leave at any time.
		e.log.Debug("no one listens any more", "error", errors.Join(err, e.out.Close()))
		e.out = nil
	}
}
