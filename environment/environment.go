// Package environment declares everything that one stack has, from its configuration:
// a cluster, metrics-server and the operator in it, and the MiniClusters. The parts are
// package components; here they are chosen and wired.
package environment

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// upstreamMetricsServerImage is the release that an existing cluster pulls;
// the embedded cluster builds the same version from source.
const upstreamMetricsServerImage = "registry.k8s.io/metrics-server/metrics-server:v0.9.0"

// metricsServerProgram is what `make tools` calls it.
const metricsServerProgram = "metrics-server"

// serviceAccountCA is where Kubernetes mounts the cluster's CA into a pod.
const serviceAccountCA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

// Environment is everything that one stack declares. It is no component: its
// parts stand in the stack by themselves.
type Environment struct {
	Cluster *components.Cluster
	// ClusterProvider is where the cluster comes from.
	ClusterProvider string
	// MiniClusters are in the order of the settings.
	MiniClusters []*components.MiniCluster
}

// New declares the environment, from settings that config.Load has checked.
func New(ctx *pulumi.Context, s config.Settings) (*Environment, error) {
	s, target, choice, err := chooseTarget(ctx, s, os.Getenv)
	if err != nil {
		return nil, err
	}
	// Only now it is known what the settings mean.
	for _, warning := range s.Warnings() {
		if err = ctx.Log.Warn(warning, nil); err != nil {
			return nil, err
		}
	}
	// The choice is forgotten last.
	cluster, err := newCluster(ctx, s, target, pulumi.DependsOn([]pulumi.Resource{choice}))
	if err != nil {
		return nil, err
	}
	if target.metricsServer {
		if err = newMetricsServer(ctx, s, target, cluster); err != nil {
			return nil, err
		}
	}
	operator, err := newOperator(ctx, s, target, cluster)
	if err != nil {
		return nil, err
	}
	if s.QueueMetrics {
		if err = newQueueMetrics(ctx, s, target, cluster, operator); err != nil {
			return nil, err
		}
	}
	miniClusters, err := newMiniClusters(ctx, s, target, cluster, operator)
	if err != nil {
		return nil, err
	}
	return &Environment{Cluster: cluster, ClusterProvider: s.ClusterProvider, MiniClusters: miniClusters}, nil
}

func newCluster(ctx *pulumi.Context, s config.Settings, t target, opts ...pulumi.ResourceOption) (*components.Cluster, error) {
	var args components.ClusterArgs
	kubeconfig, err := kubeconfigFile(ctx.Stack())
	if err != nil {
		return nil, err
	}
	// By its name, so that a setting that is left behind takes over nothing else.
	takeOver := s.TakeOverCluster == s.ClusterName
	switch s.ClusterProvider {
	case stackcluster.Existing:
		args.Existing = &components.ExistingArgs{
			Kubeconfig: pulumi.String(t.kubeconfig), Context: s.Context, ID: t.clusterID, MetricsServedBy: t.metricsServedBy,
		}
	case stackcluster.Kind:
		args.Kind = &components.KindArgs{
			Name: s.ClusterName, KubeconfigFile: kubeconfig, TakeOver: takeOver, Workers: s.KindWorkers, NodeImage: s.KindNodeImage,
			Mounts: s.KindMounts,
		}
	default:
		args.Embedded = &components.EmbeddedArgs{Name: s.ClusterName, KubeconfigFile: kubeconfig, TakeOver: takeOver}
	}
	return components.NewCluster(ctx, "cluster", args, opts...)
}

func newMetricsServer(ctx *pulumi.Context, s config.Settings, t target, cluster *components.Cluster) error {
	args := metricsServerArgs(s, t.stack)
	reference := s.MetricsServerImage
	switch s.ClusterProvider {
	case stackcluster.Embedded:
		// Its kubelet's certificate is signed by the cluster's own CA.
		args.KubeletCertificateAuthority = serviceAccountCA
	case stackcluster.Kind:
		// kubeadm's kubelets sign their own.
		args.KubeletInsecureTLS = true
		if _, err := findProgram(metricsServerProgram); err != nil && reference == "" {
			// Built only where no registry can be reached.
			reference = upstreamMetricsServerImage
		}
	default:
		if reference == "" {
			reference = upstreamMetricsServerImage
		}
	}
	image, err := imageOf(ctx, cluster, reference, metricsServerProgram, metricsServerProgram)
	if err != nil {
		return err
	}
	args.Image = image
	_, err = components.NewMetricsServer(ctx, "metrics-server", args, cluster.ResourceOptions()...)
	return err
}

func newOperator(ctx *pulumi.Context, s config.Settings, t target, cluster *components.Cluster) (*components.Operator, error) {
	args := operatorArgs(s, t.stack)
	args.KeepNamespace = t.keepsNamespace(components.OperatorNamespace)
	var err error
	if args.Image, err = imageOf(ctx, cluster, s.OperatorImage, "operator", "gopherlocks-operator"); err != nil {
		return nil, err
	}
	if args.AgentImage, err = imageOf(ctx, cluster, s.AgentImage, "agent", "gopherlocks-agent"); err != nil {
		return nil, err
	}
	return components.NewOperator(ctx, "operator", args, cluster.ResourceOptions()...)
}

// newQueueMetrics needs the operator's namespace and key.
func newQueueMetrics(ctx *pulumi.Context, s config.Settings, t target, cluster *components.Cluster, operator *components.Operator) error {
	args := queueMetricsArgs(s, t.stack)
	var err error
	if args.Image, err = imageOf(ctx, cluster, s.QueueMetricsImage, "metrics", "gopherlocks-metrics"); err != nil {
		return err
	}
	_, err = components.NewQueueMetrics(ctx, "queue-metrics", args, append(cluster.ResourceOptions(), pulumi.DependsOn(operator.Parts()))...)
	return err
}

// metricsServerArgs are those that can be known before anything is declared, as those of
// the other components.
func metricsServerArgs(s config.Settings, stack string) components.MetricsServerArgs {
	return components.MetricsServerArgs{Pull: pullArgs(s, stack), Stack: stack}
}

func queueMetricsArgs(s config.Settings, stack string) components.QueueMetricsArgs {
	return components.QueueMetricsArgs{Pull: pullArgs(s, stack), Stack: stack}
}

func operatorArgs(s config.Settings, stack string) components.OperatorArgs {
	return components.OperatorArgs{
		Pull: pullArgs(s, stack), Stack: stack,
		// With the definition everybody's MiniClusters would go.
		KeepDefinition: s.ClusterProvider == stackcluster.Existing,
	}
}

// pullArgs are nil when images are pulled without a Secret.
func pullArgs(s config.Settings, stack string) *components.PullArgs {
	if s.ImagePullSecret == "" {
		return nil
	}
	args := &components.PullArgs{Secret: s.ImagePullSecret, Stack: stack}
	if s.RegistryCredentials != "" {
		args.Credentials = pulumi.ToSecret(pulumi.String(s.RegistryCredentials)).(pulumi.StringOutput)
	}
	return args
}

// imageOf is the configured image, or else one made of a program that `make
// tools` has built.
func imageOf(ctx *pulumi.Context, cluster *components.Cluster, configured, name, program string) (pulumi.StringInput, error) {
	if configured != "" {
		return pulumi.String(configured), nil
	}
	path, err := findProgram(program)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", name, err)
	}
	return cluster.LoadImage(ctx, name, path)
}
