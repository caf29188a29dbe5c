// Package leadstest plays leads in tests of what is said to them.
package leadstest

import (
	"context"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
)

// Answer is what a lead says to a request: a report, or why there is none.
type Answer[Report any] func() (Report, error)

// Says is the answer of a report.
func Says[Report any](report Report) Answer[Report] {
	return func() (Report, error) { return report, nil }
}

// Fails is no answer.
func Fails[Report any](err error) Answer[Report] {
	return func() (report Report, _ error) { return report, err }
}

// Lead answers from a list, then waits as a lead does that has nothing new.
type Lead[Request, Report any] struct {
	// Check, when set, is given each request.
	Check func(leads.Request, Request)

	mu       sync.Mutex
	answers  []Answer[Report]
	requests []Request
}

// New returns a lead that has these answers.
func New[Request, Report any](answers ...Answer[Report]) *Lead[Request, Report] {
	return &Lead[Request, Report]{answers: answers}
}

// Add adds an answer.
func (l *Lead[Request, Report]) Add(answer Answer[Report]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, answer)
}

// Requests are those that have come.
func (l *Lead[Request, Report]) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.requests
}

// Left is the number of answers that nobody has asked for.
func (l *Lead[Request, Report]) Left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// Ask answers with the next one of the list.
func (l *Lead[Request, Report]) Ask(ctx context.Context, r leads.Request) error {
	request := r.Body.(Request)
	if l.Check != nil {
		l.Check(r, request)
	}
	answer := l.next(request)
	if answer == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	report, err := answer()
	*r.Answer.(*Report) = report
	return err
}

func (l *Lead[Request, Report]) next(request Request) Answer[Report] {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, request)
	if len(l.answers) == 0 {
		return nil
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return answer
}

// Close does nothing.
func (*Lead[Request, Report]) Close() {}

// Converse begins conversations about a topic, all of them with this lead. They end with
// the test. It returns the number of changes too.
func Converse[O leads.Order, A any](t *testing.T, log logr.Logger, topic leads.Topic[O, A], lead leads.Lead) (m *leads.Conversations[O, A], changes *int) {
	t.Helper()
	changes = new(int)
	dial := func(string, credentials.Credentials) (leads.Lead, error) { return lead, nil }
	m = leads.New(log, topic, dial, func(types.NamespacedName) { *changes++ })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return m, changes
}

// Tell gives the lead of a MiniCluster an order.
func Tell[O leads.Order, A any](t *testing.T, m *leads.Conversations[O, A], key types.NamespacedName, order O) {
	t.Helper()
	if err := m.Set(key, order, func() (credentials.Credentials, error) { return credentials.Credentials{}, nil }); err != nil {
		t.Fatal(err)
	}
}
