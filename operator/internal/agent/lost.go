package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// lostTime bounds the wait for jobs that an earlier lead has lost: they fail at once.
const lostTime = time.Minute

// reasonKick is why queues stand still for a moment.
const reasonKick = "gopherlocks-agent: asking for ranks anew"

// freeLost is for a lead that goes on with the state of an earlier one. Jobs that ran there
// fail, and Fluxion may keep their ranks for good; it is told to free them.
func (o own) freeLost(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lostTime)
	defer cancel()
	held := 0
	o.insist(ctx, "looking for jobs of an earlier lead", func() error {
		ended, left, err := o.flux.LostJobs(ctx, began)
		if err != nil {
			return err
		}
		for _, id := range ended {
			is, err := o.flux.Forget(ctx, id)
			if err != nil {
				return err
			}
			if is {
				o.log.Printf("the scheduler still held the ranks of job %s, which an earlier lead has lost: they are free now", id)
				held++
			}
		}
		if left > 0 {
			return fmt.Errorf("%d are still to end", left)
		}
		return nil
	})
	if held > 0 {
		// Fluxion tries jobs that wait anew only when something happens.
		o.insist(ctx, "having jobs ask for ranks anew", func() error { return o.kick(ctx) })
	}
}

// kick stops and starts the queues that are started.
func (o own) kick(ctx context.Context) error {
	if err := fluxinstance.Hold(ctx, o.flux, reasonKick); err != nil {
		return err
	}
	return fluxinstance.Resume(ctx, o.flux, reasonKick)
}
