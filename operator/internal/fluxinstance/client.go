// Package fluxinstance asks an instance of Flux for what the agent wants to know of it,
// and drains its ranks, by requests to a broker. It starts no process.
//
// Who asks must be the owner of the instance, as the agent is: Flux lets others look at
// resources and at their own jobs, but not drain ranks, read journals or start queues.
//
// It works with every Flux from 0.51 on. What an older one does not have is named where
// it is asked for.
//
// Sources: src/modules/resource, src/modules/job-list and src/modules/job-manager of
// flux-core 0.51, 0.72 and 0.88.
package fluxinstance

import (
	"context"
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// Timeout is how long an answer may take. Mostly it takes some milliseconds. A broker
// that has not joined yet refuses at once, with EAGAIN.
const Timeout = 10 * time.Second

// Client asks one instance. Its methods may be called at the same time. Errors are a
// *fluxrpc.Error where Flux has refused.
type Client struct {
	rpc *fluxrpc.Client
}

// New makes a client of the broker at the address local://PATH. The broker need not run
// yet, and may be replaced by another one.
func New(address string) (*Client, error) {
	rpc, err := fluxrpc.New(address)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: rpc}, nil
}

// Close closes the connection to the broker.
func (c *Client) Close() { c.rpc.Close() }

// request asks for an answer within Timeout.
func (c *Client) request(ctx context.Context, topic string, payload, into any) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	return c.rpc.Request(ctx, topic, payload, into)
}

func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("no answer within %v", Timeout))
}

// missing is the error of an answer without what we need.
func missing(topic, field string) error {
	return fmt.Errorf("flux %s: the answer has no field %q", topic, field)
}
