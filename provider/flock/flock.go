// Package flock locks files and folders between processes with flock(2). Such a
// lock ends with its process, however that ends. So nobody has to break it by hand,
// and it tells reliably whether its holder lives.
package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Lock is a held lock. It is released by Release or by the end of the process.
type Lock struct {
	file   *os.File
	remove bool
}

// Acquire takes the exclusive lock of the file path, and waits for another holder
// until ctx ends. It makes a missing file. Release removes the file again.
func Acquire(ctx context.Context, path string) (*Lock, error) {
	return AcquireTelling(ctx, path, func() {})
}

// AcquireTelling is Acquire, and calls waiting once if it has to wait.
func AcquireTelling(ctx context.Context, path string, waiting func()) (*Lock, error) {
	waiting = sync.OnceFunc(waiting)
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("opening lock file: %w", err)
		}
		if err := wait(ctx, file, waiting); err != nil {
			file.Close()
			return nil, err
		}
		// The holder before us removed the file while we waited for it, and
		// someone else may hold the lock of a new file of that name: try again.
		if same, err := isFileAt(file, path); err != nil || !same {
			file.Close()
			if err != nil {
				return nil, err
			}
			continue
		}
		return &Lock{file: file, remove: true}, nil
	}
}

// AcquireFolder takes the exclusive lock of an existing folder, and waits for
// another holder until ctx ends. It leaves nothing behind.
func AcquireFolder(ctx context.Context, path string) (*Lock, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening folder to lock: %w", err)
	}
	return hold(ctx, file)
}

// Hold takes the exclusive lock of the file path for the rest of the process's
// life, and waits for another holder until ctx ends.
func Hold(ctx context.Context, path string) (*Lock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock file: %w", err)
	}
	return hold(ctx, file)
}

// hold takes the lock of an open file, or closes it.
func hold(ctx context.Context, file *os.File) (*Lock, error) {
	if err := wait(ctx, file, func() {}); err != nil {
		file.Close()
		return nil, err
	}
	return &Lock{file: file}, nil
}

// IsHeld says whether a process holds the exclusive lock of the file path. A
// file that does not exist is not locked.
func IsHeld(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening lock file: %w", err)
	}
	defer file.Close()
	// A shared lock: two processes that ask at once must not take each other for
	// the holder.
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("testing lock %s: %w", path, err)
	}
	return false, nil
}

// Release gives the lock up.
func (l *Lock) Release() error {
	if l.remove {
		// Removed while held: a process that waits for it notices, and makes a new
		// file.
		if err := os.Remove(l.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.file.Close()
			return fmt.Errorf("removing lock file: %w", err)
		}
	}
	return l.file.Close()
}

// wait polls because a blocking flock(2) can't be canceled.
func wait(ctx context.Context, file *os.File, waiting func()) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		waiting()
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the lock %s, which another process holds: %w", file.Name(), ctx.Err())
		case <-ticker.C:
		}
	}
}

func isFileAt(file *os.File, path string) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	current, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(opened, current), nil
}
