// Package drain keeps leads informed which of their ranks are to go, and learns
// which of those are idle. Each MiniCluster that drains has one conversation with
// its lead, which waits at the lead rather than asks again and again.
package drain

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

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
	// Ranks to drain, as a set; no others stay drained by us.
	Ranks string
}

// Manager holds the conversations. Its zero value is not usable: see New.
type Manager struct {
	changed func(types.NamespacedName)
	dial    func(host string, c credentials.Credentials) (conversation, error)

	mu     sync.Mutex
	active map[types.NamespacedName]*talk
	closed bool
	wg     sync.WaitGroup
}

// conversation is the lead's side.
type conversation interface {
	drain(context.Context, agentapi.DrainRequest) (agentapi.DrainReport, error)
	close()
}

// talk is the conversation about one order.
type talk struct {
	order  Order
	cancel context.CancelFunc
	answer *plan.DrainAnswer
}

// New returns a manager that calls changed whenever an answer about a MiniCluster
// differs from the one before. changed must not block for long.
func New(changed func(types.NamespacedName)) *Manager {
	return &Manager{
		changed: changed,
		dial: func(host string, c credentials.Credentials) (conversation, error) {
			return newLead(host, c)
		},
		active: map[types.NamespacedName]*talk{},
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
	if m.closed || m.active[key] != nil && m.active[key].order == order {
		return
	}
	m.stop(key)
	ctx, cancel := context.WithCancel(context.Background())
	t := &talk{order: order, cancel: cancel}
	m.active[key] = t
	m.wg.Go(func() {
		defer cancel()
		m.converse(ctx, key, t, c)
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
	if t := m.active[key]; t != nil {
		t.cancel()
		delete(m.active, key)
	}
}

// Answer returns the last answer of the lead; nil when there is none.
func (m *Manager) Answer(key types.NamespacedName, uid types.UID) *plan.DrainAnswer {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.active[key]
	if t == nil || t.order.UID != uid || t.answer == nil {
		return nil
	}
	answer := *t.answer
	return &answer
}

// converse asks until the ranks are idle or the order is withdrawn.
func (m *Manager) converse(ctx context.Context, key types.NamespacedName, t *talk, c credentials.Credentials) {
	if t.order.Host == "" {
		m.note(key, t, plan.DrainAnswer{Ranks: t.order.Ranks, Problem: "its pod has no address"})
		return // With an address, the order is another one.
	}
	lead, err := m.dial(t.order.Host, c)
	if err != nil {
		m.note(key, t, plan.DrainAnswer{Ranks: t.order.Ranks, Problem: err.Error()})
		return
	}
	defer lead.close()
	request := agentapi.DrainRequest{Ranks: t.order.Ranks}
	pause := firstPause
	for {
		report, err := lead.drain(ctx, request)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.note(key, t, plan.DrainAnswer{Ranks: t.order.Ranks, Problem: plainly(err)})
			// The lead may know nothing of the order any more.
			request.WaitSeconds, request.Known = 0, ""
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		m.note(key, t, plan.DrainAnswer{Ranks: t.order.Ranks, Busy: report.Busy, Jobs: report.Jobs, JobCount: report.JobCount})
		if report.Busy == "" {
			return // They are drained: idle they stay.
		}
		request.WaitSeconds, request.Known = int32(wait/time.Second), report.Busy
	}
}

// note keeps the answer, and tells when it is another one.
func (m *Manager) note(key types.NamespacedName, t *talk, answer plan.DrainAnswer) {
	m.mu.Lock()
	isCurrent := m.active[key] == t
	isNew := t.answer == nil || !t.answer.Equal(answer)
	t.answer = &answer
	m.mu.Unlock()
	if isCurrent && isNew {
		m.changed(key)
	}
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
