package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// defaultDrainTimeout holds where scaleDown.drainTimeoutSeconds is not set.
const defaultDrainTimeout = time.Hour

// DrainOrder is what the lead is to be told: drain these ranks and no others. With rank 0
// among them, the instance is to rest: its queue is stopped, so that no job starts on any.
type DrainOrder struct {
	Ranks idset.Set
	// Requeue, of an instance that rests, has jobs that run go back into the queue.
	Requeue bool
}

// Rests tells whether the instance is to rest.
func (o DrainOrder) Rests() bool { return o.Ranks.Contains(0) }

// DrainAnswer is what the lead answered last. It counts for the order of the same
// Ranks only.
type DrainAnswer struct {
	Ranks idset.Set
	// Busy are those of the ranks that run jobs. Jobs are some of the jobs, and
	// JobCount is their number.
	Busy     idset.Set
	Jobs     []string
	JobCount int
	// Pending is the number of jobs that wait, of an instance that rests.
	Pending int
	// Problem says why the lead did not answer. Then nothing else is known.
	Problem string
}

// Equal tells whether two answers say the same.
func (a DrainAnswer) Equal(b DrainAnswer) bool {
	return a.Ranks.Equal(b.Ranks) && a.Busy.Equal(b.Busy) && a.JobCount == b.JobCount && a.Pending == b.Pending && a.Problem == b.Problem && slices.Equal(a.Jobs, b.Jobs)
}

// DrainTimeout returns how long ranks that are to go may keep their jobs.
func DrainTimeout(mc *api.MiniCluster) time.Duration {
	if seconds := mc.Spec.ScaleDown.DrainTimeoutSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultDrainTimeout
}

// earlierDrain is the drain that the status tells of; the zero value is none.
type earlierDrain struct {
	status *api.Drain
	ranks  idset.Set
}

func drainBefore(mc *api.MiniCluster) earlierDrain {
	if mc.Status.Drain == nil {
		return earlierDrain{}
	}
	ranks, err := idset.Parse(mc.Status.Drain.Ranks)
	if err != nil {
		return earlierDrain{} // somebody else has written it
	}
	return earlierDrain{mc.Status.Drain, ranks}
}

// departure is ranks that are to end, since the MiniCluster shrinks, restarts or goes to
// sleep.
type departure struct {
	ranks   idset.Set
	timeout time.Duration
	// reason says why they go, for the log.
	reason string
	// begins and leaves say what they do, when that begins and while it lasts. idle is where
	// no job runs in the end.
	begins, leaves, idle string
	// requeues tells that jobs go back into the queue when the time is over.
	requeues bool
	// jobsMayRun tells whether a job may run on them. unknownUntil, when not zero, is until
	// when that counts although the lead has not been ready yet.
	jobsMayRun   bool
	unknownUntil time.Time
}

// shrink is the departure of the ranks above the desired ones.
func (f facts) shrink() departure {
	going := f.going()
	them, many := going.Words(), going.Len()
	return departure{
		ranks: going, timeout: DrainTimeout(f.MiniCluster), reason: f.sizeReason(),
		begins:     fmt.Sprintf("%s %s no more jobs, to go when %s idle", them, verb(many, "takes", "take"), verb(many, "it is", "they are")),
		leaves:     fmt.Sprintf("%s %s no more jobs and %s when %s idle", them, verb(many, "takes", "take"), verb(many, "goes", "go"), verb(many, "it is", "they are")),
		idle:       "on " + them,
		jobsMayRun: !f.ranks.running.Intersect(going).IsEmpty(),
	}
}

// drain is what becomes of ranks that are to go, and of those that were to go and now
// stay. The zero value is none: an earlier one is over.
type drain struct {
	// status is what status.drain becomes, and order what the lead is told.
	status *api.Drain
	order  *DrainOrder
	// deadline, when not zero, is until when ranks that are to go are waited for.
	deadline time.Time
	// leaving says which ranks these are, and because what they wait for.
	leaving, because string
	events           []Event
}

// holds tells whether ranks that are to go must still stay.
func (d drain) holds() bool { return !d.deadline.IsZero() }

// planDrain decides whether the ranks of a departure may go, and what the lead is told
// about them.
//
// The drain that the status tells of goes on while ranks are among it that stay, until
// the lead has confirmed that these take jobs again. Else it is over: its ranks have
// gone.
func planDrain(f facts, l departure) drain {
	switch stay := f.before.ranks.Intersect(idset.Range(0, min(f.desired, f.completions))).Minus(l.ranks); {
	case !f.flux:
		return drain{} // There is nobody who gives ranks work.
	case !l.ranks.IsEmpty():
		return f.depart(l, !stay.IsEmpty())
	case !stay.IsEmpty():
		return undrain(f, stay)
	}
	return drain{}
}

// depart drains the ranks that are to go, unless they may go now. It fails closed: without
// an answer of the lead, a rank counts as busy until the time is over. someStay tells that
// the earlier drain has ranks that stay.
func (f facts) depart(l departure, someStay bool) drain {
	answer := f.answerAbout(l.ranks)
	known := answer != nil && answer.Problem == ""
	// Until its ranks have gone, a drain is that of the Job's highest ranks. Else it is
	// over: they have gone, or came back to work since.
	inForce := f.before.ranks.Contains(f.completions - 1)

	// The time begins anew with ranks that were not to go before: the jobs of each rank
	// have it whole, at the price of a longer wait for the others.
	start := metav1.NewTime(f.Now)
	if inForce && l.ranks.Minus(f.before.ranks).IsEmpty() {
		start = f.before.status.StartTime
	}
	deadline := start.Add(l.timeout)

	var d drain
	switch {
	case l.timeout == 0 && !inForce && !l.requeues, !l.jobsMayRun:
		// They go at once. The lead has not heard of it.
	case known && answer.Busy.IsEmpty():
		d.events = []Event{normal(api.EventDrained, "No job runs %s", l.idle).
			logged("Drained ranks", "ranks", l.ranks.Short(), "reason", "no job runs on them")}
		return d
	case l.requeues && !f.Now.Before(deadline) && f.Now.Before(deadline.Add(requeueTime)):
		d = f.wait(l, start, deadline.Add(requeueTime), answer)
		d.order.Requeue = true
		d.leaving = "the queue is stopped, and jobs that still run go back into it"
		return d
	case !f.Now.Before(deadline):
		d.events = []Event{warning(api.EventDrainTimedOut, "%s %s after %s although %s", Capital(l.ranks.Words()), verb(l.ranks.Len(), "goes", "go"), l.timeout, answer.hindrance()).
			logged("Stopped waiting for ranks to drain", "ranks", l.ranks.Short(), "timeout", l.timeout.String(), "reason", answer.hindrance())}
		if known {
			return d
		}
	default:
		return f.wait(l, start, deadline, answer)
	}
	if someStay {
		d.status = f.before.status
	}
	return d
}

// wait lets the ranks drain until the deadline.
func (f facts) wait(l departure, start metav1.Time, deadline time.Time, answer *DrainAnswer) drain {
	busy := l.ranks
	if answer != nil && answer.Problem == "" {
		busy = answer.Busy
	}
	until := deadline.UTC().Format(time.RFC3339)
	d := drain{
		status:   &api.Drain{Ranks: l.ranks.String(), StartTime: start, Busy: busy.String()},
		order:    &DrainOrder{Ranks: l.ranks},
		deadline: Earliest(deadline, l.unknownUntil),
		leaving:  fmt.Sprintf("%s, or at %s", l.leaves, until),
		because:  answer.hindrance(),
	}
	if !f.before.ranks.Equal(l.ranks) {
		d.events = []Event{normal(api.EventDraining, "%s", Capital(l.begins)).
			logged("Draining ranks", "ranks", l.ranks.Short(), "until", until, "reason", l.reason)}
	}
	return d
}

// undrain lets ranks work again that were to go and now stay. Ranks that have gone do
// not matter: they undrain themselves when they come back. Until their pods have
// ended they stay drained.
func undrain(f facts, stay idset.Set) drain {
	gone := f.before.ranks.Minus(idset.Range(0, f.desired))
	if answer := f.answerAbout(gone); answer == nil || answer.Problem != "" {
		return drain{status: f.before.status, order: &DrainOrder{Ranks: gone}}
	}
	return drain{events: []Event{normal(api.EventDrainCanceled, "%s %s jobs again", Capital(stay.Words()), verb(stay.Len(), "stays, and takes", "stay, and take")).
		logged("Undrained ranks", "ranks", stay.Short(), "reason", f.sizeReason())}}
}

// answerAbout returns the lead's answer to the order of these ranks; nil without one.
func (f facts) answerAbout(ranks idset.Set) *DrainAnswer {
	if f.Drain == nil || !f.Drain.Ranks.Equal(ranks) {
		return nil
	}
	return f.Drain
}

// hindrance says what keeps ranks from going.
func (a *DrainAnswer) hindrance() string {
	switch {
	case a == nil:
		return "the lead has not answered yet"
	case a.Problem != "":
		return "the lead does not answer: " + a.Problem
	}
	text := fmt.Sprintf("%s %s on %s", counted(a.JobCount, "job"), verb(a.JobCount, "runs", "run"), a.Busy.Words())
	if len(a.Jobs) > 0 {
		text += " (" + strings.Join(a.Jobs, ", ") + ")"
	}
	return text
}
