package node

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// processes starts programs and collects all processes that end in the PID
// namespace. As PID 1 the supervisor inherits every orphan. To wait for "any
// process" would take the results that exec.Cmd waits for, so one collector does
// both.
type processes struct {
	mu sync.Mutex
	// results has the channel of each running program that we started ourselves.
	results map[int]chan syscall.WaitStatus
	signals chan os.Signal
}

func newProcesses() *processes {
	p := &processes{results: map[int]chan syscall.WaitStatus{}, signals: make(chan os.Signal, 1)}
	// It is registered before the first start, so that no end is missed.
	signal.Notify(p.signals, syscall.SIGCHLD)
	return p
}

// start starts a program. The channel gets its result once, when it ends.
func (p *processes) start(cmd *exec.Cmd) (pid int, result <-chan syscall.WaitStatus, err error) {
	// The lock keeps the collector away until the channel is registered.
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	pid = cmd.Process.Pid
	channel := make(chan syscall.WaitStatus, 1)
	p.results[pid] = channel
	return pid, channel, cmd.Process.Release()
}

// signal sends a signal to a program that start returned, unless it ended: its
// PID can't be anyone else's before it is collected.
func (p *processes) signal(pid int, signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, running := p.results[pid]; running {
		// It can only fail for a program that just ended.
		_ = syscall.Kill(pid, signal)
	}
}

// reap collects ended processes for ever.
func (p *processes) reap() {
	for range p.signals {
		// One signal may stand for several ends.
		for p.reapOne() {
		}
	}
}

func (p *processes) reapOne() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if errors.Is(err, syscall.EINTR) {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if result, ours := p.results[pid]; ours {
		delete(p.results, pid)
		result <- status
	}
	return true
}
