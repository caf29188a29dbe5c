package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/provider/kind"
)

// kindObservation is what the container engine says about a cluster.
type kindObservation struct {
	// exists is false when there is no container of the cluster.
	exists  bool
	running bool
	// lost are the nodes, and the load balancer, that the cluster was made with and
	// no longer has.
	lost []string
	// kubeconfigLost is as in observation.
	kubeconfigLost bool
}

// Diff also asks the engine. So a plain `pulumi up` starts stopped nodes, and makes
// a cluster anew if it is gone.
func (*KindCluster) Diff(
	ctx context.Context, req infer.DiffRequest[KindClusterArgs, KindClusterState],
) (infer.DiffResponse, error) {
	seen, err := observeKind(ctx, req.ID, req.State.spec(req.Inputs), req.Inputs.KubeconfigFile)
	if err != nil {
		return infer.DiffResponse{}, fmt.Errorf("looking at the kind cluster %s: %w", req.ID, err)
	}
	switch logger := p.GetLogger(ctx); {
	case !seen.exists:
		logger.Warningf("kind cluster %s is gone; a new one takes its place", req.ID)
	case len(seen.lost) > 0:
		logger.Warningf("kind cluster %s has lost the nodes %s, and kind cannot add any; a new cluster takes its place",
			req.ID, strings.Join(seen.lost, ", "))
	case !seen.running:
		logger.Warningf("nodes of kind cluster %s do not run; an update starts them", req.ID)
	}
	return diffKind(req.State, req.Inputs, seen)
}

func observeKind(ctx context.Context, name string, made kind.Spec, kubeconfigFile *string) (kindObservation, error) {
	client, err := kind.NewClient(ctx, name, kindStatus(ctx))
	if err != nil {
		return kindObservation{}, err
	}
	found, err := client.Inspect(ctx, name)
	if errors.Is(err, kind.ErrNotFound) {
		return kindObservation{}, nil
	}
	if err != nil {
		return kindObservation{}, err
	}
	lost, err := made.Missing(found)
	if err != nil {
		return kindObservation{}, err
	}
	return kindObservation{
		exists: true, running: found.Running(), lost: lost, kubeconfigLost: kubeconfigLost(kubeconfigFile, found.Kubeconfig),
	}, nil
}

// diffKind compares what is with what is asked for. Inputs that describe the
// same nodes in other words change nothing.
func diffKind(state KindClusterState, args KindClusterArgs, seen kindObservation) (infer.DiffResponse, error) {
	changes := map[string]p.PropertyDiff{}
	replaceIf := func(changed bool, name string) {
		if changed {
			changes[name] = p.PropertyDiff{Kind: p.UpdateReplace, InputDiff: true}
		}
	}
	image := args.nodeImage(state.NodeImage)
	if args.KubernetesVersion != nil && state.KubernetesVersion != "" {
		is, wanted := strings.TrimPrefix(state.KubernetesVersion, "v"), strings.TrimPrefix(*args.KubernetesVersion, "v")
		replaceIf(is != wanted, "kubernetesVersion")
	} else {
		replaceIf(image != "" && !kind.SameImage(image, state.NodeImage), "nodeImage")
	}
	same, err := sameNodes(state.spec(args), args.spec(image))
	if err != nil {
		return infer.DiffResponse{}, err
	}
	if !same {
		replaceIf(args.Name != state.Name, "name")
		replaceIf(!equal(args.ControlPlanes, state.ControlPlanes), "controlPlanes")
		replaceIf(!equal(args.Workers, state.Workers), "workers")
		replaceIf(!reflect.DeepEqual(args.Nodes, state.Nodes), "nodes")
		replaceIf(!maps.Equal(args.FeatureGates, state.FeatureGates), "featureGates")
		replaceIf(!equal(args.RawConfig, state.RawConfig), "rawConfig")
	}
	if !equal(args.KubeconfigFile, state.KubeconfigFile) || seen.kubeconfigLost {
		changes["kubeconfigFile"] = p.PropertyDiff{Kind: p.Update, InputDiff: true}
	}
	switch {
	case !seen.exists || len(seen.lost) > 0:
		changes["nodeNames"] = p.PropertyDiff{Kind: p.UpdateReplace}
	case !seen.running:
		changes["running"] = p.PropertyDiff{Kind: p.Update}
	}
	return infer.DiffResponse{
		HasChanges:   len(changes) > 0,
		DetailedDiff: changes,
		// A new cluster of the same name can't be made beside the old one.
		DeleteBeforeReplace: true,
	}, nil
}

func sameNodes(a, b kind.Spec) (bool, error) {
	digestA, errA := a.Digest()
	digestB, errB := b.Digest()
	return digestA == digestB, errors.Join(errA, errB)
}

// spec is what the nodes were made from, with the image that the inputs ask for
// now. It is made from the old inputs. The output nodeNames would not do: after a
// refresh it lacks lost nodes.
func (s KindClusterState) spec(args KindClusterArgs) kind.Spec {
	return KindClusterArgs{
		Name: s.Name, ControlPlanes: s.ControlPlanes, Workers: s.Workers, Nodes: s.Nodes,
		FeatureGates: s.FeatureGates, RawConfig: s.RawConfig,
	}.spec(args.nodeImage(s.NodeImage))
}
