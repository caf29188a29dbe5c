package plugin

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/provider/kubeconfig"
	"github.com/gopherlocks/gopherlocks/standalone/embedded"
)

// observation is what the machine says about a cluster.
type observation struct {
	// exists is false when the cluster's state is lost.
	exists  bool
	running bool
	// programsChanged says that the programs in binDir have changed since the
	// cluster was made from them.
	programsChanged bool
	// drift is what has changed on the machine around a running cluster.
	drift embedded.Drift
	// kubeconfigLost says that the copy of the kubeconfig is not there, or leads
	// elsewhere.
	kubeconfigLost bool
}

// Diff also looks at the machine. So a plain `pulumi up` restarts a cluster after a
// reboot, and adapts it to another network.
func (*EmbeddedCluster) Diff(
	ctx context.Context, req infer.DiffRequest[EmbeddedClusterArgs, EmbeddedClusterState],
) (infer.DiffResponse, error) {
	seen, err := observe(ctx, parseID(req.ID), req.Inputs)
	if err != nil {
		return infer.DiffResponse{}, fmt.Errorf("looking at the embedded cluster %s: %w", req.ID, err)
	}
	switch logger := p.GetLogger(ctx); {
	case !seen.exists:
		logger.Warningf("the state of cluster %s in %s is lost; a new cluster takes its place", req.State.Name, req.State.StateDir)
	case !seen.running:
		logger.Warningf("the node of cluster %s does not run; an update starts it with its state", req.State.Name)
	case seen.drift.NetworkClosed:
		logger.Warningf("the pods of cluster %s do not reach the world: firewall rules of the cluster are lost, or the machine "+
			"forwards no packets any more; an update corrects that", req.State.Name)
	}
	return diffCluster(req.State, req.Inputs, seen), nil
}

func observe(ctx context.Context, ref embedded.Ref, args EmbeddedClusterArgs) (observation, error) {
	cluster, err := embedded.Inspect(ref)
	if errors.Is(err, embedded.ErrNotFound) {
		return observation{}, nil
	}
	if err != nil {
		return observation{}, err
	}
	warnOfNameServers(ctx, cluster)
	changed, err := embedded.ProgramsChanged(ref, args.binDir())
	if err != nil {
		// A warning is enough: a cluster runs on without the folder that it was
		// made from.
		p.GetLogger(ctx).Warningf("can't tell whether the cluster's programs changed: %v", err)
	}
	return observation{
		exists: true, running: cluster.Running, programsChanged: changed, drift: findDrift(ctx, ref),
		kubeconfigLost: kubeconfigLost(args.KubeconfigFile, cluster.Kubeconfig),
	}, nil
}

func findDrift(ctx context.Context, ref embedded.Ref) embedded.Drift {
	drift, err := embedded.FindDrift(ref)
	if err != nil {
		// A warning is enough: the cluster can be read, changed and removed without
		// this.
		p.GetLogger(ctx).Warningf("can't tell whether the network around cluster %s changed: %v", ref.Name, err)
		return embedded.Drift{}
	}
	return drift
}

// diffCluster compares what is with what is asked for.
func diffCluster(state EmbeddedClusterState, args EmbeddedClusterArgs, seen observation) infer.DiffResponse {
	changes := map[string]p.PropertyDiff{}
	input := func(name string, kind p.DiffKind) { changes[name] = p.PropertyDiff{Kind: kind, InputDiff: true} }
	if args.Name != state.Name {
		input("name", p.UpdateReplace)
	}
	// An import takes the path from the cluster; the program may spell it
	// differently.
	if filepath.Clean(args.StateRoot) != filepath.Clean(state.StateRoot) {
		input("stateRoot", p.UpdateReplace)
	}
	// Without the input, the chosen subnet is right.
	if args.Subnet != nil && *args.Subnet != state.Subnet {
		input("subnet", p.UpdateReplace)
	}
	if !equal(args.KubeconfigFile, state.KubeconfigFile) || seen.kubeconfigLost {
		input("kubeconfigFile", p.Update)
	}
	if !equal(args.HPASyncPeriodSeconds, state.HPASyncPeriodSeconds) {
		input("hpaSyncPeriodSeconds", p.Update)
	}
	switch {
	case !seen.exists:
		changes["stateDir"] = p.PropertyDiff{Kind: p.UpdateReplace}
	case !seen.running:
		changes["running"] = p.PropertyDiff{Kind: p.Update}
	}
	if len(seen.drift.NameServers) > 0 {
		changes["nameServers"] = p.PropertyDiff{Kind: p.Update}
	}
	if seen.drift.NetworkClosed {
		changes["networkOpen"] = p.PropertyDiff{Kind: p.Update}
	}
	if seen.programsChanged {
		input("binDir", p.Update)
	}
	return infer.DiffResponse{
		HasChanges:   len(changes) > 0,
		DetailedDiff: changes,
		// A new cluster of the same name can't be made beside the old one.
		DeleteBeforeReplace: true,
	}
}

// kubeconfigLost tells whether the copy of a kubeconfig must be written anew. It
// cannot tell while the cluster does not run.
func kubeconfigLost(file *string, is []byte) bool {
	return file != nil && *file != "" && len(is) > 0 && !kubeconfig.Leads(*file, is)
}

func equal[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
