// Package filelock lets one process at a time work on what several work trees
// share: an engine, a cache. The lock is the kernel's, flock(2), and ends with
// its process, however that ends.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Hold takes the lock of the file path, which it makes, and calls waiting once if
// another process has it. release removes the file again.
func Hold(ctx context.Context, path string, waiting func()) (release func(), err error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening a lock: %w", err)
		}
		if err := lock(ctx, file, waiting); err != nil {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if isAt(file, path) {
			return func() {
				// While it is held: who waits for it looks whether it is still there. What
				// could not be removed is an empty file, used again next time.
				_ = os.Remove(path)
				file.Close()
			}, nil
		}
		// Its holder has removed it while we waited, and somebody may hold a new one.
		file.Close()
		waiting = func() {}
	}
}

func lock(ctx context.Context, file *os.File, waiting func()) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for first := true; ; first = false {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func isAt(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(held, named)
}
