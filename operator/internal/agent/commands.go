package agent

import (
	"fmt"
	"io"
	"log"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// commands runs the user's commands around the broker, one at a time.
type commands struct {
	log   *log.Logger
	timed bool
	// times is where the times go that timed prints.
	times io.Writer

	mu          sync.Mutex
	current     *exec.Cmd
	interrupted bool
}

// run runs cmd, which must have a process group of its own, and returns its exit
// code. name is for people. Once interrupted, it runs nothing.
func (c *commands) run(name string, cmd *exec.Cmd) (int, error) {
	cmd.WaitDelay = time.Second // for what the line left in the background
	if err := c.start(cmd); err != nil {
		return 0, fmt.Errorf("commands.%s: %w", name, err)
	}
	begin := time.Now()
	code := waitCode(cmd)
	c.mu.Lock()
	c.current = nil
	c.mu.Unlock()
	if c.timed {
		printTime(c.times, begin)
	}
	c.log.Printf("commands.%s ended with exit code %d", name, code)
	return code, nil
}

func (c *commands) start(cmd *exec.Cmd) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.interrupted {
		return fmt.Errorf("not started: the rank is being stopped")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.current = cmd
	return nil
}

// interrupt signals the command that runs, and lets no further one start.
func (c *commands) interrupt(s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	if c.current != nil {
		signalGroup(c.current, s)
	}
}

// resume lets commands start again: commands.post of a rank that was stopped.
func (c *commands) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = false
}

// printTime says how long a command took, as time(1) does.
func printTime(w io.Writer, begin time.Time) {
	_, _ = fmt.Fprintf(w, "real %.2f s\n", time.Since(begin).Seconds())
}
