package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// askPeriod is how often Flux is asked for the demo's jobs. A command of Flux costs
// the lead half a second of CPU.
const askPeriod = 2 * time.Second

// Passed says what a demo without an error has shown.
const Passed = "grown for the jobs that waited and back to minSize without any, each job has completed, and every rank that was wanted all the time kept its pod"

// Run drives the demo until all jobs have ended and the MiniCluster has come back to its
// minimum. Each job works for the time given. Run returns an error if ctx ends before
// that, if the cluster cannot be reached, if a job did not complete, or if a pod was
// replaced without need. Jobs that have not ended then are canceled.
func Run(ctx context.Context, restConfig *rest.Config, watcher *drive.Watcher, display *drive.Display, work time.Duration) (err error) {
	d := &demo{watcher: watcher, display: display, flux: flux{restConfig}, work: work, journey: NewJourney(), start: time.Now()}
	if err = d.introduce(ctx); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, d.cancelJobs(context.WithoutCancel(ctx)))
		fmt.Fprintf(display.Out, "\n%s", &d.journey.Timeline)
	}()
	if err = watcher.Follow(ctx, func() (bool, error) { return d.step(ctx) }); err != nil {
		return fmt.Errorf("the demo ended while %s: %w", d.journey.Phase, err)
	}
	return d.journey.Err()
}

// demo is a demo that runs.
type demo struct {
	watcher *drive.Watcher
	display *drive.Display
	flux    flux
	work    time.Duration
	journey *Journey
	start   time.Time
	// made says what the instance is made of.
	made     string
	statuses map[string]string
	asked    time.Time
}

// introduce says what is about to be shown, and refuses what cannot be.
func (d *demo) introduce(ctx context.Context) error {
	seen, err := d.watcher.Look(ctx)
	if err != nil {
		return err
	}
	if ranks := seen.Ranks(); ranks.Max <= ranks.Min {
		return fmt.Errorf("MiniCluster %s has maxSize %d, which must be above its minSize %d for something to be seen", d.watcher.Cluster, ranks.Max, ranks.Min)
	}
	if d.made, err = d.flux.version(ctx, seen); err != nil {
		return err
	}
	fmt.Fprintf(d.display.Out, "MiniCluster %s scales by its queue, in an instance of %s.\n\n", d.watcher.Cluster, d.made)
	return nil
}

// step looks once, and does what follows. It returns whether the demo has ended.
func (d *demo) step(ctx context.Context) (bool, error) {
	seen, err := d.watcher.Look(ctx)
	if err != nil {
		return false, err
	}
	if err := d.ask(ctx, seen); err != nil {
		return false, err
	}
	elapsed := time.Since(d.start)
	observed := Observation{Ranks: seen.Ranks(), Queue: seen.MiniCluster.Status.Queue, Statuses: d.statuses}
	submit := d.journey.Observe(elapsed, observed)
	d.display.Draw(elapsed, Screen(d.watcher.Cluster.String(), elapsed, d.made, d.journey, observed), Line(d.journey, observed))
	for _, ranks := range submit {
		id, err := d.flux.submit(ctx, seen, ranks, d.work)
		if err != nil {
			return false, err
		}
		d.journey.Submitted(time.Since(d.start), id, ranks)
	}
	return d.journey.Phase == Arrived, nil
}

// ask asks Flux for the demo's jobs, when it is time to.
func (d *demo) ask(ctx context.Context, seen drive.Sight) error {
	ids := d.journey.unended()
	if len(ids) == 0 || time.Since(d.asked) < askPeriod {
		return nil
	}
	d.asked = time.Now()
	var err error
	d.statuses, err = d.flux.statuses(ctx, seen, ids)
	return err
}

// cancelJobs ends the demo's jobs that have not ended.
func (d *demo) cancelJobs(ctx context.Context) error {
	ids := d.journey.unended()
	if len(ids) == 0 {
		return nil
	}
	seen, err := d.watcher.Look(ctx)
	if err != nil {
		return err
	}
	return d.flux.cancel(ctx, seen, ids)
}
