// Package leads talks to the agents of leads. There is one conversation about a topic with
// the lead of each MiniCluster. It waits at the lead, which answers when there is news, and
// does not ask again and again.
package leads

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

// A lead that does not answer is asked again after FirstPause, doubled up to
// longestPause.
const (
	FirstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// Order says whom to talk to, and about what.
type Order interface {
	// MiniCluster is its UID.
	MiniCluster() types.UID
	// Address is that of the lead's pod; empty while it has none.
	Address() string
}

// Topic is what conversations are about: a lead is given an order O, and what it says
// becomes an answer A.
type Topic[O Order, A any] interface {
	// Pace bounds how often a lead is asked, in times a second: on and on, and at once. A
	// lead that has news all the time, whatever it is up to, drives nobody.
	Pace() (lasting rate.Limit, burst int)
	// Same tells whether two orders are one.
	Same(a, b O) bool
	// Ask asks once. before is the last answer about the same order, also one of
	// Failed; nil for none. over says that nothing is left to ask.
	Ask(ctx context.Context, lead Lead, order O, before *A) (answer A, over bool, err error)
	// Failed is the answer that says that there is none, and why.
	Failed(order O, before *A, problem string) A
	// Problem says why the answer is none; "" when it is one.
	Problem(A) string
	// Equal tells whether two answers say the same.
	Equal(a, b A) bool
	// Silent and Back log that a lead has stopped to answer, and that it does again.
	Silent(log logr.Logger, order O, problem string)
	Back(log logr.Logger, order O, answer A)
}

// Conversations are those about one topic. Its zero value is not usable: see New.
type Conversations[O Order, A any] struct {
	log     logr.Logger
	topic   Topic[O, A]
	dial    func(host string, c credentials.Credentials) (Lead, error)
	changed func(types.NamespacedName)

	mu     sync.Mutex
	active map[types.NamespacedName]*conversation[O, A]
	closed bool
	wg     sync.WaitGroup
}

// conversation is about one order.
type conversation[O Order, A any] struct {
	order  O
	cancel context.CancelFunc
	answer *A
	// failing tells that it was logged that the lead does not answer.
	failing bool
}

// New returns conversations that call changed whenever an answer about a MiniCluster
// differs from the one before. changed must not block for long. dial is Dial, but in
// tests.
func New[O Order, A any](log logr.Logger, topic Topic[O, A], dial func(string, credentials.Credentials) (Lead, error), changed func(types.NamespacedName)) *Conversations[O, A] {
	return &Conversations[O, A]{
		log: log, topic: topic, dial: dial, changed: changed,
		active: map[types.NamespacedName]*conversation[O, A]{},
	}
}

// Start ends all conversations when ctx is done. It makes them a runnable of
// controller-runtime.
func (m *Conversations[O, A]) Start(ctx context.Context) error {
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
// nothing, and asks for no credentials; another one ends the conversation about the
// earlier.
func (m *Conversations[O, A]) Set(key types.NamespacedName, order O, known func() (credentials.Credentials, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	earlier := m.active[key]
	if m.closed || earlier != nil && m.topic.Same(earlier.order, order) {
		return nil
	}
	c, err := known()
	if err != nil {
		return err
	}
	m.stop(key)
	ctx, cancel := context.WithCancel(context.Background())
	current := &conversation[O, A]{order: order, cancel: cancel}
	// To another order, or at another address, it is the same lead that fails.
	current.failing = earlier != nil && earlier.order.MiniCluster() == order.MiniCluster() && earlier.failing
	m.active[key] = current
	m.wg.Go(func() {
		defer cancel()
		m.converse(ctx, key, current, c)
	})
	return nil
}

// Drop ends what is said about a MiniCluster, and forgets the answers.
func (m *Conversations[O, A]) Drop(key types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop(key)
}

// stop needs the lock.
func (m *Conversations[O, A]) stop(key types.NamespacedName) {
	if current := m.active[key]; current != nil {
		current.cancel()
		delete(m.active, key)
	}
}

// Answer returns the last answer of the lead; nil when there is none. Of answers that say
// the same, it is the first.
func (m *Conversations[O, A]) Answer(key types.NamespacedName, uid types.UID) *A {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.active[key]
	if current == nil || current.order.MiniCluster() != uid || current.answer == nil {
		return nil
	}
	answer := *current.answer
	return &answer
}

// converse asks until nothing is left to ask, or the order is withdrawn.
func (m *Conversations[O, A]) converse(ctx context.Context, key types.NamespacedName, current *conversation[O, A], c credentials.Credentials) {
	order := current.order
	if order.Address() == "" {
		m.note(key, current, m.topic.Failed(order, nil, "its pod has no address"))
		return // With an address, the order is another one.
	}
	lead, err := m.dial(order.Address(), c)
	if err != nil {
		m.note(key, current, m.topic.Failed(order, nil, err.Error()))
		return
	}
	defer lead.Close()
	pause, pace := FirstPause, rate.NewLimiter(m.topic.Pace())
	for {
		if pace.Wait(ctx) != nil {
			return
		}
		before := current.answer // Nobody else writes it.
		answer, over, err := m.topic.Ask(ctx, lead, order, before)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			m.note(key, current, m.topic.Failed(order, before, Excerpt(plainly(err), longestProblem)))
			if !Sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = FirstPause
		m.note(key, current, answer)
		if over {
			return
		}
	}
}

// note keeps the answer, and tells when it is another one.
func (m *Conversations[O, A]) note(key types.NamespacedName, current *conversation[O, A], answer A) {
	problem := m.topic.Problem(answer)
	m.mu.Lock()
	isCurrent := m.active[key] == current
	isNew := current.answer == nil || !m.topic.Equal(*current.answer, answer)
	failed := current.failing
	if isNew {
		current.answer = &answer
	}
	current.failing = problem != ""
	m.mu.Unlock()
	if !isCurrent || !isNew {
		return
	}
	log := m.log.WithValues("MiniCluster", klog.KRef(key.Namespace, key.Name))
	switch {
	case problem != "" && !failed:
		m.topic.Silent(log, current.order, problem)
	case problem == "" && failed:
		m.topic.Back(log, current.order, answer)
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

// Sleep waits for d, and tells whether ctx still holds.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
