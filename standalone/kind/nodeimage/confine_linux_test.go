package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestInterruptedProgramLeavesNeitherMountsNorProcesses plays debootstrap, which
// is killed while /proc is mounted in the folder that it fills.
func TestInterruptedProgramLeavesNeitherMountsNorProcesses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	root, cache := t.TempDir(), t.TempDir()
	left := filepath.Join(cache, ".build-1")
	proc, started := filepath.Join(left, "rootfs", "proc"), filepath.Join(root, "started")
	if err := os.MkdirAll(proc, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	// Its lock shows that a program which it has started lives.
	go func() {
		_, err := run(ctx, "sh", "-c", `mount -t proc proc "$0" && (exec 9<>"$1"; flock 9; exec sleep 600) & wait`, proc, started)
		ended <- err
	}()
	lock, err := os.OpenFile(started, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	locked := func() bool {
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			return true
		}
		_ = unix.Flock(int(lock.Fd()), unix.LOCK_UN)
		return false
	}
	for deadline := time.Now().Add(20 * time.Second); !locked(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the program does not start")
		}
	}
	cancel()
	if err = <-ended; err == nil {
		t.Fatal("it was not interrupted")
	}
	for deadline := time.Now().Add(20 * time.Second); locked(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what it has started still lives")
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), left) {
		t.Errorf("its mount is left (%v)", err)
	}
	if err := keepOnly(cache, "kept"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is left (%v)", err)
	}
}

func TestLeftoverThatCannotBeRemovedKeepsNoOtherFromIt(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	cache := t.TempDir()
	busy := filepath.Join(cache, ".build-1", "rootfs", "proc")
	for _, folder := range []string{busy, filepath.Join(cache, "old"), filepath.Join(cache, "kept")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("tmpfs", busy, "tmpfs", 0, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(busy, 0) })
	if err := keepOnly(cache, "kept"); err == nil || !strings.Contains(err.Error(), ".build-1") {
		t.Errorf("the error is %v", err)
	}
	for name, want := range map[string]bool{"old": false, "kept": true} {
		if isThere(filepath.Join(cache, name)) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
}
