// Package node is the inside of an embedded cluster's node. A supervisor runs as
// PID 1 of its own namespaces and keeps the cluster's programs running. All that
// the node makes is inside these namespaces, so the kernel removes it when the
// supervisor ends, however it ends. Processes and containers go with the PID
// namespace, mounts with the mount namespace, and interfaces, routes and
// kube-proxy's rules with the network namespace.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// File descriptors that the supervisor is started with.
const (
	// controlFD is read. One byte says that the node has its network interface. Its
	// end without that byte says that the maker is gone.
	controlFD = 3
	// eventsFD is written: one Event per line, until the maker closes it.
	eventsFD = 4
)

// Run is the supervisor's main. It runs the node with the state folder dir, until
// SIGTERM tells it to stop or the start fails.
func Run(dir state.Dir) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	control, pipe := os.NewFile(controlFD, "control"), os.NewFile(eventsFD, "events")
	if control == nil || pipe == nil || os.Getpid() != 1 {
		return errors.New("only the plugin itself can start this command")
	}
	log := slog.New(slog.NewTextHandler(openLog(dir, "node"), nil))
	err := run(ctx, dir, control, newEvents(pipe, log), log)
	if err != nil {
		log.Error("the node ends", "error", err)
	}
	return err
}

func run(ctx context.Context, dir state.Dir, control *os.File, events *events, log *slog.Logger) error {
	lock, err := flock.Hold(ctx, dir.NodeLock())
	if err != nil {
		return err
	}
	// A failure does no harm: the lock ends with the process at the latest.
	defer func() { _ = lock.Release() }()
	record, err := state.Load(dir)
	if err != nil {
		return err
	}
	cluster, err := nodeconfig.New(dir, record)
	if err != nil {
		return err
	}
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return err
	}
	if err = cgroup.NewBranch(hierarchies, cluster.CgroupName()).Join(); err != nil {
		return err
	}
	// Before /proc becomes the namespace's own, where every node's PID is 1.
	identity, err := readIdentity()
	if err != nil {
		return err
	}
	report := newReport(dir, identity)
	if err := report.update(func(*Report) {}); err != nil {
		return fmt.Errorf("writing the node's report: %w", err)
	}
	if err := enterMounts(dir); err != nil {
		return err
	}
	if err := enterNetwork(cluster, control); err != nil {
		return err
	}
	processes := newProcesses()
	go processes.reap()
	return newSupervisor(cluster, processes, report, events, log).run(ctx)
}

// enterNetwork waits for the maker to put the interface into the namespace.
func enterNetwork(cluster nodeconfig.Cluster, control *os.File) error {
	defer control.Close()
	if _, err := io.ReadFull(control, make([]byte, 1)); err != nil {
		return fmt.Errorf("waiting for the network interface: %w", err)
	}
	if err := syscall.Sethostname([]byte(cluster.NodeName())); err != nil {
		return fmt.Errorf("setting the host name: %w", err)
	}
	return network.ConfigureNode(cluster.Plan)
}

// openLog returns the log of a component, which is bounded in size: the
// programs run for as long as the machine does.
func openLog(dir state.Dir, component string) io.WriteCloser {
	const megabytes = 16
	return &lumberjack.Logger{Filename: dir.Log(component), MaxSize: megabytes, MaxBackups: 1}
}
