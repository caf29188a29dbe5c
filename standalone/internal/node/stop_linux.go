package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// Stop ends the supervisor of the node with the state folder dir, if it lives. All
// in its namespaces ends with it, and Stop returns when that is gone. With graceful
// it first stops the components one by one. When ctx ends, it kills the rest.
func Stop(ctx context.Context, dir state.Dir, graceful bool) error {
	identity, alive, err := find(ctx, dir)
	if err != nil || !alive {
		return err
	}
	process, err := unix.PidfdOpen(identity.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking hold of the supervisor: %w", err)
	}
	defer unix.Close(process)
	// Checked after the handle was opened: from now on it can't be another process.
	current, err := ReadIdentity(identity.PID)
	if err != nil || current != identity {
		return nil
	}
	if graceful {
		const stopAll = 20 * time.Second
		if err = unix.PidfdSendSignal(process, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stopping the supervisor: %w", err)
		}
		ended, waitErr := awaitEnd(ctx, process, stopAll)
		if waitErr != nil || ended {
			return waitErr
		}
	}
	if err = unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing the supervisor: %w", err)
	}
	// The kernel lets PID 1 of a namespace end after all others in it.
	const killAll = 20 * time.Second
	ended, err := awaitEnd(context.WithoutCancel(ctx), process, killAll)
	if err == nil && !ended {
		err = fmt.Errorf("the supervisor (process %d) did not end within %s of being killed", identity.PID, killAll)
	}
	return err
}

// find returns the identity of the living supervisor. It waits for one that has
// just started and not written it yet.
func find(ctx context.Context, dir state.Dir) (identity Identity, alive bool, err error) {
	const writing = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	var lockErr error
	err = await(ctx, func(context.Context) error {
		if alive, lockErr = flock.IsHeld(dir.NodeLock()); !alive {
			return nil
		}
		report, loadErr := LoadReport(dir)
		identity = report.Identity
		return loadErr
	})
	return identity, alive, errors.Join(lockErr, err)
}

// awaitEnd waits until the process ended, for at most timeout or until ctx ends.
func awaitEnd(ctx context.Context, process int, timeout time.Duration) (ended bool, err error) {
	deadline := time.Now().Add(timeout)
	for ctx.Err() == nil {
		rest := time.Until(deadline)
		if rest <= 0 {
			return false, nil
		}
		// It polls in slices, since poll(2) does not know ctx.
		slice := min(rest, 100*time.Millisecond)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, max(1, int(slice.Milliseconds())))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false, fmt.Errorf("waiting for the supervisor's end: %w", err)
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, nil
}
