// Package drain tells leads which of their ranks are to be drained, and learns which
// of those are idle. There is one conversation with the lead of each MiniCluster that
// drains. It waits at the lead, and does not ask again and again.
package drain

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// A lead that does not answer is asked again after firstPause, doubled up to
// longestPause.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// Order is what a lead is to be told.
type Order struct {
	// UID of the MiniCluster, and Host, the address of its lead's pod; empty while
	// it has none.
	UID  types.UID
	Host string
	// Ranks to drain; no others stay drained by us.
	Ranks idset.Set
}

func (o Order) equal(other Order) bool {
	return o.UID == other.UID && o.Host == other.Host && o.Ranks.Equal(other.Ranks)
}

// Manager holds the conversations. Its zero value is not usable: see New.
type Manager struct {
	log     logr.Logger
	changed func(types.NamespacedName)
	dial    func(host string, c credentials.Credentials) (endpoint, error)

	mu     sync.Mutex
	active map[types.NamespacedName]*conversation
	closed bool
	wg     sync.WaitGroup
}

// endpoint is the lead's side of a conversation.
type endpoint interface {
	drain(context.Context, agentapi.DrainRequest) (agentapi.DrainReport, error)
	close()
}

// conversation is about one order.
type conversation struct {
	order  Order
	cancel context.CancelFunc
	answer *plan.DrainAnswer
	// failing tells that it was logged that the lead does not answer.
	failing bool
}

// New returns a manager that calls changed whenever an answer about a MiniCluster
// differs from the one before. changed must not block for long.
func New(log logr.Logger, changed func(types.NamespacedName)) *Manager {
	return &Manager{
		log:     log,
		changed: changed,
		dial: func(host string, c credentials.Credentials) (endpoint, error) {
			return newLead(host, c)
		},
		active: map[types.NamespacedName]*conversation{},
	}
}

// Start ends all conversations when ctx is done. It makes the manager a runnable
// of controller-runtime.
func (m *Manager) Start(ctx context.Context) error {
	<-ctx.Done()
	m.mu.Lock()
	m.closed = true
	for key := range m.active {
		m.stop(key)
	}
	m.mu.Unlock()
	m.wg.Wait()
	return nil
}

// Set makes the order the one that the lead is told. The same order again changes
// nothing; another one ends the conversation about the earlier.
func (m *Manager) Set(key types.NamespacedName, order Order, c credentials.Credentials) {
	m.mu.Lock()
	defer m.mu.Unlock()
	earlier := m.active[key]
	if m.closed || earlier != nil && earlier.order.equal(order) {
		return
	}
	m.stop(key)
	ctx, cancel := context.WithCancel(context.Background())
	current := &conversation{order: order, cancel: cancel}
	// To another order, or at another address, it is the same lead that fails.
	current.failing = earlier != nil && earlier.order.UID == order.UID && earlier.failing
	m.active[key] = current
	m.wg.Go(func() {
		defer cancel()
		m.converse(ctx, key, current, c)
	})
}

// Drop ends what is said about a MiniCluster, and forgets the answers.
func (m *Manager) Drop(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop(key)
}

// stop needs the lock.
func (m *Manager) stop(key types.NamespacedName) {
	if current := m.active[key]; current != nil {
		current.cancel()
		delete(m.active, key)
	}
}

// Answer returns the last answer of the lead; nil when there is none.
func (m *Manager) Answer(key types.NamespacedName, uid types.UID) *plan.DrainAnswer {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.active[key]
	if current == nil || current.order.UID != uid || current.answer == nil {
		return nil
	}
	answer := *current.answer
	return &answer
}

// converse asks until the ranks are idle or the order is withdrawn.
func (m *Manager) converse(ctx context.Context, key types.NamespacedName, current *conversation, c credentials.Credentials) {
	order := current.order
	if order.Host == "" {
		m.note(key, current, plan.DrainAnswer{Ranks: order.Ranks, Problem: "its pod has no address"})
		return // With an address, the order is another one.
	}
	lead, err := m.dial(order.Host, c)
	if err != nil {
		m.note(key, current, plan.DrainAnswer{Ranks: order.Ranks, Problem: err.Error()})
		return
	}
	defer lead.close()
	request := agentapi.DrainRequest{Ranks: order.Ranks}
	pause := firstPause
	for {
		report, err := lead.drain(ctx, request)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.note(key, current, plan.DrainAnswer{Ranks: order.Ranks, Problem: plainly(err)})
			// The lead may know nothing of the order any more.
			request.WaitSeconds, request.Known = 0, idset.Set{}
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		m.note(key, current, plan.DrainAnswer{Ranks: order.Ranks, Busy: report.Busy, Jobs: report.Jobs, JobCount: report.JobCount})
		if report.Busy.IsEmpty() {
			return // They are drained: idle they stay.
		}
		request.WaitSeconds, request.Known = int32(wait/time.Second), report.Busy
	}
}

// note keeps the answer, and tells when it is another one.
func (m *Manager) note(key types.NamespacedName, current *conversation, answer plan.DrainAnswer) {
	m.mu.Lock()
	isCurrent := m.active[key] == current
	isNew := current.answer == nil || !current.answer.Equal(answer)
	failed := current.failing
	current.answer, current.failing = &answer, answer.Problem != ""
	m.mu.Unlock()
	if !isCurrent || !isNew {
		return
	}
	log := m.log.WithValues("MiniCluster", klog.KRef(key.Namespace, key.Name), "ranks", answer.Ranks.Short())
	switch {
	case answer.Problem != "" && !failed:
		log.Info("The lead does not answer", "reason", answer.Problem)
	case answer.Problem == "" && failed:
		log.Info("The lead answers again", "busy", answer.Busy.Short())
	}
	m.changed(key)
}

// plainly leaves out of an error what differs between equal failures.
func plainly(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// sleep waits for d, and tells whether ctx still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
