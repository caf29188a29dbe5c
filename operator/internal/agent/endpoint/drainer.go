// Package endpoint is how the operator reaches the instance of Flux of a lead: it
// asks there for ranks to be drained, and when they are idle.
//
// A Drainer makes the set of ranks that we drained equal to the one wished:
//
//	drain   wished − drained by anybody
//	undrain drained by us − wished − about to stop by themselves
//
// then looks which of the wished run jobs, once, or once a second while somebody
// waits for an answer. Requests take turns, and a newer one ends the waiting of an
// older, so that what the newest wished holds in the end.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxcli"
)

// Reasons of drained ranks, in Flux's list.
const (
	// ReasonShrink is of ranks that the operator wishes to be drained.
	ReasonShrink = agentapi.DrainReason + " the MiniCluster shrinks"
	// ReasonStopping is of a rank that drained itself since its pod is being
	// stopped. The operator's wish does not undrain it: jobs would start on a rank
	// about to go. It undrains itself when it comes back.
	ReasonStopping = agentapi.DrainReason + " pod is being stopped"
)

const (
	// MaxWait bounds DrainRequest.WaitSeconds.
	MaxWait = 300 * time.Second
	// lookInterval is how often Flux is asked while somebody waits. A look takes
	// it 0.2 to 0.6 s.
	lookInterval = time.Second
	// maxJobs bounds DrainReport.Jobs.
	maxJobs = 10
)

// ErrSuperseded ends a request when a newer one has come.
var ErrSuperseded = errors.New("a newer request has come: what it wishes holds")

// RequestError is a request that cannot be served as it is.
type RequestError struct{ Message string }

// Error names the field, its value and the bound.
func (e *RequestError) Error() string { return e.Message }

// Flux is what is asked of the instance. See fluxcli.Client.
type Flux interface {
	Drain(ctx context.Context, ranks idset.Set, reason string) error
	Undrain(ctx context.Context, ranks idset.Set) error
	Drained(ctx context.Context) (fluxcli.Drains, error)
	Allocated(ctx context.Context, ranks idset.Set) (idset.Set, error)
	Jobs(ctx context.Context, ranks idset.Set) ([]fluxcli.Job, error)
}

var _ Flux = (*fluxcli.Client)(nil)

// Drainer serves the operator's requests. Its methods may be called at the same
// time.
type Drainer struct {
	flux Flux
	// turn is held by the request that talks to Flux about drained ranks.
	turn chan struct{}

	mu sync.Mutex
	// supersede ends the newest request. Ending one that is over does nothing.
	supersede context.CancelCauseFunc
}

// NewDrainer makes a Drainer of the instance that flux asks.
func NewDrainer(flux Flux) *Drainer {
	return &Drainer{flux: flux, turn: make(chan struct{}, 1), supersede: func(error) {}}
}

// wish is a DrainRequest that has been checked.
type wish struct {
	ranks idset.Set
	known idset.Set
	wait  time.Duration
}

func checkRequest(r agentapi.DrainRequest) (wish, error) {
	ranks, err := idset.Parse(r.Ranks)
	if err != nil {
		return wish{}, &RequestError{"ranks: " + err.Error()}
	}
	known, err := idset.Parse(r.Known)
	if err != nil {
		return wish{}, &RequestError{"known: " + err.Error()}
	}
	wait := time.Duration(r.WaitSeconds) * time.Second
	if wait < 0 || wait > MaxWait {
		return wish{}, &RequestError{fmt.Sprintf("waitSeconds %d must be from 0 to %d", r.WaitSeconds, int(MaxWait.Seconds()))}
	}
	return wish{ranks, known, wait}, nil
}

// Drain fulfils a request and reports; see agentapi.DrainRequest. Errors are a
// *RequestError, ErrSuperseded, ctx's, or else Flux's: then the ranks must be
// taken for busy.
func (d *Drainer) Drain(ctx context.Context, request agentapi.DrainRequest) (agentapi.DrainReport, error) {
	wish, err := checkRequest(request)
	if err != nil {
		return agentapi.DrainReport{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.mu.Lock()
	d.supersede(ErrSuperseded)
	d.supersede = cancel
	d.mu.Unlock()

	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return agentapi.DrainReport{}, context.Cause(ctx)
	}
	report, err := d.await(ctx, wish)
	if ctx.Err() != nil {
		return agentapi.DrainReport{}, context.Cause(ctx)
	}
	return report, err
}

// setDrained makes the ranks that we drained those of the wish.
func (d *Drainer) setDrained(ctx context.Context, wished idset.Set) error {
	drains, err := d.flux.Drained(ctx)
	if err != nil {
		return err
	}
	if err := d.flux.Drain(ctx, wished.Minus(drains.Ranks()), ReasonShrink); err != nil {
		return err
	}
	ours := drains.Because(agentapi.DrainReason).Minus(drains.Because(ReasonStopping))
	return d.flux.Undrain(ctx, ours.Minus(wished))
}

// await looks until there is something to report. Each look begins with draining:
// a rank that has gone and come back meanwhile has undrained itself.
func (d *Drainer) await(ctx context.Context, wish wish) (agentapi.DrainReport, error) {
	over := time.NewTimer(wish.wait)
	defer over.Stop()
	again := time.NewTicker(lookInterval)
	defer again.Stop()
	for {
		// A change that has begun is finished, also when a newer request comes or the
		// caller goes: nobody could tell what a killed command has done.
		if err := d.setDrained(context.WithoutCancel(ctx), wish.ranks); err != nil {
			return agentapi.DrainReport{}, err
		}
		busy, err := d.flux.Allocated(ctx, wish.ranks)
		if err != nil {
			return agentapi.DrainReport{}, err
		}
		if busy.Len() == 0 || wish.wait == 0 || busy.String() != wish.known.String() {
			return report(ctx, d.flux, busy)
		}
		select {
		case <-ctx.Done():
			return agentapi.DrainReport{}, context.Cause(ctx)
		case <-over.C:
			return report(ctx, d.flux, busy)
		case <-again.C:
		}
	}
}

// Look reports what runs on ranks, and changes nothing.
func Look(ctx context.Context, flux Flux, ranks idset.Set) (agentapi.DrainReport, error) {
	busy, err := flux.Allocated(ctx, ranks)
	if err != nil {
		return agentapi.DrainReport{}, err
	}
	return report(ctx, flux, busy)
}

// report adds the jobs on the busy ranks.
func report(ctx context.Context, flux Flux, busy idset.Set) (agentapi.DrainReport, error) {
	told := agentapi.DrainReport{Busy: busy.String()}
	if busy.Len() == 0 {
		return told, nil
	}
	jobs, err := flux.Jobs(ctx, busy)
	if err != nil {
		return agentapi.DrainReport{}, err
	}
	told.JobCount = len(jobs)
	for _, job := range jobs[:min(len(jobs), maxJobs)] {
		told.Jobs = append(told.Jobs, job.ID)
	}
	return told, nil
}
