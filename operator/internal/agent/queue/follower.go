package queue

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const (
	// batchTime gathers changes before a report, so that 300 jobs that are submitted at
	// once do not make 300 reports.
	batchTime = 50 * time.Millisecond
	// maxBatchTime bounds the time that changes are gathered for where a report of
	// thousands of jobs takes long to make.
	maxBatchTime = 500 * time.Millisecond
	// lookInterval is how often Flux is asked for what no stream tells of, while it
	// matters: see session.look.
	lookInterval = time.Second
	// unaskedTime is how long the journals are followed without anybody who asks.
	unaskedTime = 10 * time.Minute
	// syncTime bounds how long a request waits for the first report.
	syncTime = 10 * time.Second
	// minPause and maxPause are between tries to follow the journals.
	minPause = 250 * time.Millisecond
	maxPause = 10 * time.Second
	// MaxAsking bounds the requests that wait at the same time.
	MaxAsking = 16
)

// ErrTooMany refuses a request while MaxAsking others wait.
var ErrTooMany = fmt.Errorf("%d requests for the queue wait already: ask again when one has been answered", MaxAsking)

// errStarting is why there are no reports before the first one.
var errStarting = fmt.Errorf("flux has not told of its jobs and ranks within %v", syncTime)

// UnknownError says why the queue is not known at present.
type UnknownError struct{ Cause error }

// Error says what is not known, and why.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("the queue is not known at present: %v", e.Cause)
}

// Unwrap returns why.
func (e *UnknownError) Unwrap() error { return e.Cause }

// Flux is what is asked of the instance.
type Flux interface {
	// Request asks the service of topic, and reads the answer into into.
	Request(ctx context.Context, topic string, payload, into any) error
	// Stream asks the service of topic for a stream of answers, until ctx is over.
	Stream(ctx context.Context, topic string, payload any) (Stream, error)
}

// Stream are answers one after the other.
type Stream interface {
	// Next waits for the next answer, and reads it into into. io.EOF is the end.
	Next(into any) error
	Close()
}

// Follower answers questions about the queue. Several may ask at the same time.
type Follower struct {
	flux Flux
	log  *log.Logger
	// wake starts Run's work, and hurry has a report made for a size that has none.
	wake, hurry chan struct{}

	mu     sync.Mutex
	asking int
	// asked are the sizes that are asked for, and when that was last.
	asked map[int32]time.Time
	// reports are by size. Without any, err says why.
	reports map[int32]demand.Report
	err     error
	// changed is closed when reports or err change, and replaced.
	changed chan struct{}
}

// NewFollower makes a Follower of the instance that flux asks.
func NewFollower(flux Flux, logger *log.Logger) *Follower {
	return &Follower{
		flux: flux, log: logger, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		asked: map[int32]time.Time{}, changed: make(chan struct{}),
	}
}

// Report answers a request whose values are within their bounds. Errors are ErrTooMany,
// the cause of ctx's end, or an *UnknownError.
func (f *Follower) Report(ctx context.Context, request agentapi.QueueRequest) (agentapi.QueueReport, error) {
	if !f.enter() {
		return agentapi.QueueReport{}, ErrTooMany
	}
	defer f.leave()
	over := time.NewTimer(time.Duration(request.WaitSeconds) * time.Second)
	defer over.Stop()
	late := time.NewTimer(syncTime)
	defer late.Stop()
	isOver := request.WaitSeconds == 0
	for {
		report, known, changed, err := f.current(request.MaxSize)
		if err != nil {
			return agentapi.QueueReport{}, &UnknownError{err}
		}
		if known && (isOver || report.Revision() != request.Known) {
			return report.At(time.Now()), nil
		}
		select {
		case <-ctx.Done():
			return agentapi.QueueReport{}, context.Cause(ctx)
		case <-over.C:
			isOver = true
		case <-late.C:
			if !known {
				return agentapi.QueueReport{}, &UnknownError{errStarting}
			}
		case <-changed:
		}
	}
}

func (f *Follower) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asking >= MaxAsking {
		return false
	}
	f.asking++
	return true
}

func (f *Follower) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asking--
}

// current returns the report for a size if it is known, what tells of another one, and
// why none is known. It has one made if it must.
func (f *Follower) current(maxSize int32) (report demand.Report, known bool, changed <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.asked[maxSize]; !known && len(f.asked) >= MaxAsking {
		f.forgetOldest()
	}
	f.asked[maxSize] = time.Now()
	if report, known = f.reports[maxSize]; !known {
		signal(f.wake)
		signal(f.hurry)
	}
	return report, known, f.changed, f.err
}

func (f *Follower) forgetOldest() {
	oldest := slices.MinFunc(slices.Collect(maps.Keys(f.asked)), func(a, b int32) int { return f.asked[a].Compare(f.asked[b]) })
	delete(f.asked, oldest)
}

// signal tells somebody, unless he has been told already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sizes returns the sizes that somebody has asked for lately, and forgets all others.
func (f *Follower) sizes() []int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var sizes []int32
	for size, at := range f.asked {
		if time.Since(at) < unaskedTime {
			sizes = append(sizes, size)
		} else {
			delete(f.asked, size)
		}
	}
	return sizes
}

// publish makes reports the ones that are given.
func (f *Follower) publish(reports map[int32]demand.Report, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports, f.err = reports, err
	close(f.changed)
	f.changed = make(chan struct{})
}

// Run follows the journals while somebody asks, until ctx is over.
func (f *Follower) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		f.follow(ctx)
	}
}

// follow follows the journals until nobody asks any more. It begins anew after each
// error, and tells nothing meanwhile: what was true before may not be so any more.
func (f *Follower) follow(ctx context.Context) {
	defer f.publish(nil, nil)
	told := ""
	for pause := minPause; len(f.sizes()) > 0; pause = min(2*pause, maxPause) {
		begin := time.Now()
		err := newSession(f).run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		f.publish(nil, err)
		if text := err.Error(); text != told {
			f.log.Printf("following the queue: %s; trying again", text)
			told = text
		}
		if time.Since(begin) > maxPause {
			pause = minPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// errEnded is the end of a stream that should not end.
var errEnded = errors.New("flux has ended the stream")
