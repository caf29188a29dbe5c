package fluxcli

import "context"

// StartQueue lets pending jobs start again, in all queues.
func (c *Client) StartQueue(ctx context.Context) error {
	_, err := c.run(ctx, "queue", "start", "--all", "--quiet")
	return err
}
