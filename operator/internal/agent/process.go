package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// stopSignals delivers what ends a rank: SIGTERM, and SIGINT of a terminal.
func stopSignals() <-chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

// supervision is how a main process treats its command.
type supervision struct {
	// forward are the signals that are passed on, and ignore those that the command
	// gets by itself once it is there.
	forward, ignore []os.Signal
	// group gives the command a process group of its own, and signals to all of it.
	group bool
}

// supervise runs command as the main process of a container does: it forwards
// signals, reaps every child, also orphans that are handed to it as PID 1, and
// returns how the command has ended; one that cannot be started, as a shell tells it.
// stopped: a SIGTERM has come. It must be the only one in the process that waits for
// children.
func supervise(command []string, how supervision) (status syscall.WaitStatus, stopped bool, err error) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, slices.Concat(how.forward, how.ignore, []os.Signal{syscall.SIGCHLD})...)
	defer signal.Stop(signals)
	return superviseBy(signals, command, how)
}

// startTime is how long after its start a command gets also the signals that it should
// get by itself: they may have come before it was there. It does no harm to tell a
// command twice that is no further.
const startTime = 100 * time.Millisecond

// superviseBy is supervise with the channel that the signals come by.
func superviseBy(signals chan os.Signal, command []string, how supervision) (status syscall.WaitStatus, stopped bool, err error) {
	program, err := exec.LookPath(command[0])
	if err != nil {
		return exitStatus(127), false, fmt.Errorf("starting the command: %w", err)
	}
	child, err := os.StartProcess(program, command, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: how.group},
	})
	if err != nil {
		return exitStatus(126), false, fmt.Errorf("starting the command: %w", err)
	}
	target := child.Pid
	if how.group {
		target = -child.Pid
	}
	started := time.Now()
	for {
		received := <-signals
		if received == syscall.SIGCHLD {
			if status, ended := reap(child.Pid); ended {
				return status, stopped, nil
			}
			continue
		}
		if slices.Contains(how.ignore, received) && time.Since(started) > startTime {
			continue
		}
		stopped = stopped || received == syscall.SIGTERM
		// The target may be gone, with its SIGCHLD on the way.
		_ = syscall.Kill(target, received.(syscall.Signal))
	}
}

// reap waits for all children that have ended, since one SIGCHLD may stand for
// many. It returns the status of the one called pid, if it is among them.
func reap(pid int) (syscall.WaitStatus, bool) {
	var result syscall.WaitStatus
	var found bool
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || ended == 0:
			return result, found
		case ended == pid:
			result, found = status, true
		}
	}
}

// exitStatus is the status of a process that has ended with an exit code.
func exitStatus(code int) syscall.WaitStatus { return syscall.WaitStatus(code << 8) }

// statusText is a status for people.
func statusText(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal: " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}

// statusCode is the exit code as a shell tells it.
func statusCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// signalGroup signals the process group that cmd leads.
func signalGroup(cmd *exec.Cmd, s syscall.Signal) {
	// An error means that the group is gone: what the signal is for.
	_ = syscall.Kill(-cmd.Process.Pid, s)
}

// waitCode waits for cmd and returns its exit code as a shell tells it.
func waitCode(cmd *exec.Cmd) int {
	// What Wait returns beside the state is an error of copying output.
	_ = cmd.Wait()
	return statusCode(cmd.ProcessState.Sys().(syscall.WaitStatus))
}
