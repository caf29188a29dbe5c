package node

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// TestSupervisorGetsNoFilesAndSecretsOfItsMaker starts a program in place of the
// supervisor. It waits until it is told to proceed.
func TestSupervisorGetsNoFilesAndSecretsOfItsMaker(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("new namespaces need root")
	}
	for name, value := range map[string]string{
		"PULUMI_CONFIG_PASSPHRASE": "hush", "AWS_SECRET_ACCESS_KEY": "hush",
		"HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "localhost", "PATH": "/own:/usr/bin:/bin",
	} {
		t.Setenv(name, value)
	}
	dir := state.Dir(t.TempDir())
	lockFile := filepath.Join(t.TempDir(), "lock")
	// flock(1) passes its file on in this way: open, and inherited by programs.
	lock, err := flock.Hold(t.Context(), lockFile)
	if err != nil {
		t.Fatal(err)
	}
	inherit(t, lockFile)

	handle := startStandIn(t, dir, "#!/bin/sh\nread -r word <&3\n")
	processDir := fmt.Sprintf("/proc/%d", handle.PID)
	files, err := filepath.Glob(processDir + "/fd/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("its files are %v (%v)", files, err)
	}
	for _, file := range files {
		if target, readErr := os.Readlink(file); readErr == nil && target == lockFile {
			t.Errorf("it has %s of its maker", target)
		}
	}
	if err = lock.Release(); err != nil {
		t.Fatal(err)
	}
	held, err := flock.IsHeld(lockFile)
	if err != nil || held {
		t.Errorf("the lock is held on: %t (%v)", held, err)
	}
	environment, err := os.ReadFile(processDir + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.Trim(string(environment), "\x00"), "\x00")
	want := []string{
		"HTTPS_PROXY=http://proxy.example:3128", "no_proxy=localhost",
		"PATH=/own:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("its environment is %q, want %q", got, want)
	}
}

// inherit lets the programs that this process starts inherit its file.
func inherit(t *testing.T, path string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err != nil || target != path {
			continue
		}
		var fd uintptr
		if _, err := fmt.Sscan(filepath.Base(file), &fd); err != nil {
			t.Fatal(err)
		}
		if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_SETFD, 0); errno != 0 {
			t.Fatal(errno)
		}
		return
	}
	t.Fatalf("%s is not open", path)
}

func startStandIn(t *testing.T, dir state.Dir, script string) *Handle {
	t.Helper()
	program := filepath.Join(t.TempDir(), "stand-in")
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir.Logs(), 0o700); err != nil {
		t.Fatal(err)
	}
	handle, err := Start(program, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It ends with its maker's end of the pipe.
		if err := handle.Close(); err != nil {
			t.Error(err)
		}
	})
	return handle
}
