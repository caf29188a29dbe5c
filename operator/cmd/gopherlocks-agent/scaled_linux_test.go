package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// scaled is a MiniCluster whose size follows its queue. Brokers, agents, the lead's endpoint
// and autoscale.Decide are real. Kubernetes and the operator are a model:
//
//	size         spec.size: what Decide says of the lead's last report
//	completions  of the Job. Each rank below has a pod, and another one when that has ended;
//	             pods of higher ranks are stopped
//	growth       completions = size, at once
//	shrink       the lead drains the ranks from size on; once all of them are idle,
//	             completions = size
//	growth before that   the lead drains those ranks only that are still to go
//
// What it holds itself outlives an operator, as what the API server has: see operator for
// the rest.
type scaled struct {
	*miniCluster
	ledger *ledger
	// hasPods tells that the ranks above 0 have pods: without, sizes are only decided.
	hasPods bool
	// changed has a value when something has changed of which only the operator's look
	// at the whole tells.
	changed chan struct{}
	// stopOperator ends the operator without a word.
	stopOperator func()

	mu     sync.Mutex
	policy autoscale.Policy
	// drained is status.drain: the ranks that the lead may have been told to drain.
	size, completions int32
	drained           idset.Set
	pods              map[int32]*scaledPod
}

// scaledPod is the pod of a rank, and what has been done to it.
type scaledPod struct {
	*rank
	// stopped says that it was told to end, shrunk that its rank went with a shrink, and
	// lost that it was killed.
	stopped, shrunk, lost bool
	// neededAt is when a job needed the rank last, of one that has shrunk.
	neededAt time.Time
}

// ceiling is what the operator gives a small MiniCluster: see build.Ceiling.
const ceiling = 64

// newScaled makes a MiniCluster of one rank, which is up, and an operator that scales it.
func newScaled(t *testing.T, maxSize int32, idleTime time.Duration, hasPods bool) *scaled {
	t.Helper()
	policy := autoscale.Policy{Min: 1, Max: maxSize, IdleTime: idleTime, Step: 1}
	m := newMiniCluster(t, func(c *agentapi.Config) { c.Ceiling, c.Hosts = ceiling, fluxconf.Hosts(c.Name, ceiling) })
	m.maxSize = maxSize
	s := &scaled{
		miniCluster: m, ledger: newLedger(policy), hasPods: hasPods, changed: make(chan struct{}, 1),
		policy: policy, size: 1, completions: 1, pods: map[int32]*scaledPod{},
	}
	s.startOperator()
	t.Cleanup(func() {
		s.stopOperator()
		for _, fault := range s.ledger.faults {
			t.Error(fault)
		}
	})
	s.await(func() string {
		if s.seen().report == nil {
			return "the lead has told nothing of its queue"
		}
		return ""
	})
	return s
}

// lead is the pod of rank 0.
func (s *scaled) lead() *rank {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pods[0].rank
}

// setMax is a change of the largest size by its author.
func (s *scaled) setMax(size int32) {
	s.mu.Lock()
	s.policy.Max, s.ledger.policy.Max = size, size
	s.mu.Unlock()
	s.notify()
}

// changeMaximum is the same, and the operator asks the lead with it from then on.
func (s *scaled) changeMaximum(size int32) {
	s.stopOperator()
	s.mu.Lock()
	s.policy.Max, s.ledger.policy.Max, s.maxSize = size, size, size
	s.mu.Unlock()
	s.startOperator()
}

func (s *scaled) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// killOperator ends the operator, and starts another one, which knows nothing of what the
// first remembered.
func (s *scaled) killOperator() {
	s.stopOperator()
	s.startOperator()
}

func (s *scaled) startOperator() {
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	s.mu.Lock()
	s.ledger.startAnew(time.Now())
	s.mu.Unlock()
	go func() {
		defer close(done)
		o := &operator{scaled: s, grownAt: time.Now(), answers: make(chan drainAnswer)}
		o.run(ctx)
	}()
	s.stopOperator = func() { cancel(); <-done }
}

// operator is what an operator knows that is nowhere else, and what it does.
type operator struct {
	*scaled
	conversations sync.WaitGroup

	// use is what the lead has said last of its queue; nil while it is silent.
	use     *autoscale.Use
	grownAt time.Time
	needs   autoscale.Needs

	// order is what the lead is being told to drain, withdraw ends that; nil: nothing.
	order    idset.Set
	withdraw context.CancelFunc
	// answer is the lead's last one about the order; nil for none.
	answer  *drainAnswer
	answers chan drainAnswer
}

type drainAnswer struct{ ranks, busy idset.Set }

const (
	// collect is the time between an answer about the queue and the next question, as for
	// the operator.
	collect = 50 * time.Millisecond
	// askAgain is the time until a lead is asked again that did not answer.
	askAgain = 250 * time.Millisecond
	// longWait is how long the lead may wait with an answer that tells nothing new.
	longWait = 30
)

func (o *operator) run(ctx context.Context) {
	defer o.conversations.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports := make(chan *agentapi.QueueReport)
	o.conversations.Go(func() { o.followQueue(ctx, reports) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case report := <-reports:
			o.take(report)
		case answer := <-o.answers:
			if o.withdraw != nil && answer.ranks.Equal(o.order) {
				o.answer = &answer
			}
		case <-o.changed:
		case <-timer.C:
		}
		timer.Stop()
		if at := o.look(ctx); !at.IsZero() {
			timer.Reset(time.Until(at))
		}
	}
}

// followQueue passes on what the lead says of its queue; nil when it is silent.
func (o *operator) followQueue(ctx context.Context, reports chan<- *agentapi.QueueReport) {
	request := agentapi.QueueRequest{MaxSize: o.maxSize}
	for ctx.Err() == nil {
		report, pause := &agentapi.QueueReport{}, collect
		if _, err := o.requestUntil(ctx, http.MethodPost, agentapi.PathQueue, o.token, request, report); err != nil {
			report, pause = nil, askAgain
			request.WaitSeconds, request.Known = 0, ""
		} else {
			request.WaitSeconds, request.Known = longWait, report.Revision
		}
		select {
		case reports <- report:
		case <-ctx.Done():
		}
		pauseUntil(ctx, pause)
	}
}

func pauseUntil(ctx context.Context, pause time.Duration) {
	select {
	case <-time.After(pause):
	case <-ctx.Done():
	}
}

// take keeps what the lead says of its queue.
func (o *operator) take(report *agentapi.QueueReport) {
	now := time.Now()
	o.use = nil
	if report != nil {
		o.use = &autoscale.Use{
			Wanted: report.Wanted, Busy: report.Busy,
			Running: report.Running, Pending: report.Pending,
		}
		for _, idle := range report.Idle {
			since := now.Add(-time.Duration(idle.Seconds * float64(time.Second)))
			o.use.Idle = append(o.use.Idle, autoscale.IdleRanks{Ranks: idle.Ranks, Since: since})
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ledger.heard(now, o.size, report)
}

// look decides and acts, and returns when time alone changes the decision.
func (o *operator) look(ctx context.Context) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.use != nil {
		o.needs = o.needs.Note(o.policy.Wish(*o.use), now, o.policy.IdleTime)
	}
	d := autoscale.Decide(o.policy, autoscale.Situation{Size: o.size, Use: o.use, GrownAt: o.grownAt, Needs: o.needs, Now: now})
	o.ledger.decided(now, o.size, d.Size)
	if d.Size > o.size {
		o.grownAt = now
	}
	o.size = d.Size
	o.resize(ctx)
	o.syncPods()
	return d.LookAt
}

// resize brings the Job to the size, once ranks that are to go are idle.
func (o *operator) resize(ctx context.Context) {
	going := idset.Range(o.size, o.completions)
	staying := o.drained.Intersect(idset.Range(0, o.size))
	switch {
	case !going.IsEmpty() && !o.isIdle(going):
		o.drained = going
		o.drain(ctx, going)
		return
	case !going.IsEmpty():
		o.drained = idset.Set{} // Its ranks go: they undrain themselves when they come back.
	case !staying.IsEmpty():
		// What was to go and stays takes jobs again, as soon as the lead knows of it.
		gone := o.drained.Minus(staying)
		o.drain(ctx, gone)
		if o.answer == nil {
			break
		}
		o.drained = idset.Set{}
	}
	o.completions = o.size
	if o.drained.IsEmpty() && o.withdraw != nil {
		o.withdraw()
		o.withdraw = nil
	}
}

// isIdle tells whether the lead has said that it drains these ranks, and that none is busy.
func (o *operator) isIdle(ranks idset.Set) bool {
	return o.withdraw != nil && o.order.Equal(ranks) && o.answer != nil && o.answer.busy.IsEmpty()
}

// drain tells the lead to drain these ranks and no others.
func (o *operator) drain(ctx context.Context, ranks idset.Set) {
	if o.withdraw != nil && o.order.Equal(ranks) {
		return
	}
	if o.withdraw != nil {
		o.withdraw()
	}
	ctx, o.withdraw = context.WithCancel(ctx)
	o.order, o.answer = ranks, nil
	o.conversations.Go(func() { o.converse(ctx, ranks) })
}

// converse tells the lead until the ranks are idle, or the order is withdrawn.
func (o *operator) converse(ctx context.Context, ranks idset.Set) {
	request := agentapi.DrainRequest{Ranks: ranks}
	for ctx.Err() == nil {
		var report agentapi.DrainReport
		if _, err := o.requestUntil(ctx, http.MethodPut, agentapi.PathDrain, o.token, request, &report); err != nil {
			request.WaitSeconds, request.Known = 0, idset.Set{}
			pauseUntil(ctx, askAgain)
			continue
		}
		select {
		case o.answers <- drainAnswer{ranks, report.Busy}:
		case <-ctx.Done():
		}
		if report.Busy.IsEmpty() {
			return
		}
		request.WaitSeconds, request.Known = longWait, report.Busy
	}
}

// syncPods does the Job controller's work. It needs the lock.
func (s *scaled) syncPods() {
	for number, pod := range s.pods {
		if pod.Ended() {
			s.buryPod(number, pod)
		}
	}
	if s.t.Failed() {
		return // A rank that ends again and again would only fill the log.
	}
	for number := range s.completions {
		if s.pods[number] == nil && (number == 0 || s.hasPods) {
			pod := &scaledPod{rank: s.start(int(number))}
			s.pods[number] = pod
			go func() { <-pod.Done(); s.notify() }()
		}
	}
	for number, pod := range s.pods {
		if number < s.completions || pod.shrunk {
			continue
		}
		pod.shrunk, pod.neededAt = true, s.ledger.neededAt[number+1]
		s.ledger.stops = append(s.ledger.stops, onRank{number, time.Now()})
		if !pod.stopped {
			pod.stopped = true
			pod.Stop()
		}
	}
}

func (s *scaled) buryPod(number int32, pod *scaledPod) {
	delete(s.pods, number)
	code := pod.Code(patience)
	if !pod.lost && (!pod.stopped || code != agentapi.ExitStopped) {
		s.t.Errorf("rank %d ended with %d; told to stop: %v", number, code, pod.stopped)
	}
	if pod.shrunk {
		s.ledger.gone = append(s.ledger.gone, time.Since(pod.neededAt))
	}
}
