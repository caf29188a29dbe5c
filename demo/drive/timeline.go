package drive

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Event is a line of the timeline.
type Event struct {
	At   time.Duration // since the start of the demo
	Text string
}

// Timeline is what has happened during a demo. Its zero value is empty.
type Timeline struct {
	Events []Event
	// Faults are what must not happen. A demo with faults has failed.
	Faults []string

	last Ranks
	pods map[int]string // UID of each rank's pod since the rank came
}

// Record adds an event.
func (t *Timeline) Record(at time.Duration, format string, args ...any) {
	t.Events = append(t.Events, Event{At: at, Text: fmt.Sprintf(format, args...)})
}

// Fault adds what must not happen.
func (t *Timeline) Fault(at time.Duration, format string, args ...any) {
	fault := fmt.Sprintf(format, args...)
	t.Faults = append(t.Faults, fault)
	t.Record(at, "FAULT: %s", fault)
}

// Follow records what has become of the ranks since the last call.
func (t *Timeline) Follow(at time.Duration, r Ranks) {
	if r.Wished != t.last.Wished {
		t.Record(at, "spec.size %d", r.Wished)
	}
	if r.Size != t.last.Size || r.Ready != t.last.Ready {
		t.Record(at, "%s, %d ready", Count(r.Size, "rank"), r.Ready)
	}
	t.checkPods(at, r)
	t.last = r
}

// checkPods finds replaced pods of ranks that stayed within the size. Other ranks
// may go, and come back with another pod.
func (t *Timeline) checkPods(at time.Duration, r Ranks) {
	if t.pods == nil {
		t.pods = map[int]string{}
	}
	for rank, uid := range r.Pods {
		if before, ok := t.pods[rank]; ok && before != uid {
			t.Fault(at, "the pod of rank %d was replaced although the rank was wanted all the time", rank)
		}
		t.pods[rank] = uid
	}
	for rank := range t.pods {
		if rank >= r.Wished {
			delete(t.pods, rank)
		}
	}
}

// Err is an error that names all faults, or nil.
func (t *Timeline) Err() error {
	if len(t.Faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(t.Faults, "; "))
}

// String is the timeline as it is printed at the end.
func (t *Timeline) String() string {
	var b strings.Builder
	b.WriteString("Timeline\n")
	for _, event := range t.Events {
		fmt.Fprintf(&b, "  %s  %s\n", Clock(event.At), event.Text)
	}
	return b.String()
}
