package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
)

// Source: flux-start(1).

// programRun runs a process that ends with this one, however this one ends.
type programRun struct {
	cmd     *exec.Cmd
	started chan<- error
	ended   chan<- int
}

func (p *programRun) run() {
	// The kernel means the thread that has started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := p.cmd.Start()
	p.started <- err
	if err == nil {
		p.ended <- int(exitCode(p.cmd.Wait(), p.cmd))
	}
}

// startInstance starts an instance of -s brokers on this machine, in a folder of
// its own unless FLUX_STANDIN_DIR is set, and ends with its lead.
func startInstance(args []string) (int, error) {
	o, err := parseOptions(args, "s/test-size=", "o/broker-opts=", "S/setattr=", "c/config-path=")
	if err != nil {
		return 2, err
	}
	size, err := o.number("test-size", 1)
	if err != nil || size == 0 {
		return 2, errors.Join(err, usagef("--test-size must be at least 1"))
	}
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	folder, err := os.MkdirTemp("", "flux-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	options := o.values["broker-opts"]
	for _, attribute := range o.values["setattr"] {
		options = append(options, "-S"+attribute)
	}
	if o.has("config-path") {
		options = append(options, "-c"+o.text("config-path", ""))
	}
	for rank := size - 1; rank > 0; rank-- {
		follower := brokerCommand(self, folder, rank, size, append(options, "-Sbroker.rc2_none=1"))
		ended, started := make(chan int, 1), make(chan error, 1)
		go (&programRun{follower, started, ended}).run()
		if err := <-started; err != nil {
			return 1, err
		}
		defer func() {
			_ = follower.Process.Signal(syscall.SIGTERM) // it waits for a lead, or has ended
			<-ended
		}()
	}
	lead := brokerCommand(self, folder, 0, size, append(options, o.rest...))
	lead.Stdin = os.Stdin
	ended, started := make(chan int, 1), make(chan error, 1)
	go (&programRun{lead, started, ended}).run()
	if err := <-started; err != nil {
		return 1, err
	}
	forwardSignals(lead)
	return <-ended, nil
}

// forwardSignals passes on what asks this process to end.
func forwardSignals(to *exec.Cmd) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for each := range signals {
			_ = to.Process.Signal(each) // it may have ended just now
		}
	}()
}

func brokerCommand(self, folder string, rank, size int32, options []string) *exec.Cmd {
	socket := filepath.Join(folder, fmt.Sprintf("local-%d", rank))
	cmd := exec.Command(self, append([]string{"broker", "-Slocal-uri=local://" + socket}, options...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("FLUX_STANDIN_RANK=%d", rank), fmt.Sprintf("FLUX_STANDIN_SIZE=%d", size))
	if os.Getenv("FLUX_STANDIN_DIR") == "" {
		cmd.Env = append(cmd.Env, "FLUX_STANDIN_DIR="+filepath.Join(folder, "instance"))
	}
	return cmd
}
