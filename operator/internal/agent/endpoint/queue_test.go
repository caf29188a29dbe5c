package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// fakeQueue answers with what it has, and waits first if it is asked to.
type fakeQueue struct {
	mu      sync.Mutex
	report  agentapi.QueueReport
	err     error
	request agentapi.QueueRequest // the last one
	waiting chan struct{}         // gets a value for each request that waits
}

func (q *fakeQueue) Report(ctx context.Context, request agentapi.QueueRequest) (agentapi.QueueReport, error) {
	q.mu.Lock()
	q.request = request
	report, err := q.report, q.err
	q.mu.Unlock()
	if request.WaitSeconds > 0 {
		q.waiting <- struct{}{}
		<-ctx.Done()
		return agentapi.QueueReport{}, context.Cause(ctx)
	}
	return report, err
}

func (q *fakeQueue) answer(report agentapi.QueueReport, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.report, q.err = report, err
}

func TestEndpointTellsOfTheQueue(t *testing.T) {
	s := serve(t)
	s.queue.answer(agentapi.QueueReport{
		Revision: "r1", Running: 1, Pending: 2, Wanted: 4, First: &agentapi.QueueJob{ID: "ƒ1", Ranks: 4},
		Busy: set(t, "0"), Idle: []agentapi.IdleRanks{{Ranks: set(t, "1-3"), Seconds: 1.5}}, Cores: 8, CoresUsed: 1,
	}, nil)
	status, body := s.ask(t, http.MethodPost, agentapi.PathQueue, s.bearer(), strings.NewReader(`{"maxSize":4,"known":"r0","fieldOfANewerOperator":1}`))
	const want = `{"revision":"r1","running":1,"pending":2,"wanted":4,"first":{"id":"ƒ1","ranks":4},"busy":"0","idle":[{"ranks":"1-3","seconds":1.5}],"cores":8,"coresUsed":1}` + "\n"
	if status != http.StatusOK || body != want {
		t.Errorf("%d %q, want 200 %q", status, body, want)
	}
	if got := (agentapi.QueueRequest{MaxSize: 4, Known: "r0"}); s.queue.request != got {
		t.Errorf("the queue was asked %+v, want %+v", s.queue.request, got)
	}
	if changed := s.flux.changed(); changed != "" {
		t.Errorf("asking for the queue has changed %q", changed)
	}
}

func TestErrorsOfTheQueueHaveTheirStatus(t *testing.T) {
	s := serve(t)
	for _, tt := range []struct {
		err    error
		status int
	}{
		{&queue.UnknownError{Cause: errors.New("the broker has closed the connection")}, http.StatusServiceUnavailable},
		{queue.ErrTooMany, http.StatusTooManyRequests},
	} {
		s.queue.answer(agentapi.QueueReport{}, tt.err)
		status, body := s.ask(t, http.MethodPost, agentapi.PathQueue, s.bearer(), strings.NewReader(`{"maxSize":4}`))
		if status != tt.status || !strings.Contains(body, tt.err.Error()) {
			t.Errorf("%v: %d %q, want %d and the error", tt.err, status, body, tt.status)
		}
	}
	if status, _ := s.ask(t, http.MethodGet, agentapi.PathQueue, s.bearer(), nil); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d, want 405", status)
	}
}

func TestRequestsForTheQueueWaitBesideEachOtherUntilTheAgentStops(t *testing.T) {
	s := serve(t)
	s.queue.waiting = make(chan struct{})
	statuses := make(chan int, 3)
	for range cap(statuses) {
		go func() {
			status, _ := s.ask(t, http.MethodPost, agentapi.PathQueue, s.bearer(), strings.NewReader(`{"maxSize":4,"waitSeconds":300}`))
			statuses <- status
		}()
	}
	for range cap(statuses) {
		<-s.queue.waiting
	}
	s.stop()
	for range cap(statuses) {
		if status := <-statuses; status != http.StatusServiceUnavailable {
			t.Errorf("a waiting request ended with %d, want 503", status)
		}
	}
}
