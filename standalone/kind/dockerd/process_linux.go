package dockerd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spawn starts the engine's first process in its own namespaces. When it ends, the
// kernel ends all others there and removes their mounts.
func (e Engine) spawn(unpacked string) error {
	log, err := os.OpenFile(e.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(e.init(), program(unpacked), "--config-file", filepath.Join(e.Dir, "daemon.json"))
	command.Env = environment(unpacked)
	command.Dir, command.Stdout, command.Stderr = "/", log, log
	// It outlives this process, so it must not inherit this process's files, such
	// as a lock of its starter.
	const firstOther = 3
	if err := unix.CloseRange(firstOther, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("keeping files from the engine: %w", err)
	}
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
	}
	if err := command.Start(); err != nil {
		return err
	}
	pid := command.Process.Pid
	// So that it is no zombie when it ends while this process lives.
	go func() { _ = command.Wait() }()
	return os.WriteFile(e.pidFile(), []byte(strconv.Itoa(pid)+"\n"), 0o600)
}

// dockerd runs the program of an unpacked package for what it prints.
func dockerd(ctx context.Context, unpacked string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program(unpacked), args...)
	command.Env = environment(unpacked)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("dockerd %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

func program(unpacked string) string { return filepath.Join(unpacked, "usr/sbin/dockerd") }

// environment leads an unpacked dockerd to its helpers and libraries, which are not
// installed either.
func environment(unpacked string) []string {
	return append(os.Environ(),
		"PATH="+filepath.Join(unpacked, "usr/bin")+":"+filepath.Join(unpacked, "usr/sbin")+":"+os.Getenv("PATH")+":/usr/sbin:/sbin",
		"LD_LIBRARY_PATH="+libraryPath(unpacked))
}

// libraryPath lists the folders of libraries of unpacked packages.
func libraryPath(unpacked string) string {
	var folders []string
	for _, pattern := range []string{"lib/*-linux-*", "usr/lib/*-linux-*"} {
		// The pattern is well-formed.
		matches, _ := filepath.Glob(filepath.Join(unpacked, pattern))
		folders = append(folders, matches...)
	}
	return strings.Join(folders, ":")
}

// runInit is the first process of the engine's namespaces. Until dockerd ends, it
// passes signals on to it and collects orphans.
func runInit(args []string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	// Nothing that is mounted here shows outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	// os/exec would not do: its wait would compete with the one for orphans.
	process, err := os.StartProcess(args[0], args, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}, Env: os.Environ()})
	if err != nil {
		return fmt.Errorf("starting dockerd: %w", err)
	}
	pid := process.Pid
	go func() {
		for s := range signals {
			// It fails only if dockerd has ended, which is fine.
			_ = unix.Kill(pid, s.(syscall.Signal))
		}
	}()
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("waiting for dockerd: %w", err)
		}
		if ended == pid {
			return nil
		}
	}
}
