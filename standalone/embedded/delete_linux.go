package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/cgroup"
	"github.com/gopherlocks/gopherlocks/standalone/internal/hostsettings"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/node"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func remove(ctx context.Context, ref Ref, progress Progress) error {
	if os.Geteuid() != 0 {
		return errors.New("removing an embedded cluster needs root; run pulumi as root")
	}
	unlock, err := lockCluster(ctx, ref)
	if err != nil {
		return err
	}
	defer unlock()
	progress("removing the cluster " + ref.Name)
	return removeAll(ctx, ref)
}

// removeAll removes everything of a cluster, in whatever state it is.
func removeAll(ctx context.Context, ref Ref) error {
	if err := removeExceptLogs(ctx, ref); err != nil {
		return err
	}
	if err := os.RemoveAll(ref.dir().FailedLogs()); err != nil {
		return fmt.Errorf("removing the logs of a failed creation: %w", err)
	}
	return nil
}

// removeExceptLogs leaves only the logs of a failed creation. It goes on after an
// error, so that little stays behind. It then keeps the state folder, so that it
// can be called again.
func removeExceptLogs(ctx context.Context, ref Ref) error {
	dir := ref.dir()
	record, recordErr := state.Load(dir)
	if recordErr != nil {
		// The record may be lost with the folder. What follows from the name can
		// still be removed.
		record = state.Record{Name: ref.Name}
	}
	config := nodeconfig.Cluster{Dir: dir, Record: record, Link: network.LinkName(string(dir))}
	firewallErr := network.CloseFirewall(ref.Name, config.Link)
	if errors.Is(recordErr, os.ErrNotExist) && errors.Is(firewallErr, exec.ErrNotFound) {
		// Without iptables no cluster was ever made here.
		firewallErr = nil
	}
	err := errors.Join(
		node.Stop(ctx, dir, false),
		removeCgroups(ctx, config.CgroupName()),
		network.Disconnect(config.Link),
		firewallErr,
		hostsettings.Machine.Release(ctx, string(dir)),
		removeKubeconfigCopy(record),
	)
	if err != nil {
		return fmt.Errorf("removing cluster %s: %w", ref.Name, err)
	}
	return removeState(dir)
}

// removeState removes the folder of a cluster that is gone from the machine. The
// record goes first: if this is interrupted, the rest no longer counts as a
// cluster. The next creation or deletion removes it.
func removeState(dir state.Dir) error {
	err := os.Remove(dir.Record())
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = os.RemoveAll(string(dir))
	}
	if err != nil {
		return fmt.Errorf("removing the state of the cluster in %s: %w", dir, err)
	}
	return nil
}

// removeCgroups removes the cluster's control groups, and kills what is in
// them: the processes of a node whose state folder was lost.
func removeCgroups(ctx context.Context, name string) error {
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return err
	}
	branch := cgroup.NewBranch(hierarchies, name)
	const timeout = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		pids, err := branch.Processes()
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if pid <= 1 {
				// 0 is a process of another PID namespace, and kill(2) would take
				// it for our own group.
				continue
			}
			// Most ended together with the first one of their PID namespace.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		// The kernel needs a moment to take ended processes out.
		if err = branch.Remove(); err == nil || !errors.Is(err, syscall.EBUSY) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}
