package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/node"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func update(ctx context.Context, spec Spec, progress Progress) (Cluster, error) {
	machine, err := checkMachine(spec.BinDir)
	if err != nil {
		return Cluster{}, err
	}
	unlock, err := lockCluster(ctx, spec.Ref)
	if err != nil {
		return Cluster{}, err
	}
	defer unlock()
	record, err := state.Load(spec.dir())
	if errors.Is(err, os.ErrNotExist) || err == nil && record.Phase != state.PhaseReady {
		return Cluster{}, fmt.Errorf("%w: %s", ErrNotFound, spec.Name)
	}
	if err != nil {
		return Cluster{}, err
	}
	return converge(ctx, spec, record, machine, progress)
}

// converge makes a cluster that was ready once what spec says.
func converge(ctx context.Context, spec Spec, record state.Record, machine machine, progress Progress) (Cluster, error) {
	dir := spec.dir()
	if spec.Subnet.IsValid() && spec.Subnet != record.Subnet {
		return Cluster{}, fmt.Errorf("cluster %s has subnet %s and can't change to %s; remove it first, or give the new one another name",
			spec.Name, record.Subnet, spec.Subnet)
	}
	running, err := flock.IsHeld(dir.NodeLock())
	if err != nil {
		return Cluster{}, err
	}
	changed, err := programsChanged(dir, spec.BinDir)
	if err != nil {
		return Cluster{}, err
	}
	if running && !changed && record.HPASyncPeriod == spec.HPASyncPeriod {
		if record, err = correctDrift(dir, record, progress); err != nil {
			return Cluster{}, err
		}
		if record, err = moveKubeconfigCopy(record, spec.KubeconfigFile); err != nil {
			return Cluster{}, err
		}
		if err = errors.Join(writeKubeconfigCopy(dir, record), state.Save(dir, record)); err != nil {
			return Cluster{}, err
		}
		return describe(spec.Ref, record)
	}
	// Someone else may use the subnet, as after a restart of the machine. A running
	// node then goes on.
	if record, err = claim(ctx, dir, record); err != nil {
		return Cluster{}, err
	}
	if running {
		progress("stopping the node")
		if err = node.Stop(ctx, dir, true); err != nil {
			return Cluster{}, err
		}
	}
	progress("starting the node with its state")
	if record, err = configure(spec, record, machine); err != nil {
		return Cluster{}, err
	}
	return start(ctx, dir, record, machine, progress)
}
