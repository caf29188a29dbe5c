package flock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLockIsHeldUntilReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	requireHeld(t, path, false)
	lock, err := Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	requireHeld(t, path, true)
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	requireHeld(t, path, false)
}

func TestWaitForALockEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := Hold(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Hold(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestAcquiredLocksExcludeEachOtherAndLeaveNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	const workers, rounds = 4, 20
	// Not atomic on purpose: a lost update or the race detector shows a failure.
	count := 0
	errs := make(chan error)
	for range workers {
		go func() {
			var err error
			for range rounds {
				lock, acquireErr := Acquire(context.Background(), path)
				if acquireErr != nil {
					errs <- acquireErr
					return
				}
				count++
				err = errors.Join(err, lock.Release())
			}
			errs <- err
		}()
	}
	for range workers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if count != workers*rounds {
		t.Errorf("counted %d instead of %d", count, workers*rounds)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

func TestWaitingIsToldOnceAndEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := AcquireTelling(t.Context(), path, func() { t.Error("waits for nobody") })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	if _, err := AcquireTelling(ctx, path, func() { told++; cancel() }); !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("told %d times, and the error is %v", told, err)
	}
}

func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			lock, err := Acquire(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) != 1 {
				t.Error("two hold the lock")
			}
			inside.Add(-1)
			if err := lock.Release(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left behind (%v)", err)
	}
}

func requireHeld(t *testing.T, path string, want bool) {
	t.Helper()
	held, err := IsHeld(path)
	if err != nil || held != want {
		t.Errorf("held is %t (%v), want %t", held, err, want)
	}
}
