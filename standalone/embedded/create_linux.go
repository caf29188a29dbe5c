package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/flock"
	"github.com/gopherlocks/gopherlocks/standalone/internal/hostsettings"
	"github.com/gopherlocks/gopherlocks/standalone/internal/network"
	"github.com/gopherlocks/gopherlocks/standalone/internal/node"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/internal/pki"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

// cleanupTimeout bounds the cleanup after a failure, which also runs when the
// context of the operation has ended.
const cleanupTimeout = time.Minute

// RunNode must be the first call of main, and of TestMain, of a program that
// uses this package: it does not return when the program was started as the
// supervisor of a node.
func RunNode() {
	dir, ok := node.IsCommand(os.Args)
	if !ok {
		return
	}
	if err := node.Run(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func create(ctx context.Context, spec Spec, progress Progress) (Cluster, error) {
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
	switch {
	case err == nil && record.Phase == state.PhaseReady:
		progress("adopting the existing cluster " + spec.Name)
		return converge(ctx, spec, record, machine, progress)
	case err == nil || !errors.Is(err, os.ErrNotExist):
		progress("removing what an interrupted creation left behind")
	}
	// This is done even without a record: a lost state folder leaves a running node
	// behind.
	if err = removeAll(ctx, spec.Ref); err != nil {
		return Cluster{}, err
	}
	cluster, err := createNew(ctx, spec, machine, progress)
	if err != nil {
		return Cluster{}, errors.Join(err, abandon(ctx, spec.Ref))
	}
	return cluster, nil
}

func createNew(ctx context.Context, spec Spec, machine machine, progress Progress) (Cluster, error) {
	dir := spec.dir()
	// Other users must not even read names of objects.
	if err := os.MkdirAll(string(dir), 0o700); err != nil {
		return Cluster{}, fmt.Errorf("making the state folder: %w", err)
	}
	record := state.Record{Name: spec.Name, Phase: state.PhaseCreating, Subnet: spec.Subnet}
	record, err := claim(ctx, dir, record)
	if err != nil {
		return Cluster{}, err
	}
	plan, err := network.NewPlan(record.Subnet)
	if err != nil {
		return Cluster{}, err
	}
	if err = pki.Write(dir.PKI(), pki.Plan(spec.Name, plan)); err != nil {
		return Cluster{}, err
	}
	if record, err = configure(spec, record, machine); err != nil {
		return Cluster{}, err
	}
	return start(ctx, dir, record, machine, progress)
}

// claim chooses the cluster's subnet, and records it before another cluster can
// choose the same.
func claim(ctx context.Context, dir state.Dir, record state.Record) (state.Record, error) {
	err := hostsettings.Machine.Claim(ctx, string(dir), func(blocks []netip.Prefix) (netip.Prefix, error) {
		networks, err := network.UsedPrefixes(network.LinkName(string(dir)))
		if err != nil {
			return netip.Prefix{}, err
		}
		// A restart of the machine empties the registry, but its clusters come
		// back.
		others, err := state.List(filepath.Dir(string(dir)))
		if err != nil {
			return netip.Prefix{}, err
		}
		for _, other := range others {
			if other.Name != record.Name {
				blocks = append(blocks, other.Subnet)
			}
		}
		if !record.Subnet.IsValid() {
			// Pods could not reach a name server inside of their own block.
			servers, _ := findNameServers(resolverFiles)
			for _, server := range servers {
				networks = append(networks, netip.MustParsePrefix(server+"/32"))
			}
		}
		if record.Subnet, err = pickSubnet(record, networks, blocks); err != nil {
			return netip.Prefix{}, err
		}
		return record.Subnet, state.Save(dir, record)
	})
	return record, err
}

// pickSubnet returns a subnet that is free among the machine's networks and the
// blocks of other clusters. A cluster that has a subnet keeps it.
func pickSubnet(record state.Record, networks, blocks []netip.Prefix) (netip.Prefix, error) {
	if !record.Subnet.IsValid() {
		return network.ChooseSubnet(record.Name, networks, blocks)
	}
	other, taken := network.FirstConflict(record.Subnet, networks, blocks)
	if !taken {
		return record.Subnet, nil
	}
	remedy := "name another one with the input subnet"
	if record.Phase == state.PhaseReady {
		remedy = "disconnect or remove the other, or remove the cluster: a new one gets a free block"
	}
	return netip.Prefix{}, fmt.Errorf("subnet %s of cluster %s overlaps %s, which an interface, a route or another "+
		"cluster of this machine uses; %s", record.Subnet, record.Name, other, remedy)
}

// configure installs programs and renders configurations for spec, and returns
// the record of what was decided.
func configure(spec Spec, record state.Record, machine machine) (state.Record, error) {
	dir := spec.dir()
	var err error
	if record.Binaries, err = installPrograms(dir, spec.BinDir); err != nil {
		return record, err
	}
	pause, err := buildPause(dir)
	if err != nil {
		return record, err
	}
	record.PauseImage = pause.Reference
	record.MTU = network.DefaultMTU()
	found, _ := findNameServers(resolverFiles)
	record.NameServers = chooseNameServers(record.NameServers, found)
	record.CNIBinDir = machine.cniBinDir
	record.RestrictOOMScoreAdj = machine.restrictOOMScoreAdj
	record.HPASyncPeriod = spec.HPASyncPeriod
	record, err = moveKubeconfigCopy(record, spec.KubeconfigFile)
	if err != nil {
		return record, err
	}
	config, err := nodeconfig.New(dir, record)
	if err != nil {
		return record, err
	}
	return record, errors.Join(config.Write(machine.config), state.Save(dir, record))
}

// lockCluster keeps other processes from changing the cluster until unlock.
func lockCluster(ctx context.Context, ref Ref) (unlock func(), err error) {
	if err = os.MkdirAll(ref.root(), 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of clusters: %w", err)
	}
	lock, err := flock.Acquire(ctx, ref.dir().OperationLock())
	if err != nil {
		return nil, err
	}
	return func() {
		// If it cannot be removed, an empty file stays, and is used again next
		// time.
		_ = lock.Release()
		// This fails while there is another cluster, as it should.
		_ = os.Remove(ref.root())
	}, nil
}

// abandon undoes a failed creation but keeps its logs.
func abandon(ctx context.Context, ref Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	dir := ref.dir()
	keep := dir.FailedLogs()
	var errs []error
	if _, err := os.Stat(dir.Logs()); err == nil {
		errs = append(errs, os.RemoveAll(keep))
		// They are moved before the removal, which would delete them. Programs that
		// still run go on writing to the moved files.
		errs = append(errs, os.Rename(dir.Logs(), keep))
	}
	errs = append(errs, removeExceptLogs(ctx, ref))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("undoing the failed creation: %w", err)
	}
	return nil
}

// inspect reads the cluster's record and asks whether its node lives.
func inspect(ref Ref) (Cluster, error) {
	record, err := state.Load(ref.dir())
	if errors.Is(err, os.ErrNotExist) || err == nil && record.Phase != state.PhaseReady {
		return Cluster{}, fmt.Errorf("%w: %s", ErrNotFound, ref.Name)
	}
	if err != nil {
		return Cluster{}, err
	}
	return describe(ref, record)
}

func describe(ref Ref, record state.Record) (Cluster, error) {
	dir := ref.dir()
	running, err := flock.IsHeld(dir.NodeLock())
	if err != nil {
		return Cluster{}, err
	}
	config, err := nodeconfig.New(dir, record)
	if err != nil {
		return Cluster{}, err
	}
	kubeconfig, err := os.ReadFile(dir.AdminKubeconfig())
	if err != nil {
		return Cluster{}, fmt.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	_, unusable := findNameServers(resolverFiles)
	return Cluster{
		Ref:               ref,
		Running:           running,
		Kubeconfig:        kubeconfig,
		Context:           config.ContextName(),
		Endpoint:          config.Endpoint(),
		KubernetesVersion: record.KubernetesVersion,
		NodeName:          config.NodeName(),
		StateDir:          string(dir),
		ContainerdAddress: dir.ContainerdSocket(),
		Subnet:            record.Subnet,
		KubeconfigFile:    record.KubeconfigFile,
		HPASyncPeriod:     record.HPASyncPeriod,
		NameServers:       record.NameServers,
		NameServerWarning: warnOfNameServers(record.Name, record.NameServers, unusable),
	}, nil
}
