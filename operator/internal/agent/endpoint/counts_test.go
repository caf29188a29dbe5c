package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// fakeCounter answers with what it has.
type fakeCounter struct {
	counts agentapi.Counts
	err    error
}

func (c *fakeCounter) Counts(context.Context) (agentapi.Counts, error) { return c.counts, c.err }

func TestEndpointCounts(t *testing.T) {
	s := serve(t)
	s.counter.counts = agentapi.Counts{
		Nodes: agentapi.UpAndFree{Up: 4, Free: 1}, Cores: agentapi.UpAndFree{Up: 8, Free: 3}, Jobs: agentapi.JobCounts{Sched: 2, Run: 1},
	}
	status, body := s.ask(t, http.MethodGet, agentapi.PathCounts, s.bearer(), nil)
	const want = `{"nodes":{"up":4,"free":1},"cores":{"up":8,"free":3},"gpus":{"up":0,"free":0},` +
		`"jobs":{"new":0,"depend":0,"priority":0,"sched":2,"run":1,"cleanup":0,"inactive":0}}` + "\n"
	if status != http.StatusOK || body != want {
		t.Errorf("%d %q, want 200 %q", status, body, want)
	}
	if status, _ := s.ask(t, http.MethodGet, agentapi.PathCounts, "Bearer no", nil); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	s.counter.err = errors.New("flux job-list.job-stats: no answer within 10s")
	if status, body := s.ask(t, http.MethodGet, agentapi.PathCounts, s.bearer(), nil); status != http.StatusBadGateway || !strings.Contains(body, "no answer within 10s") {
		t.Errorf("Flux does not answer: %d %q", status, body)
	}
}
