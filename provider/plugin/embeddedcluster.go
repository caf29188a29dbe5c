package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"github.com/gopherlocks/gopherlocks/stackcluster"
	"github.com/gopherlocks/gopherlocks/standalone/embedded"
)

// EmbeddedCluster is the resource gopherlocks:index:EmbeddedCluster.
type EmbeddedCluster struct{}

var (
	_ infer.CustomResource[EmbeddedClusterArgs, EmbeddedClusterState]       = (*EmbeddedCluster)(nil)
	_ infer.CustomCheck[EmbeddedClusterArgs]                                = (*EmbeddedCluster)(nil)
	_ infer.CustomDiff[EmbeddedClusterArgs, EmbeddedClusterState]           = (*EmbeddedCluster)(nil)
	_ infer.CustomRead[EmbeddedClusterArgs, EmbeddedClusterState]           = (*EmbeddedCluster)(nil)
	_ infer.CustomUpdate[EmbeddedClusterArgs, EmbeddedClusterState]         = (*EmbeddedCluster)(nil)
	_ infer.CustomDelete[EmbeddedClusterState]                              = (*EmbeddedCluster)(nil)
	_ infer.ExplicitDependencies[EmbeddedClusterArgs, EmbeddedClusterState] = (*EmbeddedCluster)(nil)
)

// EmbeddedClusterArgs are the inputs of an EmbeddedCluster.
type EmbeddedClusterArgs struct {
	Name                 string  `pulumi:"name"`
	StateRoot            string  `pulumi:"stateRoot,optional"`
	BinDir               *string `pulumi:"binDir,optional"`
	Subnet               *string `pulumi:"subnet,optional"`
	KubeconfigFile       *string `pulumi:"kubeconfigFile,optional"`
	HPASyncPeriodSeconds *int    `pulumi:"hpaSyncPeriodSeconds,optional"`
}

// EmbeddedClusterState are the outputs of an EmbeddedCluster.
type EmbeddedClusterState struct {
	Name                 string  `pulumi:"name"`
	StateRoot            string  `pulumi:"stateRoot"`
	BinDir               *string `pulumi:"binDir,optional"`
	Subnet               string  `pulumi:"subnet"`
	KubeconfigFile       *string `pulumi:"kubeconfigFile,optional"`
	HPASyncPeriodSeconds *int    `pulumi:"hpaSyncPeriodSeconds,optional"`

	Kubeconfig        string `pulumi:"kubeconfig" provider:"secret"`
	Context           string `pulumi:"context"`
	Endpoint          string `pulumi:"endpoint"`
	KubernetesVersion string `pulumi:"kubernetesVersion"`
	NodeName          string `pulumi:"nodeName"`
	StateDir          string `pulumi:"stateDir"`
	ContainerdAddress string `pulumi:"containerdAddress"`
	Running           bool   `pulumi:"running"`

	NameServers []string `pulumi:"nameServers,optional"`
	NetworkOpen *bool    `pulumi:"networkOpen,optional"`
}

// Annotate documents the resource.
func (c *EmbeddedCluster) Annotate(a infer.Annotator) {
	a.SetToken(module, "EmbeddedCluster")
	a.Describe(&c, "A real Kubernetes cluster with one node on this machine, made of upstream's programs and the "+
		"distribution's containerd, runc and CNI plugins, without Docker. It runs in Linux namespaces of its own, outlives "+
		"the `pulumi` process and is removed without a trace. It needs Linux and root. To import one that exists, give its "+
		"name, or the path of its state folder, as the ID.")
}

// Descriptions of the inputs, which are outputs too.
var (
	describeName = fmt.Sprintf("Name of the cluster, unique on this machine: 1 to %d lower-case letters, digits and hyphens.", stackcluster.MaxNameLength)
	describeRoot = "Absolute path of the folder that has a folder for each cluster."
	describeBin  = "Folder with the cluster's programs: " + strings.Join(embedded.Programs, ", ") + ". They are linked or " +
		"copied into the cluster's state; only a change of their content restarts the cluster. Default: the environment " +
		"variable " + stackcluster.BinVariable + ", else the folder of this plugin."
	describeKubeconfigFile = "Absolute path where a copy of the administrator's kubeconfig is kept, readable by root " +
		"alone. Default: none."
	describeHPASyncPeriod = "Seconds between two looks at each HorizontalPodAutoscaler, at least 1. Default: " +
		"Kubernetes' own, 15."
)

// Annotate documents the inputs.
func (args *EmbeddedClusterArgs) Annotate(a infer.Annotator) {
	a.Describe(&args.Name, describeName)
	a.Describe(&args.StateRoot, describeRoot)
	a.SetDefault(&args.StateRoot, embedded.DefaultStateRoot)
	a.Describe(&args.BinDir, describeBin)
	a.Describe(&args.Subnet, "IPv4 block from /8 to /22 for the addresses of the node, pods and services. Default: a free /16 "+
		"out of 10.200.0.0 to 10.254.0.0.")
	a.Describe(&args.KubeconfigFile, describeKubeconfigFile)
	a.Describe(&args.HPASyncPeriodSeconds, describeHPASyncPeriod)
}

// Annotate documents the outputs.
func (s *EmbeddedClusterState) Annotate(a infer.Annotator) {
	a.Describe(&s.Name, describeName)
	a.Describe(&s.StateRoot, describeRoot)
	a.Describe(&s.BinDir, describeBin)
	a.Describe(&s.KubeconfigFile, describeKubeconfigFile)
	a.Describe(&s.HPASyncPeriodSeconds, describeHPASyncPeriod)
	a.Describe(&s.Subnet, "IPv4 block of the addresses of the node, pods and services.")
	a.Describe(&s.Kubeconfig, "The administrator's kubeconfig, with credentials inside.")
	a.Describe(&s.Context, "Name of the only context in the kubeconfig.")
	a.Describe(&s.Endpoint, "URL of the API server, reachable from this machine.")
	a.Describe(&s.KubernetesVersion, "Version of the API server, such as v1.37.2.")
	a.Describe(&s.NodeName, "Name of the node.")
	a.Describe(&s.StateDir, "Folder of the cluster's state, with its logs in `logs`.")
	a.Describe(&s.ContainerdAddress, "Path of the socket of the node's containerd.")
	a.Describe(&s.Running, "Whether the node runs. An update starts a node that does not, with its state.")
	a.Describe(&s.NameServers, "The machine's name servers, which the cluster's DNS asks about all other names. An update follows the "+
		"machine to another network while the node runs on.")
	a.Describe(&s.NetworkOpen, "Whether the machine lets the packets of a running cluster through. An update adds firewall rules "+
		"that are lost, and turns forwarding on again.")
}

// WireDependencies says which outputs a preview knows.
func (*EmbeddedCluster) WireDependencies(f infer.FieldSelector, args *EmbeddedClusterArgs, state *EmbeddedClusterState) {
	f.OutputField(&state.Kubeconfig).AlwaysSecret()
	// Only inputs that replace the cluster change its identity.
	identity := []infer.InputField{f.InputField(&args.Name), f.InputField(&args.StateRoot)}
	if args.Subnet != nil {
		// Without the input, the chosen subnet would count as a change and make the
		// kubeconfig unknown. The preview of any update would then replace all that
		// is in the cluster.
		identity = append(identity, f.InputField(&args.Subnet))
	}
	for _, output := range []any{
		&state.Kubeconfig, &state.Context, &state.Endpoint, &state.NodeName, &state.StateDir,
		&state.ContainerdAddress, &state.Subnet,
	} {
		f.OutputField(output).DependsOn(identity...)
	}
	if state.StateDir != "" {
		// These follow from the name, so that a first preview can use them.
		for _, output := range []any{&state.StateDir, &state.ContainerdAddress, &state.NodeName, &state.Running} {
			f.OutputField(output).AlwaysKnown()
		}
	}
}

// Check validates the inputs before anything is made.
func (*EmbeddedCluster) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[EmbeddedClusterArgs], error) {
	args, failures, err := infer.DefaultCheck[EmbeddedClusterArgs](ctx, req.NewInputs)
	response := infer.CheckResponse[EmbeddedClusterArgs]{Inputs: args, Failures: failures}
	if err != nil || len(failures) > 0 {
		return response, err
	}
	for _, value := range req.NewInputs.All {
		if value.HasComputed() {
			// Checked again when all is known.
			return response, nil
		}
	}
	fail := func(property, reason string) {
		response.Failures = append(response.Failures, p.CheckFailure{Property: property, Reason: reason})
	}
	if seconds := args.HPASyncPeriodSeconds; seconds != nil && *seconds < 1 {
		fail("hpaSyncPeriodSeconds", fmt.Sprintf("%d is below the minimum of 1", *seconds))
	}
	if spec, err := args.spec(); err != nil {
		fail("subnet", err.Error())
	} else if err := spec.Validate(); err != nil {
		fail("", err.Error())
	}
	return response, nil
}

// spec returns what the inputs ask for.
func (args EmbeddedClusterArgs) spec() (embedded.Spec, error) {
	spec := embedded.Spec{Ref: embedded.Ref{Name: args.Name, StateRoot: args.StateRoot}, BinDir: args.binDir()}
	if args.Subnet != nil {
		subnet, err := netip.ParsePrefix(*args.Subnet)
		if err != nil {
			return spec, fmt.Errorf("%q is not an IPv4 block such as 10.200.0.0/16: %w", *args.Subnet, err)
		}
		spec.Subnet = subnet
	}
	if args.KubeconfigFile != nil {
		spec.KubeconfigFile = *args.KubeconfigFile
	}
	if args.HPASyncPeriodSeconds != nil {
		spec.HPASyncPeriod = time.Duration(*args.HPASyncPeriodSeconds) * time.Second
	}
	return spec, nil
}

// binDir is resolved when it is used, not kept with the inputs: another clone of
// the project has the same programs in another folder.
func (args EmbeddedClusterArgs) binDir() string {
	if args.BinDir != nil {
		return *args.BinDir
	}
	if dir := os.Getenv(stackcluster.BinVariable); dir != "" {
		return dir
	}
	executable, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(executable)
}

// Create makes the cluster.
func (*EmbeddedCluster) Create(
	ctx context.Context, req infer.CreateRequest[EmbeddedClusterArgs],
) (infer.CreateResponse[EmbeddedClusterState], error) {
	var response infer.CreateResponse[EmbeddedClusterState]
	if req.DryRun {
		response.Output = previewState(req.Inputs)
		return response, nil
	}
	spec, err := req.Inputs.spec()
	if err != nil {
		return response, err
	}
	cluster, err := embedded.Create(ctx, spec, status(ctx))
	if err != nil {
		return response, fmt.Errorf("creating the embedded cluster %s: %w", spec.Name, err)
	}
	warnOfNameServers(ctx, cluster)
	return infer.CreateResponse[EmbeddedClusterState]{ID: buildID(spec.Ref), Output: buildState(req.Inputs, cluster)}, nil
}

// Update brings the cluster to its inputs, and back to life.
func (*EmbeddedCluster) Update(
	ctx context.Context, req infer.UpdateRequest[EmbeddedClusterArgs, EmbeddedClusterState],
) (infer.UpdateResponse[EmbeddedClusterState], error) {
	if req.DryRun {
		state := req.State
		state.BinDir, state.KubeconfigFile = req.Inputs.BinDir, req.Inputs.KubeconfigFile
		state.HPASyncPeriodSeconds, state.Running = req.Inputs.HPASyncPeriodSeconds, true
		state.clearDrift(findDrift(ctx, parseID(req.ID)))
		return infer.UpdateResponse[EmbeddedClusterState]{Output: state}, nil
	}
	spec, err := req.Inputs.spec()
	if err != nil {
		return infer.UpdateResponse[EmbeddedClusterState]{}, err
	}
	cluster, err := embedded.Update(ctx, spec, status(ctx))
	if err != nil {
		return infer.UpdateResponse[EmbeddedClusterState]{}, fmt.Errorf("updating the embedded cluster %s: %w", spec.Name, err)
	}
	return infer.UpdateResponse[EmbeddedClusterState]{Output: buildState(req.Inputs, cluster)}, nil
}

// Read reports whether the cluster is there and runs.
func (*EmbeddedCluster) Read(
	ctx context.Context, req infer.ReadRequest[EmbeddedClusterArgs, EmbeddedClusterState],
) (infer.ReadResponse[EmbeddedClusterArgs, EmbeddedClusterState], error) {
	var response infer.ReadResponse[EmbeddedClusterArgs, EmbeddedClusterState]
	ref := parseID(req.ID)
	cluster, err := embedded.Inspect(ref)
	if errors.Is(err, embedded.ErrNotFound) {
		// An empty ID says that the resource is gone.
		return response, nil
	}
	if err != nil {
		return response, fmt.Errorf("reading the embedded cluster %s: %w", ref.Name, err)
	}
	response.ID, response.Inputs = req.ID, req.Inputs
	if response.Inputs.Name == "" {
		// An import has an ID only.
		response.Inputs = importArgs(cluster)
	}
	response.State = buildState(response.Inputs, cluster)
	open := !findDrift(ctx, ref).NetworkClosed
	response.State.NetworkOpen = &open
	return response, nil
}

// Delete removes the cluster.
func (*EmbeddedCluster) Delete(ctx context.Context, req infer.DeleteRequest[EmbeddedClusterState]) (infer.DeleteResponse, error) {
	ref := parseID(req.ID)
	if err := embedded.Delete(ctx, ref, status(ctx)); err != nil {
		return infer.DeleteResponse{}, fmt.Errorf("deleting the embedded cluster %s: %w", ref.Name, err)
	}
	return infer.DeleteResponse{}, nil
}

// status shows progress in the resource's line of pulumi's display.
func status(ctx context.Context) embedded.Progress {
	logger := p.GetLogger(ctx)
	return func(message string) { logger.InfoStatus(message) }
}

func warnOfNameServers(ctx context.Context, cluster embedded.Cluster) {
	if cluster.NameServerWarning != "" {
		p.GetLogger(ctx).Warning(cluster.NameServerWarning)
	}
}

// buildID returns the cluster's name, or the path of its state if that is not in
// the default folder.
func buildID(ref embedded.Ref) string {
	if filepath.Dir(ref.StateDir()) == embedded.DefaultStateRoot {
		return ref.Name
	}
	return ref.StateDir()
}

func parseID(id string) embedded.Ref {
	if filepath.IsAbs(id) {
		return embedded.Ref{Name: filepath.Base(id), StateRoot: filepath.Dir(id)}
	}
	return embedded.Ref{Name: id, StateRoot: embedded.DefaultStateRoot}
}

func importArgs(cluster embedded.Cluster) EmbeddedClusterArgs {
	args := EmbeddedClusterArgs{Name: cluster.Name, StateRoot: filepath.Dir(cluster.StateDir)}
	if cluster.KubeconfigFile != "" {
		args.KubeconfigFile = &cluster.KubeconfigFile
	}
	if cluster.HPASyncPeriod > 0 {
		seconds := int(cluster.HPASyncPeriod / time.Second)
		args.HPASyncPeriodSeconds = &seconds
	}
	return args
}

func copyArgs(args EmbeddedClusterArgs) EmbeddedClusterState {
	return EmbeddedClusterState{
		Name: args.Name, StateRoot: args.StateRoot, BinDir: args.BinDir,
		KubeconfigFile: args.KubeconfigFile, HPASyncPeriodSeconds: args.HPASyncPeriodSeconds,
	}
}

// previewState has what a preview knows of a cluster that does not exist yet.
func previewState(args EmbeddedClusterArgs) EmbeddedClusterState {
	state := copyArgs(args)
	if args.Name != "" && args.StateRoot != "" {
		ref := embedded.Ref{Name: args.Name, StateRoot: args.StateRoot}
		state.StateDir, state.ContainerdAddress = ref.StateDir(), ref.ContainerdAddress()
		state.NodeName, state.Running = args.Name, true
	}
	return state
}

func buildState(args EmbeddedClusterArgs, cluster embedded.Cluster) EmbeddedClusterState {
	state := copyArgs(args)
	state.Subnet = cluster.Subnet.String()
	state.Kubeconfig = string(cluster.Kubeconfig)
	state.Context = cluster.Context
	state.Endpoint = cluster.Endpoint
	state.KubernetesVersion = cluster.KubernetesVersion
	state.NodeName = cluster.NodeName
	state.StateDir = cluster.StateDir
	state.ContainerdAddress = cluster.ContainerdAddress
	state.Running = cluster.Running
	open := true
	state.NameServers, state.NetworkOpen = cluster.NameServers, &open
	return state
}

// clearDrift sets the outputs that an update brings back in line.
func (s *EmbeddedClusterState) clearDrift(drift embedded.Drift) {
	open := true
	s.NetworkOpen = &open
	if len(drift.NameServers) > 0 {
		s.NameServers = drift.NameServers
	}
}
