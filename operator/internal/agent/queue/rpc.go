package queue

import (
	"context"
	"fmt"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// Over returns what a Follower asks, over a client of a broker's socket. A request takes
// fluxinstance.Timeout at most: of a broker that hangs, nothing is known.
func Over(client *fluxrpc.Client) Flux { return overClient{client} }

type overClient struct{ *fluxrpc.Client }

func (c overClient) Request(ctx context.Context, topic string, payload, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fluxinstance.Timeout, fmt.Errorf("no answer within %v", fluxinstance.Timeout))
	defer cancel()
	return c.Client.Request(ctx, topic, payload, into)
}

func (c overClient) Stream(ctx context.Context, topic string, payload any) (Stream, error) {
	stream, err := c.Client.Stream(ctx, topic, payload)
	if err != nil {
		return nil, err
	}
	return stream, nil
}
