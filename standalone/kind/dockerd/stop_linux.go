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

// cgroupTimeout bounds how long the kernel may take to let go of control groups.
const cgroupTimeout = 30 * time.Second

// pollInterval is how often is looked for what nobody tells.
const pollInterval = 100 * time.Millisecond

// errStillRuns says that a process did not end in the time that it had.
var errStillRuns = errors.New("it still runs")

// end stops dockerd in order, and by force when that takes too long. It returns
// when all processes of the engine are gone: the kernel says that the first one of
// a namespace has ended after it has ended the others, while its program vanishes
// from /proc before.
func (e Engine) end(ctx context.Context) error {
	pid, ok := e.notedPID()
	if !ok {
		return nil
	}
	process, err := unix.PidfdOpen(pid, 0)
	// EINVAL: the number is one of a thread by now.
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening process %d: %w", pid, err)
	}
	defer unix.Close(process)
	// From here on the number cannot become another's.
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

// sendSignal sends a signal; that the process has ended is no error.
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
		// A file of a process can be read when that has ended.
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

// retryBusy does something again until what it is done to is not busy any more.
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
	// Those below come later, and must go first.
	for i := len(below) - 1; i >= 0; i-- {
		if err := unix.Rmdir(below[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", below[i], err)
		}
	}
	return nil
}
