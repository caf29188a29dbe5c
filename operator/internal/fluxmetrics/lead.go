package fluxmetrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
)

// errEarlierAgent says that the lead's agent does not know the question.
var errEarlierAgent = errors.New("the ranks were started by an earlier operator, whose agent counts nothing: delete the Job when no job runs, to have them started anew")

// ask asks a lead for its numbers, as request says, and returns the revision of its queue.
func ask(ctx context.Context, lead leads.Lead, request agentapi.QueueRequest) (n Numbers, revision string, err error) {
	var report agentapi.QueueReport
	for _, r := range []leads.Request{
		{
			Method: http.MethodPost, Path: agentapi.PathQueue, Body: request, Answer: &report,
			Wait: time.Duration(request.WaitSeconds) * time.Second,
		},
		{Method: http.MethodGet, Path: agentapi.PathCounts, Answer: &n.Counts},
	} {
		err = lead.Ask(ctx, r)
		if refused, is := errors.AsType[*leads.StatusError](err); is && refused.Code == http.StatusNotFound {
			err = errEarlierAgent
		}
		if err != nil {
			return Numbers{}, "", err
		}
	}
	n.Wanted = report.Wanted
	return n, report.Revision, n.check(request.MaxSize)
}

// check refuses numbers that our agent would not tell: it may be somebody else who answers
// in a pod of his own.
func (n Numbers) check(maximum int32) error {
	for _, m := range All {
		if value := m.Value(n); value < 0 {
			return fmt.Errorf("its answer has %s %d, and no number below 0 is allowed", m.Name, value)
		}
	}
	if n.Wanted > maximum {
		return fmt.Errorf("its answer has %s %d, and at most %d are allowed", RanksWanted, n.Wanted, maximum)
	}
	return nil
}
