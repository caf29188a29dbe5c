package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// KindCluster is the resource gopherlocks:index:KindCluster.
type KindCluster struct{}

var (
	_ infer.CustomResource[KindClusterArgs, KindClusterState]       = (*KindCluster)(nil)
	_ infer.CustomCheck[KindClusterArgs]                            = (*KindCluster)(nil)
	_ infer.CustomDiff[KindClusterArgs, KindClusterState]           = (*KindCluster)(nil)
	_ infer.CustomRead[KindClusterArgs, KindClusterState]           = (*KindCluster)(nil)
	_ infer.CustomUpdate[KindClusterArgs, KindClusterState]         = (*KindCluster)(nil)
	_ infer.CustomDelete[KindClusterState]                          = (*KindCluster)(nil)
	_ infer.ExplicitDependencies[KindClusterArgs, KindClusterState] = (*KindCluster)(nil)
)

// Annotate documents the resource.
func (c *KindCluster) Annotate(a infer.Annotator) {
	a.SetToken(module, "KindCluster")
	a.Describe(&c, "A Kubernetes cluster whose nodes are containers, made by kind (https://kind.sigs.k8s.io) on the Docker, "+
		"nerdctl, Finch or Podman of this machine: the first of these that works, or what `KIND_EXPERIMENTAL_PROVIDER` names. The programs kind and kubectl are not needed, and the "+
		"user's own kubeconfig is left alone. Nodes cannot be changed: a change of what they are made from replaces the cluster. "+
		"An interrupted creation is begun anew, and an update starts stopped nodes. To import a cluster, whoever made it, "+
		"give its name as the ID.")
}

// Check validates the inputs before anything is made.
func (*KindCluster) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[KindClusterArgs], error) {
	args, failures, err := infer.DefaultCheck[KindClusterArgs](ctx, req.NewInputs)
	response := infer.CheckResponse[KindClusterArgs]{Inputs: args, Failures: failures}
	if err != nil || len(failures) > 0 {
		return response, err
	}
	for _, value := range req.NewInputs.All {
		if value.HasComputed() {
			// Checked again when all is known.
			return response, nil
		}
	}
	if property, err := args.validate(); err != nil {
		response.Failures = append(response.Failures, p.CheckFailure{Property: property, Reason: err.Error()})
	}
	return response, nil
}

// validate names the property that is wrong, if it is one.
func (args KindClusterArgs) validate() (property string, err error) {
	if args.NodeImage != nil && args.KubernetesVersion != nil {
		return "kubernetesVersion", errors.New("give either nodeImage, which has its version, or kubernetesVersion")
	}
	if args.KubernetesVersion != nil {
		if _, err := kind.ImageOfVersion(*args.KubernetesVersion); err != nil {
			return "kubernetesVersion", err
		}
	}
	counted := args.ControlPlanes != nil || args.Workers != nil
	if len(args.Nodes) > 0 && counted {
		return "nodes", errors.New("give either the list nodes, or controlPlanes and workers")
	}
	if args.RawConfig != nil && (len(args.Nodes) > 0 || counted) {
		return "rawConfig", errors.New("rawConfig has its own list of nodes: leave nodes, controlPlanes and workers out")
	}
	if n := args.ControlPlanes; n != nil && *n < 1 {
		return "controlPlanes", fmt.Errorf("%d is below the minimum of 1", *n)
	}
	if n := args.Workers; n != nil && *n < 0 {
		return "workers", fmt.Errorf("%d is below the minimum of 0", *n)
	}
	if args.WaitSeconds < 0 {
		return "waitSeconds", fmt.Errorf("%d is below the minimum of 0", args.WaitSeconds)
	}
	return "", args.spec(args.nodeImage("")).Validate()
}

// spec returns what the inputs ask for. An image that is not empty overrides all
// others.
func (args KindClusterArgs) spec(image string) kind.Spec {
	spec := kind.Spec{
		Name:         args.Name,
		NodeImage:    image,
		FeatureGates: args.FeatureGates,
		Wait:         time.Duration(args.WaitSeconds) * time.Second,
	}
	if args.RawConfig != nil {
		spec.RawConfig = *args.RawConfig
	}
	if args.KubeconfigFile != nil {
		spec.KubeconfigFile = *args.KubeconfigFile
	}
	for _, node := range args.Nodes {
		spec.Nodes = append(spec.Nodes, node.spec())
	}
	if args.ControlPlanes != nil || args.Workers != nil {
		for range valueOr(args.ControlPlanes, 1) {
			spec.Nodes = append(spec.Nodes, kind.Node{Role: kind.ControlPlane})
		}
		for range valueOr(args.Workers, 0) {
			spec.Nodes = append(spec.Nodes, kind.Node{Role: kind.Worker})
		}
	}
	return spec
}

// nodeImage is the image that the inputs ask for, or "" to leave the images of a
// rawConfig as they are. used is the image of existing nodes, if any: without an
// input they keep it.
func (args KindClusterArgs) nodeImage(used string) string {
	switch {
	case args.NodeImage != nil:
		return *args.NodeImage
	case args.KubernetesVersion != nil:
		// Check has found it to be valid.
		image, _ := kind.ImageOfVersion(*args.KubernetesVersion)
		return image
	case args.RawConfig != nil:
		return ""
	case used != "":
		return used
	case os.Getenv(stackcluster.NodeImageVariable) != "":
		return os.Getenv(stackcluster.NodeImageVariable)
	default:
		return kind.DefaultNodeImage
	}
}

func valueOr[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

// Create makes the cluster.
func (*KindCluster) Create(
	ctx context.Context, req infer.CreateRequest[KindClusterArgs],
) (infer.CreateResponse[KindClusterState], error) {
	var response infer.CreateResponse[KindClusterState]
	spec := req.Inputs.spec(req.Inputs.nodeImage(""))
	if req.DryRun {
		response.Output = previewKind(req.Inputs, spec)
		return response, nil
	}
	client, err := kind.NewClient(ctx, spec.Name, kindStatus(ctx))
	if err != nil {
		return response, err
	}
	made, err := client.Create(ctx, spec)
	if err != nil {
		return response, fmt.Errorf("creating the kind cluster %s: %w", spec.Name, err)
	}
	return infer.CreateResponse[KindClusterState]{ID: spec.Name, Output: kindState(req.Inputs, KindClusterState{}, made)}, nil
}

// Update starts what does not run, and keeps the copy of the kubeconfig where
// it is wanted.
func (*KindCluster) Update(
	ctx context.Context, req infer.UpdateRequest[KindClusterArgs, KindClusterState],
) (infer.UpdateResponse[KindClusterState], error) {
	var response infer.UpdateResponse[KindClusterState]
	if req.DryRun {
		response.Output = copyInputs(req.Inputs, req.State)
		response.Output.Running = true
		return response, nil
	}
	spec := req.Inputs.spec(req.Inputs.nodeImage(req.State.NodeImage))
	client, err := kind.NewClient(ctx, spec.Name, kindStatus(ctx))
	if err != nil {
		return response, err
	}
	made, err := client.Update(ctx, spec)
	if err != nil {
		return response, fmt.Errorf("updating the kind cluster %s: %w", spec.Name, err)
	}
	response.Output = kindState(req.Inputs, req.State, made)
	return response, nil
}

// Read reports whether the cluster is there and runs.
func (*KindCluster) Read(
	ctx context.Context, req infer.ReadRequest[KindClusterArgs, KindClusterState],
) (infer.ReadResponse[KindClusterArgs, KindClusterState], error) {
	var response infer.ReadResponse[KindClusterArgs, KindClusterState]
	client, err := kind.NewClient(ctx, req.ID, kindStatus(ctx))
	if err != nil {
		return response, err
	}
	found, err := client.Inspect(ctx, req.ID)
	if errors.Is(err, kind.ErrNotFound) {
		// An empty ID says that the resource is gone.
		return response, nil
	}
	if err != nil {
		return response, fmt.Errorf("reading the kind cluster %s: %w", req.ID, err)
	}
	response.ID, response.Inputs = req.ID, req.Inputs
	if response.Inputs.Name == "" {
		// An import has an ID only.
		response.Inputs = importKind(found)
	}
	response.State = kindState(response.Inputs, req.State, found)
	return response, nil
}

// Delete removes the cluster.
func (*KindCluster) Delete(ctx context.Context, req infer.DeleteRequest[KindClusterState]) (infer.DeleteResponse, error) {
	client, err := kind.NewClient(ctx, req.ID, kindStatus(ctx))
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	if err := client.Delete(ctx, req.ID); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("deleting the kind cluster %s: %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}

// kindStatus shows progress in the resource's line of pulumi's display.
func kindStatus(ctx context.Context) kind.Progress {
	logger := p.GetLogger(ctx)
	return func(message string) { logger.InfoStatus(message) }
}

// importKind are the inputs as far as a cluster shows them: how many nodes it has
// of each role. Labels, taints, mounts and ports are not among them.
func importKind(found kind.Cluster) KindClusterArgs {
	args := KindClusterArgs{Name: found.Name, WaitSeconds: defaultWaitSeconds}
	controlPlanes, workers := 0, 0
	for _, node := range found.Nodes() {
		if node.Role == kind.ControlPlane {
			controlPlanes++
		} else {
			workers++
		}
		args.NodeImage = &node.Image
	}
	args.ControlPlanes, args.Workers = &controlPlanes, &workers
	return args
}

// copyInputs returns the state with the inputs that are outputs as they are.
func copyInputs(args KindClusterArgs, state KindClusterState) KindClusterState {
	state.Name, state.ControlPlanes, state.Workers, state.Nodes = args.Name, args.ControlPlanes, args.Workers, args.Nodes
	state.FeatureGates, state.RawConfig = args.FeatureGates, args.RawConfig
	state.WaitSeconds, state.KubeconfigFile = args.WaitSeconds, args.KubeconfigFile
	return state
}

// previewKind has what a preview knows of a cluster that does not exist yet.
func previewKind(args KindClusterArgs, spec kind.Spec) KindClusterState {
	state := copyInputs(args, KindClusterState{NodeImage: spec.NodeImage, Running: true})
	if args.Name != "" {
		state.Context = kind.ContextOf(args.Name)
	}
	if names, err := spec.NodeNames(); err == nil {
		state.NodeNames = names
	}
	return state
}

// kindState is the state of the cluster as found. What only a running control plane
// tells is taken from before.
func kindState(args KindClusterArgs, before KindClusterState, found kind.Cluster) KindClusterState {
	state := copyInputs(args, before)
	state.Context, state.Running, state.NodeNames = found.Context, found.Running(), found.NodeNames()
	if nodes := found.Nodes(); len(nodes) > 0 {
		state.NodeImage = nodes[0].Image
	}
	if found.Kubeconfig != nil {
		state.Kubeconfig, state.Endpoint = string(found.Kubeconfig), found.Endpoint
	}
	if found.KubernetesVersion != "" {
		state.KubernetesVersion = found.KubernetesVersion
	}
	return state
}
