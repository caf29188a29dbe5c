package fluxinstance

import "context"

// StartQueue lets pending jobs start again, in all queues.
func (c *Client) StartQueue(ctx context.Context) error {
	type startRequest struct {
		Start bool `json:"start"`
		All   bool `json:"all"`
	}
	return c.request(ctx, "job-manager.queue-start", startRequest{Start: true, All: true}, nil)
}
