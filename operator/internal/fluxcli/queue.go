package fluxcli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// StopQueue keeps pending jobs from starting, in all queues. Running ones go on,
// and jobs can be submitted. reason is shown to those who look at the queue.
func (c *Client) StopQueue(ctx context.Context, reason string) error {
	_, err := c.run(ctx, "queue", "stop", "--all", "--quiet", "--message", reason)
	return err
}

// StartQueue lets pending jobs start again, in all queues.
func (c *Client) StartQueue(ctx context.Context) error {
	_, err := c.run(ctx, "queue", "start", "--all", "--quiet")
	return err
}

// WaitIdle waits until no job runs, as long as ctx allows. The queue should be
// stopped: in one that is not, each job that ends makes room for the next.
func (c *Client) WaitIdle(ctx context.Context) error {
	_, err := c.runLong(ctx, "queue", "idle", "--quiet")
	return err
}

// Dump writes the instance's state, its pending and finished jobs among it, to
// the file at path, which can be restored into an instance of another size. To
// have a state without running jobs it stops the queue and waits for running jobs
// as long as ctx allows. The queue is stopped in the dump and stays so: a restored
// instance needs StartQueue. When Dump fails, it starts the queue again and leaves
// the file as it was.
func (c *Client) Dump(ctx context.Context, path string) (err error) {
	if err := c.StopQueue(ctx, "the state is being saved"); err != nil {
		return err
	}
	// The end of the name stays: Flux chooses the compression by it.
	fresh := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
	defer func() {
		if err != nil {
			_ = os.Remove(fresh)
			// Also when ctx is what ended the dump.
			err = errors.Join(err, c.StartQueue(context.WithoutCancel(ctx)))
		}
	}()
	if err := c.WaitIdle(ctx); err != nil {
		return err
	}
	// It takes 0.1 s for a small instance and grows with its finished jobs, so
	// that ctx is the only bound here too.
	if _, err := c.runLong(ctx, "dump", "--quiet", fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("cannot put the saved state in its place: %w", err)
	}
	return nil
}
