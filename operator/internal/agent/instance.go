package agent

import (
	"context"
	"log"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// Times between looks at what nobody tells of.
const (
	firstLook = 50 * time.Millisecond
	slowLook  = 500 * time.Millisecond // while a broker joins: a follower may wait for long
	idleLook  = time.Second            // while jobs end: the lead is asked, by all that stop
)

// lookTime bounds a look of a rank that is told to end: what has not joined does
// not answer.
const lookTime = 3 * time.Second

// own is the rank as its instance sees it, through the local broker.
type own struct {
	flux  *fluxinstance.Client
	ranks idset.Set // the own rank
	log   *log.Logger
	// started is when the pod of the rank was.
	started time.Time
}

// waitUp waits until the rank is online, or ctx is over. The instance can be
// asked only once the local broker has joined it.
func (o own) waitUp(ctx context.Context, socket string) bool {
	for pause := firstLook; ; pause = min(2*pause, slowLook) {
		if o.isOnline(ctx, socket) {
			return true
		}
		if !sleep(ctx, pause) {
			return false
		}
	}
}

// isOnline asks once.
func (o own) isOnline(ctx context.Context, socket string) bool {
	if !exists(socket) {
		return false
	}
	online, err := o.flux.Online(ctx)
	return err == nil && o.ranks.Minus(online).IsEmpty()
}

// isUp asks once, and does not wait for long.
func (o own) isUp(ctx context.Context, socket string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	return o.isOnline(ctx, socket)
}

// undrainOurs undoes a drain of ours from before the rank went. An administrator's
// stays, and so does one that the operator has asked for since, also before the rank was
// online: it relies on the rank getting no job.
func (o own) undrainOurs(ctx context.Context) error {
	drained, err := o.flux.Drained(ctx)
	if err != nil {
		return err
	}
	if o.ranks.Minus(drained.Because(agentapi.DrainReason)).Len() > 0 {
		return nil
	}
	if o.ranks.Minus(drained.Because(endpoint.ReasonStopping)).Len() > 0 {
		since, err := o.flux.DrainedSince(ctx, o.started)
		if err != nil {
			return err
		}
		if o.ranks.Minus(since).Len() == 0 {
			return nil
		}
	}
	o.log.Print("undraining this rank: it has come back")
	return o.flux.Undrain(ctx, o.ranks)
}

// undrainEarlier is for a lead, and undoes the drains of ours in the state that it
// began with. They tell of another time, an archive's of one that may be long ago,
// and followers whose pods live on do not look again. The operator drains anew what
// is still to go.
func (o own) undrainEarlier(ctx context.Context) error {
	drained, err := o.flux.Drained(ctx)
	if err != nil {
		return err
	}
	earlier := drained.Because(agentapi.DrainReason)
	if earlier.Len() == 0 {
		return nil
	}
	since, err := o.flux.DrainedSinceOnline(ctx) // such as of a follower that is being stopped
	if err != nil {
		return err
	}
	if earlier = earlier.Minus(since); earlier.Len() > 0 {
		o.log.Printf("undraining ranks %s: they were drained before this lead", earlier)
	}
	return o.flux.Undrain(ctx, earlier)
}

// drainAndWait drains the rank and waits until no job runs on it, or ctx is over.
// An error of asking is no answer: it is asked again.
func (o own) drainAndWait(ctx context.Context) {
	if !o.insist(ctx, "draining this rank", func() error { return o.drain(ctx) }) {
		return
	}
	var busy idset.Set
	for {
		ok := o.insist(ctx, "asking for jobs on this rank", func() (err error) {
			busy, err = o.flux.Allocated(ctx, o.ranks)
			return err
		})
		if !ok || busy.Len() == 0 || !sleep(ctx, idleLook) {
			return
		}
	}
}

// drain drains the rank. An administrator's reason stays; one of ours makes room,
// since the operator takes back what it has wished, also on a rank about to go.
func (o own) drain(ctx context.Context) error {
	drained, err := o.flux.Drained(ctx)
	if err != nil {
		return err
	}
	if o.ranks.Minus(drained.Because(agentapi.DrainReason)).Len() == 0 {
		return o.flux.DrainAnew(ctx, o.ranks, endpoint.ReasonStopping)
	}
	return o.flux.Drain(ctx, o.ranks, endpoint.ReasonStopping)
}

// insist tries do until it succeeds. It returns false when ctx is over before.
func (o own) insist(ctx context.Context, what string, do func() error) bool {
	for {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		o.log.Printf("%s: %v; trying again", what, err)
		if !sleep(ctx, idleLook) {
			return false
		}
	}
}

// sleep returns false when ctx is over before.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
