package endpoint

import (
	"context"
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Queue tells of the queue of the instance.
type Queue interface {
	Report(ctx context.Context, request agentapi.QueueRequest) (agentapi.QueueReport, error)
}

var _ Queue = (*queue.Follower)(nil)

// reportQueue answers a request; see agentapi.QueueRequest. Several may wait at the same
// time, since none changes anything. Errors are a *RequestError or queue's.
func reportQueue(ctx context.Context, q Queue, request agentapi.QueueRequest) (agentapi.QueueReport, error) {
	if request.MaxSize < 1 || request.MaxSize > idset.Max {
		return agentapi.QueueReport{}, &RequestError{fmt.Sprintf("maxSize %d must be from 1 to %d", request.MaxSize, idset.Max)}
	}
	if err := checkWait(request.WaitSeconds); err != nil {
		return agentapi.QueueReport{}, err
	}
	return q.Report(ctx, request)
}
