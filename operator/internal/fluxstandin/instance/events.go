package instance

import (
	"os"
	"slices"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Names and contexts of events are Flux's, as far as a client of its protocol sees
// them. Sources: Flux RFC 18 (logs of events), 21 (jobs) and 28 (resources), and what
// flux-core 0.88 answers.

// Event is an entry of a log.
type Event struct {
	// Timestamp in seconds since 1970.
	Timestamp float64        `json:"timestamp"`
	Name      string         `json:"name"`
	Context   map[string]any `json:"context,omitempty"`
}

// JobEvent is an event of a job.
type JobEvent struct {
	Event
	// Number is the place among the events of all jobs, from 1 on.
	Number int64 `json:"number"`
	// Passing is an event that is told when it happens, and is in no log.
	Passing bool `json:"passing,omitempty"`
}

func newEvent(name string, context map[string]any) Event {
	return Event{float64(time.Now().UnixMicro()) / 1e6, name, context}
}

// note adds an event of ranks.
func (s *State) note(name string, context map[string]any) {
	s.Events = append(s.Events, newEvent(name, context))
}

// post adds an event to the log of a job.
func (s *State) post(job *Job, name string, context map[string]any) {
	s.Posted++
	job.Log = append(job.Log, JobEvent{Event: newEvent(name, context), Number: s.Posted})
}

// When is the time of a job's first event of a name, or 0.
func (j *Job) When(name string) float64 {
	for _, event := range j.Log {
		if event.Name == name {
			return event.Timestamp
		}
	}
	return 0
}

// user is who has everything in this instance.
func user() int { return os.Getuid() }

// define is the event that R is known.
const define = "resource-define"

// Restart begins the instance of the lead's broker anew. Jobs that ran are lost.
func (s *State) Restart() {
	all := idset.Range(0, s.Size)
	if s.Stopped != s.StoppedForGood {
		s.Stopped, s.StopReason = s.StoppedForGood, ""
	}
	// Flux forgets an earlier R.
	s.Events = slices.DeleteFunc(s.Events, func(e Event) bool { return e.Name == define })
	s.note("restart", map[string]any{"ranks": all.String(), "online": "", "nodelist": s.hostList(all)})
	s.note(define, map[string]any{"method": "configuration"})
	s.Joined = map[int32]int64{}
	s.Join(0)
	for _, job := range s.Jobs {
		switch job.State {
		case Pending:
			s.post(job, "flux-restart", nil)
			s.postPriority(job)
		case Running:
			s.post(job, "flux-restart", nil)
			s.End(job, "exec", "the instance was lost")
			s.finish(job)
		}
	}
}

// Join makes the broker of rank one of the instance. What an earlier one ran is lost.
func (s *State) Join(rank int32) {
	if s.Joined[rank] == s.Epoch {
		s.leave(rank)
		for _, job := range s.Jobs {
			if own := job.On(rank); job.State == Running && own != nil && !own.Done {
				s.loseShare(job, own)
			}
		}
	}
	s.Joined[rank] = s.Epoch
	s.note("online", map[string]any{"idset": idset.Range(rank, rank+1).String()})
}

// leave notes that a broker has gone.
func (s *State) leave(rank int32) {
	delete(s.Joined, rank)
	s.note("offline", map[string]any{"idset": idset.Range(rank, rank+1).String()})
}
