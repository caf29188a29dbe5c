package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// All builds of the project use the same flags and environment: a package that two
// modules need in the same version is then compiled once. With -trimpath compiled
// packages and programs do not depend on their folder. -buildvcs is off for the
// same reason.
var (
	buildFlags       = []string{"-trimpath", "-buildvcs=false"}
	buildEnvironment = []string{"CGO_ENABLED=0", "GOWORK=off"}
)

// interruptGrace is how long the go command may take to clean up.
const interruptGrace = 5 * time.Second

// goCommand prepares a run of the go command in the module's folder.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	// GOFLAGS of the user could change what is built without changing its key.
	cmd.Env = slices.Concat(os.Environ(), []string{"GOFLAGS="}, buildEnvironment, collectLess(os.Environ(), availableMemory()))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = interruptGrace
	return cmd
}

// ampleMemory is so much memory, in bytes, that the compiler need not save any.
const ampleMemory = 8 << 30

// collectLess lets the compiler, itself a Go program, collect its garbage less
// often if there is enough memory. That saves a sixth of its processor time.
func collectLess(environment []string, memory uint64) []string {
	chosen := slices.ContainsFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "GOGC=") })
	if chosen || memory < ampleMemory {
		return nil
	}
	return []string{"GOGC=400"}
}

// availableMemory is what programs can still have, in bytes; 0 if the system does
// not tell. Source: proc_meminfo(5).
func availableMemory() uint64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var kibibytes uint64
		if n, _ := fmt.Sscanf(scanner.Text(), "MemAvailable: %d kB", &kibibytes); n == 1 {
			return kibibytes << 10
		}
	}
	return 0
}

// goOutput runs the go command and returns its output.
func goOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := goCommand(ctx, dir, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, lastLines(stderr.String(), shownLines))
	}
	return string(out), nil
}

// list runs `go list -deps` with further arguments for the module's programs. It
// downloads missing modules, and passes each line of the go command about that to
// progress.
func (m module) list(ctx context.Context, progress func(line string), args ...string) (string, error) {
	cmd := goCommand(ctx, m.dir, slices.Concat([]string{"list", "-deps"}, args, m.packages())...)
	var stderr bytes.Buffer
	cmd.Stderr = io.MultiWriter(&stderr, lineWriter(progress))
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("list what %s is compiled from: %w\n%s\ncheck that the module proxy can be reached (go env GOPROXY), then run the command again",
			m.title, err, lastLines(stderr.String(), shownLines))
	}
	return string(out), nil
}

func (m module) packages() []string {
	var packages []string
	for _, p := range m.programs {
		packages = append(packages, p.pkg)
	}
	return packages
}

// lines is an [io.Writer] that hands on whole lines.
type lines struct {
	rest []byte
	line func(string)
}

func lineWriter(line func(string)) *lines { return &lines{line: line} }

func (l *lines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.line(string(line))
		l.rest = append([]byte(nil), rest...)
	}
}

// shownLines is how much of a long log a failure shows.
const shownLines = 20

// lastLines returns the last n lines of a text.
func lastLines(text string, n int) string {
	var kept []string
	for scanner := bufio.NewScanner(strings.NewReader(strings.TrimSpace(text))); scanner.Scan(); {
		kept = append(kept, "  "+scanner.Text())
	}
	if len(kept) > n {
		kept = kept[len(kept)-n:]
	}
	return strings.Join(kept, "\n")
}
