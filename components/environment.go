package components

import (
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/preflight"
)

// upstreamMetricsServerImage is the release that an existing cluster pulls;
// the embedded cluster builds the same version from source.
const upstreamMetricsServerImage = "registry.k8s.io/metrics-server/metrics-server:v0.9.0"

// serviceAccountCA is where Kubernetes mounts the cluster's CA into a pod.
const serviceAccountCA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"

// Environment is everything that one stack declares. It is no component: its
// parts stand in the stack by themselves.
type Environment struct {
	Cluster *Cluster
	// ClusterProvider is where the cluster comes from.
	ClusterProvider string
	// MiniClusters are in the order of the settings.
	MiniClusters []*MiniCluster
}

// NewEnvironment declares a cluster, metrics-server and the operator in it, and
// the MiniClusters, from settings that config.Load has checked.
func NewEnvironment(ctx *pulumi.Context, s config.Settings) (*Environment, error) {
	s, at, choice, err := settle(ctx, s, os.Getenv)
	if err != nil {
		return nil, err
	}
	// Only now it is known what the settings mean.
	for _, warning := range s.Warnings() {
		if err := ctx.Log.Warn(warning, nil); err != nil {
			return nil, err
		}
	}
	// The choice is forgotten last.
	cluster, err := newClusterFromSettings(ctx, s, at, pulumi.DependsOn([]pulumi.Resource{choice}))
	if err != nil {
		return nil, err
	}
	inCluster := cluster.ResourceOptions()
	if at.metricsServer {
		if err := newMetricsServerFromSettings(ctx, s, at, cluster); err != nil {
			return nil, err
		}
	}
	operatorImage, err := imageOf(ctx, cluster, s.OperatorImage, "operator", "gopherlocks-operator")
	if err != nil {
		return nil, err
	}
	agentImage, err := imageOf(ctx, cluster, s.AgentImage, "agent", "gopherlocks-agent")
	if err != nil {
		return nil, err
	}
	operator, err := NewOperator(ctx, "operator", OperatorArgs{
		Image: operatorImage, AgentImage: agentImage, Pull: pullArgs(s, at),
		Stack: at.stack,
		// With the definition everybody's MiniClusters would go.
		KeepDefinition: s.ClusterProvider == config.ProviderExisting,
		KeepNamespace:  at.keeps(preflight.Namespaces, operatorNamespace),
	}, inCluster...)
	if err != nil {
		return nil, err
	}
	miniClusters, err := newMiniClustersFromSettings(ctx, s, at, cluster, operator)
	if err != nil {
		return nil, err
	}
	return &Environment{Cluster: cluster, ClusterProvider: s.ClusterProvider, MiniClusters: miniClusters}, nil
}

func newClusterFromSettings(ctx *pulumi.Context, s config.Settings, at site, opts ...pulumi.ResourceOption) (*Cluster, error) {
	if s.ClusterProvider == config.ProviderExisting {
		return NewCluster(ctx, "cluster", ClusterArgs{Existing: &ExistingArgs{
			Kubeconfig: pulumi.String(at.kubeconfig), Context: s.Context, ID: at.clusterID, MetricsServedBy: at.metricsServedBy,
		}}, opts...)
	}
	kubeconfig, err := kubeconfigFile(ctx.Stack())
	if err != nil {
		return nil, err
	}
	// By its name, so that a setting that is left behind takes over nothing else.
	takeOver := s.TakeOverCluster == s.ClusterName
	if s.ClusterProvider == config.ProviderKind {
		return NewCluster(ctx, "cluster", ClusterArgs{Kind: &KindArgs{
			Name: s.ClusterName, KubeconfigFile: kubeconfig, TakeOver: takeOver, Workers: s.KindWorkers, NodeImage: s.KindNodeImage,
			Mounts: s.KindMounts,
		}}, opts...)
	}
	return NewCluster(ctx, "cluster", ClusterArgs{Embedded: &EmbeddedArgs{
		Name: s.ClusterName, KubeconfigFile: kubeconfig, TakeOver: takeOver,
	}}, opts...)
}

func newMetricsServerFromSettings(ctx *pulumi.Context, s config.Settings, at site, cluster *Cluster) error {
	args := MetricsServerArgs{Pull: pullArgs(s, at), Stack: at.stack}
	reference := s.MetricsServerImage
	switch s.ClusterProvider {
	case config.ProviderEmbedded:
		// Its kubelet's certificate is signed by the cluster's own CA.
		args.KubeletCertificateAuthority = serviceAccountCA
	case config.ProviderKind:
		// kubeadm's kubelets sign their own.
		args.KubeletInsecureTLS = true
		if _, err := findProgram(metricsServerName); err != nil && reference == "" {
			// Built only where no registry can be reached.
			reference = upstreamMetricsServerImage
		}
	default:
		if reference == "" {
			reference = upstreamMetricsServerImage
		}
	}
	image, err := imageOf(ctx, cluster, reference, metricsServerName, metricsServerName)
	if err != nil {
		return err
	}
	args.Image = image
	_, err = NewMetricsServer(ctx, metricsServerName, args, cluster.ResourceOptions()...)
	return err
}

// imageOf is the configured image, or else one made of a program that `make
// tools` has built.
func imageOf(ctx *pulumi.Context, cluster *Cluster, configured, name, program string) (pulumi.StringInput, error) {
	if configured != "" {
		return pulumi.String(configured), nil
	}
	path, err := findProgram(program)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", name, err)
	}
	return cluster.LoadImage(ctx, name, path)
}
