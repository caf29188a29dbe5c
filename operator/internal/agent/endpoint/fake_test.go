package endpoint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// fakeFlux is an instance in memory.
type fakeFlux struct {
	mu      sync.Mutex
	reasons map[int32]string // of drained ranks
	jobs    []fluxinstance.Job
	changes []string // drains and undrains, in order
	looks   int
	err     error // of looks, from now on
	queues  []fluxinstance.Queue
	pending int
	running []fluxinstance.RunningJob

	// gate, when set, holds each change back until something can be received.
	gate chan struct{}
}

func newFakeFlux() *fakeFlux {
	return &fakeFlux{reasons: map[int32]string{}, queues: []fluxinstance.Queue{{Started: true}}}
}

func (f *fakeFlux) Queues(context.Context) ([]fluxinstance.Queue, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.queues), f.err
}

func (f *fakeFlux) StopQueue(_ context.Context, name, reason string) error {
	return f.setQueue("stop", fluxinstance.Queue{Name: name, StopReason: reason})
}

func (f *fakeFlux) StartQueue(_ context.Context, name string) error {
	return f.setQueue("start", fluxinstance.Queue{Name: name, Started: true})
}

func (f *fakeFlux) setQueue(what string, queue fluxinstance.Queue) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, strings.TrimSpace(what+" queue "+queue.Name))
	f.queues[slices.IndexFunc(f.queues, func(q fluxinstance.Queue) bool { return q.Name == queue.Name })] = queue
	return nil
}

func (f *fakeFlux) RunningJobs(context.Context) ([]fluxinstance.RunningJob, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.running), f.err
}

func (f *fakeFlux) Requeue(_ context.Context, job fluxinstance.RunningJob) (fluxinstance.JobID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, fmt.Sprintf("requeue %s urgency %d", job.ID, job.Urgency))
	f.pending++
	return job.ID + 1, nil
}

func (f *fakeFlux) PendingJobs(context.Context) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pending, f.err
}

func (f *fakeFlux) Drain(ctx context.Context, ranks idset.Set, reason string) error {
	return f.change(ctx, "drain", ranks, func(rank int32) {
		if _, drained := f.reasons[rank]; !drained {
			f.reasons[rank] = reason
		}
	})
}

func (f *fakeFlux) Undrain(ctx context.Context, ranks idset.Set) error {
	return f.change(ctx, "undrain", ranks, func(rank int32) { delete(f.reasons, rank) })
}

func (f *fakeFlux) change(ctx context.Context, what string, ranks idset.Set, each func(int32)) error {
	if ranks.Len() == 0 {
		return nil
	}
	if f.gate != nil {
		<-f.gate
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s was killed: %w", what, ctx.Err())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes = append(f.changes, what+" "+ranks.String())
	for rank := range ranks.All() {
		each(rank)
	}
	return nil
}

func (f *fakeFlux) Drained(context.Context) (fluxinstance.Drains, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var drains fluxinstance.Drains
	for rank, reason := range f.reasons {
		drains = append(drains, fluxinstance.Drain{Ranks: idset.Range(rank, rank+1), Reason: reason})
	}
	return drains, f.err
}

func (f *fakeFlux) Allocated(_ context.Context, ranks idset.Set) (idset.Set, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	var busy idset.Set
	for _, job := range f.jobs {
		busy = busy.Union(job.Ranks)
	}
	return ranks.Intersect(busy), f.err
}

func (f *fakeFlux) Jobs(_ context.Context, ranks idset.Set) ([]fluxinstance.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var jobs []fluxinstance.Job
	for _, job := range f.jobs {
		if !ranks.Intersect(job.Ranks).IsEmpty() {
			jobs = append(jobs, job)
		}
	}
	return jobs, f.err
}

// run starts a job, end ends it.
func (f *fakeFlux) run(t *testing.T, id, ranks string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = append(f.jobs, fluxinstance.Job{ID: id, Ranks: set(t, ranks)})
}

func (f *fakeFlux) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jobs = slices.DeleteFunc(f.jobs, func(job fluxinstance.Job) bool { return job.ID == id })
}

func (f *fakeFlux) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fakeFlux) looked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looks
}

// drained are the drained ranks whose reason begins with prefix.
func (f *fakeFlux) drained(t *testing.T, prefix string) string {
	drains, err := f.Drained(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return drains.Because(prefix).String()
}

func (f *fakeFlux) changed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.changes, ", ")
}

func set(t *testing.T, text string) idset.Set {
	t.Helper()
	ranks, err := idset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ranks
}
