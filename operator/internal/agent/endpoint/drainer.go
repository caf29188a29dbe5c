// Package endpoint is how the operator reaches the instance of Flux of a lead: it
// asks there for ranks to be drained, and when they are idle, and what the queue needs.
//
// A Drainer makes the set of ranks that we drained equal to the one that is asked
// for:
//
//	drain   asked for − drained by anybody
//	undrain drained by us − asked for − about to stop by themselves
//
// An instance that is to rest has its queues stopped instead, and its drains left alone.
//
// Then it looks which of those that were asked for run jobs: once, or four times a
// second while somebody waits for an answer. Requests take turns. A newer one ends the
// waiting of an older one, so that the newest holds in the end.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// Reasons of drained ranks, in Flux's list.
const (
	// ReasonShrink is of ranks that the operator asks to be drained.
	ReasonShrink = agentapi.DrainReason + " the MiniCluster shrinks"
	// ReasonStopping is of a rank that drained itself since its pod is being
	// stopped. The operator's request does not undrain it: jobs would start on a
	// rank about to go. It undrains itself when it comes back.
	ReasonStopping = agentapi.DrainReason + " pod is being stopped"
)

const (
	// MaxWait bounds WaitSeconds of all requests.
	MaxWait = 300 * time.Second
	// lookInterval is how often Flux is asked while somebody waits. A look takes some
	// milliseconds.
	lookInterval = 250 * time.Millisecond
	// maxJobs bounds DrainReport.Jobs.
	maxJobs = 10
)

// ErrSuperseded ends a request when a newer one has come.
var ErrSuperseded = errors.New("a newer request has come, and holds instead")

// RequestError is a request that cannot be served as it is.
type RequestError struct{ Message string }

// Error names the field, its value and the bound.
func (e *RequestError) Error() string { return e.Message }

// Flux is what is asked of the instance. See fluxinstance.Client.
type Flux interface {
	Drain(ctx context.Context, ranks idset.Set, reason string) error
	Undrain(ctx context.Context, ranks idset.Set) error
	Drained(ctx context.Context) (fluxinstance.Drains, error)
	Allocated(ctx context.Context, ranks idset.Set) (idset.Set, error)
	Jobs(ctx context.Context, ranks idset.Set) ([]fluxinstance.Job, error)
	PendingJobs(ctx context.Context) (int, error)
	fluxinstance.QueueControl
	RunningJobs(ctx context.Context) ([]fluxinstance.RunningJob, error)
	Requeue(ctx context.Context, job fluxinstance.RunningJob) (fluxinstance.JobID, error)
}

var _ Flux = (*fluxinstance.Client)(nil)

// Drainer serves the operator's requests. Its methods may be called at the same
// time.
type Drainer struct {
	flux Flux
	// turn is held by the request that drains ranks.
	turn chan struct{}
	// requeued are the jobs that have been submitted again. It needs the turn.
	requeued map[fluxinstance.JobID]bool

	mu sync.Mutex
	// supersede ends the newest request. Ending one that is over does nothing.
	supersede context.CancelCauseFunc
}

// NewDrainer makes a Drainer of the instance that flux asks.
func NewDrainer(flux Flux) *Drainer {
	return &Drainer{flux: flux, turn: make(chan struct{}, 1), requeued: map[fluxinstance.JobID]bool{}, supersede: func(error) {}}
}

func checkWait(seconds int32) error {
	if most := int32(MaxWait.Seconds()); seconds < 0 || seconds > most {
		return &RequestError{fmt.Sprintf("waitSeconds %d must be from 0 to %d", seconds, most)}
	}
	return nil
}

// Drain fulfils a request and reports; see agentapi.DrainRequest. Errors are a
// *RequestError, ErrSuperseded, ctx's, or else Flux's: then the ranks must be
// taken for busy.
func (d *Drainer) Drain(ctx context.Context, request agentapi.DrainRequest) (agentapi.DrainReport, error) {
	if err := checkWait(request.WaitSeconds); err != nil {
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
	report, err := d.await(ctx, request)
	if ctx.Err() != nil {
		return agentapi.DrainReport{}, context.Cause(ctx)
	}
	return report, err
}

// set makes of the instance what is asked for. Ranks that are to stay drained are so before
// a queue is started.
func (d *Drainer) set(ctx context.Context, request agentapi.DrainRequest) error {
	if !request.Rest {
		if err := d.setDrained(ctx, request.Ranks); err != nil {
			return err
		}
		return fluxinstance.Resume(ctx, d.flux, agentapi.StopReason)
	}
	if err := fluxinstance.Hold(ctx, d.flux, agentapi.StopReason); err != nil || !request.Requeue {
		return err
	}
	return d.requeue(ctx)
}

// requeue has jobs that run go back into the queue, each once: one that is being canceled may
// still be told of as running.
func (d *Drainer) requeue(ctx context.Context) error {
	jobs, err := d.flux.RunningJobs(ctx)
	if err != nil {
		return err
	}
	for _, job := range jobs {
		if d.requeued[job.ID] {
			continue
		}
		if _, err := d.flux.Requeue(ctx, job); err != nil {
			return err
		}
		d.requeued[job.ID] = true
	}
	return nil
}

// setDrained makes the ranks that we drained those that are wanted.
func (d *Drainer) setDrained(ctx context.Context, wanted idset.Set) error {
	drains, err := d.flux.Drained(ctx)
	if err != nil {
		return err
	}
	if err := d.flux.Drain(ctx, wanted.Minus(drains.Ranks()), ReasonShrink); err != nil {
		return err
	}
	ours := drains.Because(agentapi.DrainReason).Minus(drains.Because(ReasonStopping))
	return d.flux.Undrain(ctx, ours.Minus(wanted))
}

// await looks until there is something to report. Each look begins with draining:
// a rank that has gone and come back meanwhile has undrained itself.
func (d *Drainer) await(ctx context.Context, request agentapi.DrainRequest) (agentapi.DrainReport, error) {
	over := time.NewTimer(time.Duration(request.WaitSeconds) * time.Second)
	defer over.Stop()
	again := time.NewTicker(lookInterval)
	defer again.Stop()
	for {
		// A change that has begun is finished, also when a newer request comes or the
		// caller goes: nobody could tell whether one without an answer was made.
		if err := d.set(context.WithoutCancel(ctx), request); err != nil {
			return agentapi.DrainReport{}, err
		}
		busy, err := d.flux.Allocated(ctx, request.Ranks)
		if err != nil {
			return agentapi.DrainReport{}, err
		}
		if busy.IsEmpty() || request.WaitSeconds == 0 || !busy.Equal(request.Known) {
			return d.report(ctx, request, busy)
		}
		select {
		case <-ctx.Done():
			return agentapi.DrainReport{}, context.Cause(ctx)
		case <-over.C:
			return d.report(ctx, request, busy)
		case <-again.C:
		}
	}
}

// report adds what waits to what runs, of an instance that rests.
func (d *Drainer) report(ctx context.Context, request agentapi.DrainRequest, busy idset.Set) (agentapi.DrainReport, error) {
	told, err := report(ctx, d.flux, busy)
	if err == nil && request.Rest {
		told.Waiting, err = d.flux.PendingJobs(ctx)
	}
	return told, err
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
	told := agentapi.DrainReport{Busy: busy}
	if busy.IsEmpty() {
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
