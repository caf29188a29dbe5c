package dockerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupTimeout bounds how long the kernel may keep control groups busy.
const cgroupTimeout = 30 * time.Second

// pollInterval is how often to check for what sends no event.
const pollInterval = 100 * time.Millisecond

// errStillRuns says that a process did not end in time.
var errStillRuns = errors.New("it still runs")

// end stops dockerd in order, and kills it if that takes too long. It returns when
// all processes of the engine are gone. A PID file descriptor tells: the first
// process of a namespace counts as ended only after all others. /proc loses its
// program earlier.
func (e Engine) end(ctx context.Context) error {
	pid, ok := e.notedPID()
	if !ok {
		return nil
	}
	process, err := unix.PidfdOpen(pid, 0)
	// EINVAL: a thread has the ID by now.
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	defer unix.Close(process)
	// From here on process stays the same one, even if its ID is used again.
	if !e.isEngine(pid) {
		if !isNamed(pid, initName) {
			return nil
		}
		// It is ending already.
		return awaitExit(ctx, process, stopTimeout)
	}
	if err = sendSignal(process, unix.SIGTERM); err != nil {
		return err
	}
	err = awaitExit(ctx, process, stopTimeout)
	if !errors.Is(err, errStillRuns) {
		return err
	}
	if err := sendSignal(process, unix.SIGKILL); err != nil {
		return err
	}
	return awaitExit(ctx, process, stopTimeout)
}

// isNamed says whether a process has the name of a program, which it keeps to the
// end. The kernel keeps 15 bytes of it.
func isNamed(pid int, program string) bool {
	const kept = 15
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(name)) == program[:min(kept, len(program))]
}

// sendSignal sends a signal. It is no error if the process has ended.
func sendSignal(process int, number unix.Signal) error {
	if err := unix.PidfdSendSignal(process, number, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// awaitExit waits until a process has ended.
func awaitExit(ctx context.Context, process int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		if err := ctx.Err(); err != nil {
			return err
		}
		// The file descriptor of a process becomes readable when the process ends.
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, int(pollInterval.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for its end: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("%w after %s", errStillRuns, limit)
}

// removeCgroups removes a control group, with those below it, from all
// hierarchies. The kernel keeps one busy for a moment after its last process has
// ended.
func removeCgroups(ctx context.Context, name string) error {
	var folders []string
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		// The pattern is well-formed.
		matches, _ := filepath.Glob(pattern + name)
		folders = append(folders, matches...)
	}
	ctx, cancel := context.WithTimeout(ctx, cgroupTimeout)
	defer cancel()
	for _, folder := range folders {
		if err := retryBusy(ctx, func() error { return removeCgroup(folder) }); err != nil {
			return err
		}
	}
	return nil
}

// retryBusy repeats do until its error is not EBUSY any more.
func retryBusy(ctx context.Context, do func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := do()
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, ctx.Err())
		case <-ticker.C:
		}
	}
}

func removeCgroup(folder string) error {
	var below []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			below = append(below, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	// Groups below come later in the list, and must be removed first.
	for i := len(below) - 1; i >= 0; i-- {
		if err := unix.Rmdir(below[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", below[i], err)
		}
	}
	return nil
}
