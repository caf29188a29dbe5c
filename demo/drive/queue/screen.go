package queue

import (
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// Screen is the picture of one moment. flux says what the instance is made of.
func Screen(name string, elapsed time.Duration, flux string, j *Journey, o Observation) *drive.Picture {
	p := drive.NewPicture(name, elapsed, string(j.Phase))
	p.Row("flux", "%s", flux)
	p.Row("jobs", "%s", j.jobs())
	p.Row("queue", "%s", queue(o))
	p.Ranks(o.Ranks)
	p.Row("why", "%s", why(o))
	return p
}

// Line is the same on one line, for output that is not a terminal.
func Line(j *Journey, o Observation) string {
	return fmt.Sprintf("%s: jobs %s; queue: %s; size %d (%d wished), ready %d: %s",
		j.Phase, j.jobs(), queue(o), o.Size, o.Wished, o.Ready, why(o))
}

// jobs draws those that have ended and those that run.
func (j *Journey) jobs() string {
	if len(j.Jobs) == 0 {
		return "none submitted yet"
	}
	ended, started := j.count(Job.Ended), j.count(Job.Started)
	return fmt.Sprintf("%s %d of %d submitted have ended, %d run", drive.Places(ended, started, len(j.Jobs)), ended, len(j.Jobs), started-ended)
}

func queue(o Observation) string {
	if o.Queue == nil {
		return "the lead has not told yet"
	}
	return fmt.Sprintf("%d running, %d pending, size %d wanted", o.Queue.Running, o.Queue.Pending, o.Queue.Wanted)
}

func why(o Observation) string {
	if o.Queue == nil || o.Queue.Message == "" {
		return "nothing is said"
	}
	return o.Queue.Message
}
