package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand"
)

// session follows the journals once, from their past on until an error. One goroutine
// has all of it but the streams.
type session struct {
	follower *Follower
	tracker  *demand.Tracker
	// records are of the journal of jobs; resources says that ranks have changed.
	records   chan demand.Record
	resources chan struct{}

	// known is set when the past of the jobs has been told, dirty when something has
	// changed since the last report, stale when ranks have.
	known, dirty, stale bool
	// stopped are the queues that are asked about, and whether they are stopped.
	stopped map[string]bool
	// told are the jobs that the log has told of.
	told map[string]bool
	// pause is how long changes are gathered for.
	pause time.Duration
}

func newSession(f *Follower) *session {
	return &session{
		follower: f, tracker: demand.NewTracker(time.Now()),
		records: make(chan demand.Record, 64), resources: make(chan struct{}, 1),
		stale: true, pause: batchTime, stopped: map[string]bool{}, told: map[string]bool{},
	}
}

// run follows the journals. It returns nil when nobody asks any more.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{}, 2)
	for _, follow := range []func(context.Context) error{s.followJobs, s.followResources} {
		go func() {
			cancel(follow(ctx))
			ended <- struct{}{}
		}()
	}
	err := s.serve(ctx)
	cancel(nil)
	for range cap(ended) {
		<-ended
	}
	return err
}

func (s *session) followJobs(ctx context.Context) error {
	allow := map[string]int{}
	for _, name := range demand.Events {
		allow[name] = 1
	}
	return stream(ctx, s.follower.flux, "job-manager.events-journal", map[string]any{"full": false, "allow": allow}, func(record demand.Record) {
		select {
		case s.records <- record:
		case <-ctx.Done():
		}
	})
}

// followResources waits for changes of the ranks. What the journal says of them is not
// used: its past may be cut off, and resource.status says in one answer what is so.
func (s *session) followResources(ctx context.Context) error {
	return stream(ctx, s.follower.flux, "resource.journal", nil, func(struct{}) { signal(s.resources) })
}

// stream passes on each answer of a stream. It ends with an error only.
func stream[T any](ctx context.Context, flux Flux, topic string, payload any, each func(T)) error {
	answers, err := flux.Stream(ctx, topic, payload)
	if err != nil {
		return err
	}
	defer answers.Close()
	for {
		var answer T
		err := answers.Next(&answer)
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%s: %w", topic, errEnded)
		case errors.Is(err, syscall.ENOSYS):
			return fmt.Errorf("%w: the instance begins or ends, or %s", err, demand.NeedsFlux)
		case err != nil:
			return err
		}
		each(answer)
	}
}

// serve takes in what the streams tell, and makes reports.
func (s *session) serve(ctx context.Context) error {
	batch, look, unasked := newTimer(), newTimer(), newTimer()
	unasked.Reset(unaskedTime)
	defer func() { batch.Stop(); look.Stop(); unasked.Stop() }()
	isBatching := false
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case record := <-s.records:
			caughtUp, err := s.tracker.Apply(record, time.Now())
			if err != nil {
				return err
			}
			s.known, s.dirty = s.known || caughtUp, true
		case <-s.resources:
			s.stale = true
		case <-s.follower.hurry:
		case <-unasked.C:
			if len(s.follower.sizes()) == 0 {
				return nil
			}
			unasked.Reset(unaskedTime)
			continue
		case <-look.C:
			if err := s.report(ctx, look); err != nil {
				return err
			}
			continue
		case <-batch.C:
			isBatching = false
			if err := s.report(ctx, look); err != nil {
				return err
			}
			continue
		}
		if !isBatching {
			isBatching = true
			batch.Reset(s.pause)
		}
	}
}

// newTimer returns a timer that is not set.
func newTimer() *time.Timer {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return timer
}

// report makes new reports if something has changed, and sets look where that must be
// found out.
func (s *session) report(ctx context.Context, look *time.Timer) error {
	if !s.known {
		return nil
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if s.tracker.IsCleaning() || len(s.stopped) > 0 {
		look.Reset(lookInterval)
	}
	sizes := s.follower.sizes()
	s.follower.mu.Lock()
	before := s.follower.reports
	s.follower.mu.Unlock()
	missing := false
	for _, size := range sizes {
		if _, known := before[size]; !known {
			missing = true
		}
	}
	if !s.dirty && !missing {
		return nil
	}
	s.dirty = false
	begin := time.Now()
	reports := map[int32]demand.Report{}
	told := map[string]bool{}
	for _, size := range sizes {
		report, err := s.tracker.Report(size, s.stopped)
		if err != nil {
			return err
		}
		reports[size] = report
		s.tell(report, told)
	}
	s.told = told
	s.pause = min(max(10*time.Since(begin), batchTime), maxBatchTime)
	s.follower.publish(reports, nil)
	return nil
}

// tell logs each job once whose request is not understood, and adds it to told.
func (s *session) tell(report demand.Report, told map[string]bool) {
	for _, job := range report.Problems {
		if !s.told[job.ID] && !told[job.ID] {
			s.follower.log.Printf("job %s: %s", job.ID, job.Why)
		}
		told[job.ID] = true
	}
}

// look asks Flux for what the streams do not tell: what the ranks are like, after they
// have changed; whether a rank is cleaned up, after a job; and whether the queues are
// started in which jobs wait.
func (s *session) look(ctx context.Context) error {
	if s.stale {
		s.stale = false
		var answer json.RawMessage
		if err := s.follower.flux.Request(ctx, "resource.status", nil, &answer); err != nil {
			return err
		}
		ranks, err := demand.ParseRanks(answer)
		if err != nil {
			return err
		}
		s.tracker.SetRanks(ranks, time.Now())
		s.dirty = true
	}
	if s.tracker.TakeFreed() || s.tracker.IsCleaning() {
		if err := s.lookForCleaning(ctx); err != nil {
			return err
		}
	}
	stopped := map[string]bool{}
	for _, queue := range s.tracker.WaitingQueues() {
		isStopped, err := s.isStopped(ctx, queue)
		if err != nil {
			return err
		}
		stopped[queue] = isStopped
	}
	if !maps.Equal(stopped, s.stopped) {
		s.stopped, s.dirty = stopped, true
	}
	return nil
}

// lookForCleaning asks for the ranks on which housekeeping runs. The job that had them
// has ended by then, but the scheduler gives them to nobody yet.
// Source: src/modules/job-manager/housekeeping.c of flux-core.
func (s *session) lookForCleaning(ctx context.Context) error {
	var stats struct {
		Housekeeping struct {
			Running map[string]struct {
				Allocated idset.Set `json:"allocated"`
			} `json:"running"`
		} `json:"housekeeping"`
	}
	if err := s.follower.flux.Request(ctx, "job-manager.stats-get", nil, &stats); err != nil {
		return err
	}
	var cleaning idset.Set
	for _, each := range stats.Housekeeping.Running {
		cleaning = cleaning.Union(each.Allocated)
	}
	s.dirty = s.tracker.SetCleaning(cleaning, time.Now()) || s.dirty
	return nil
}

// isStopped asks whether a queue gives its jobs no ranks. One that there is not any more
// gives none. No stream tells of this: see src/modules/job-manager/queue.c of flux-core.
func (s *session) isStopped(ctx context.Context, queue string) (bool, error) {
	request := map[string]string{}
	if queue != "" {
		request["name"] = queue
	}
	var status struct {
		Start bool `json:"start"`
	}
	err := s.follower.flux.Request(ctx, "job-manager.queue-status", request, &status)
	if errors.Is(err, syscall.EINVAL) {
		return true, nil
	}
	return !status.Start, err
}
