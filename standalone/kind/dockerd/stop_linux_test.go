package dockerd

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestEndWaitsForAllProcessesOfTheEngine plays an engine with a first process that
// ends at once, and another one that takes longer. They are a shell with the
// engine's name, and a child that holds a lock.
func TestEndWaitsForAllProcessesOfTheEngine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a namespace of processes needs root")
	}
	e := Engine{Dir: t.TempDir()}
	if err := os.MkdirAll(filepath.Dir(e.init()), 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(e.init(), shell, 0o755); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(e.Dir, "held")
	ready, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	command := exec.Command(e.init(), "-c", `trap "exit 0" TERM; flock "$0" sh -c "echo ready; exec sleep 600" & while :; do wait; done`, held)
	command.Stdout = writer
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err = command.Start(); err != nil {
		t.Skipf("no namespace of processes can be made: %v", err)
	}
	writer.Close()
	go func() { _ = command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() })
	if _, err = ready.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(e.pidFile(), []byte(strconv.Itoa(command.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err = e.end(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(held)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("a process of the engine still lives: %v", err)
	}
}

func TestBusyIsTriedAgainForATime(t *testing.T) {
	calls := 0
	err := retryBusy(t.Context(), func() error {
		calls++
		if calls < 3 {
			return &os.PathError{Op: "rmdir", Err: unix.EBUSY}
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := retryBusy(ctx, func() error { return unix.EBUSY }); !errors.Is(err, unix.EBUSY) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if err := retryBusy(t.Context(), func() error { return unix.EPERM }); !errors.Is(err, unix.EPERM) {
		t.Errorf("the error is %v", err)
	}
}
