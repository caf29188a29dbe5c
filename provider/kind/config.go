package kind

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/kind/pkg/cluster/constants"
)

// maxNameLength leaves room for the suffixes of host names, of 64 characters at
// most: clusterNameMax of sigs.k8s.io/kind/pkg/cluster/internal/create.
const maxNameLength = 50

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// configVersion is the version of kind's configuration that RawConfig must have.
const configVersion = "kind.x-k8s.io/v1alpha4"

// controlPlaneTaint is the one that Kubernetes gives control planes. kind removes
// it from a cluster's only node, and fails if it is missing.
var controlPlaneTaint = Taint{Key: "node-role.kubernetes.io/control-plane", Effect: "NoSchedule"}

// Validate checks what can be checked without an engine.
func (s Spec) Validate() error {
	_, err := s.config()
	return err
}

// NodeNames returns the names that the nodes will have, in the order of the
// configuration.
func (s Spec) NodeNames() ([]string, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	return nodeNames(config), nil
}

// Missing returns the names of the containers that this Spec asks for and found
// lacks: nodes, and the load balancer of several control planes.
func (s Spec) Missing(found Cluster) ([]string, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	names, controlPlanes := nodeNames(config), 0
	for _, node := range config.Nodes {
		if node.Role == v1alpha4.ControlPlaneRole {
			controlPlanes++
		}
	}
	if controlPlanes > 1 {
		names = append(names, config.Name+"-"+constants.ExternalLoadBalancerNodeRoleValue)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(found.Containers, func(container NodeStatus) bool { return container.Name == name })
	}), nil
}

// Digest identifies what the nodes are made from. Specs with equal digests make
// equal clusters, even if they are written differently.
func (s Spec) Digest() (string, error) {
	config, err := s.config()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(config)
	if err != nil {
		return "", fmt.Errorf("encoding kind's configuration: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// config returns kind's configuration of the cluster, complete with defaults.
func (s Spec) config() (*v1alpha4.Cluster, error) {
	if !validName.MatchString(s.Name) || len(s.Name) > maxNameLength {
		return nil, fmt.Errorf("name %q: a kind cluster's name is 1 to %d lower-case letters, digits, dots and hyphens, "+
			"and begins and ends with a letter or digit", s.Name, maxNameLength)
	}
	if s.KubeconfigFile != "" && !filepath.IsAbs(s.KubeconfigFile) {
		return nil, fmt.Errorf("kubeconfigFile %q is not an absolute path", s.KubeconfigFile)
	}
	if s.Wait < 0 {
		return nil, fmt.Errorf("wait %s is negative", s.Wait)
	}
	config, err := s.ownConfig()
	if err != nil {
		return nil, err
	}
	config.Name = s.Name
	for i := range config.Nodes {
		node := &config.Nodes[i]
		switch {
		case s.NodeImage != "":
			node.Image = s.NodeImage
		case node.Image == "":
			node.Image = DefaultNodeImage
		}
		if err := checkImage(node.Image); err != nil {
			return nil, fmt.Errorf("node image %s: %w", node.Image, err)
		}
	}
	v1alpha4.SetDefaultsCluster(config)
	return config, checkRoles(config)
}

// ownConfig is the configuration as it was asked for, with at least one node.
func (s Spec) ownConfig() (*v1alpha4.Cluster, error) {
	if s.RawConfig == "" {
		return s.builtConfig()
	}
	if len(s.Nodes) > 0 || len(s.FeatureGates) > 0 {
		return nil, errors.New("rawConfig is a whole configuration: nodes and feature gates belong in it")
	}
	config, err := parseConfig(s.RawConfig)
	if err != nil {
		return nil, err
	}
	if config.Name != "" && config.Name != s.Name {
		return nil, fmt.Errorf("rawConfig has the name %q, and the cluster's is %q: leave it out", config.Name, s.Name)
	}
	if len(config.Nodes) == 0 {
		config.Nodes = []v1alpha4.Node{{}}
	}
	return config, nil
}

// parseConfig reads kind's configuration as strictly as kind does.
func parseConfig(raw string) (*v1alpha4.Cluster, error) {
	config := &v1alpha4.Cluster{}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(raw)))
	decoder.KnownFields(true)
	if err := decoder.Decode(config); err != nil {
		return nil, fmt.Errorf("rawConfig: %w; see https://kind.sigs.k8s.io/docs/user/configuration/", err)
	}
	if config.Kind != "Cluster" || config.APIVersion != configVersion {
		return nil, fmt.Errorf("rawConfig has kind %q and apiVersion %q: they must be Cluster and %s", config.Kind, config.APIVersion, configVersion)
	}
	return config, nil
}

func (s Spec) builtConfig() (*v1alpha4.Cluster, error) {
	config := &v1alpha4.Cluster{
		TypeMeta:     v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: configVersion},
		FeatureGates: s.FeatureGates,
	}
	nodes := s.Nodes
	if len(nodes) == 0 {
		nodes = []Node{{Role: ControlPlane}}
	}
	for i, node := range nodes {
		built, err := node.config()
		if err != nil {
			return nil, fmt.Errorf("nodes[%d]: %w", i, err)
		}
		config.Nodes = append(config.Nodes, built)
	}
	return config, nil
}

func (n Node) config() (v1alpha4.Node, error) {
	node := v1alpha4.Node{Role: v1alpha4.NodeRole(n.Role), Labels: n.Labels}
	for _, mount := range n.ExtraMounts {
		if !filepath.IsAbs(mount.HostPath) || !filepath.IsAbs(mount.ContainerPath) {
			return node, fmt.Errorf("extraMounts: hostPath %q and containerPath %q must be absolute paths", mount.HostPath, mount.ContainerPath)
		}
		node.ExtraMounts = append(node.ExtraMounts, v1alpha4.Mount{
			HostPath: mount.HostPath, ContainerPath: mount.ContainerPath, Readonly: mount.ReadOnly,
		})
	}
	for _, mapping := range n.PortMappings {
		built, err := mapping.config()
		if err != nil {
			return node, fmt.Errorf("extraPortMappings: %w", err)
		}
		node.ExtraPortMappings = append(node.ExtraPortMappings, built)
	}
	patches, err := taintPatches(n)
	node.KubeadmConfigPatches = patches
	return node, err
}

func (m PortMapping) config() (v1alpha4.PortMapping, error) {
	protocol := v1alpha4.PortMappingProtocol(strings.ToUpper(m.Protocol))
	switch protocol {
	case "", v1alpha4.PortMappingProtocolTCP, v1alpha4.PortMappingProtocolUDP, v1alpha4.PortMappingProtocolSCTP:
	default:
		return v1alpha4.PortMapping{}, fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", m.Protocol)
	}
	const maxPort = 65535
	if m.ContainerPort < 1 || m.ContainerPort > maxPort {
		return v1alpha4.PortMapping{}, fmt.Errorf("containerPort %d must be from 1 to %d", m.ContainerPort, maxPort)
	}
	if m.HostPort < 0 || m.HostPort > maxPort {
		return v1alpha4.PortMapping{}, fmt.Errorf("hostPort %d must be from 0, a free one, to %d", m.HostPort, maxPort)
	}
	return v1alpha4.PortMapping{
		ContainerPort: int32(m.ContainerPort), HostPort: int32(m.HostPort), ListenAddress: m.ListenAddress, Protocol: protocol,
	}, nil
}

// taintPatches gives a node its taints through kubeadm. The first control plane
// needs a patch of InitConfiguration, all other nodes one of JoinConfiguration.
func taintPatches(node Node) ([]string, error) {
	if len(node.Taints) == 0 {
		return nil, nil
	}
	taints := slices.Clone(node.Taints)
	if node.Role == ControlPlane {
		// The list replaces kubeadm's own.
		taints = append(taints, controlPlaneTaint)
	}
	var list []map[string]string
	for i, taint := range taints {
		if taint.Key == "" {
			return nil, fmt.Errorf("taints[%d] has no key", i)
		}
		if !slices.Contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, taint.Effect) {
			return nil, fmt.Errorf("taints[%d]: effect %q is none of NoSchedule, PreferNoSchedule and NoExecute", i, taint.Effect)
		}
		list = append(list, map[string]string{"key": taint.Key, "value": taint.Value, "effect": taint.Effect})
	}
	kinds := []string{"JoinConfiguration"}
	if node.Role == ControlPlane {
		kinds = []string{"InitConfiguration", "JoinConfiguration"}
	}
	var patches []string
	for _, kind := range kinds {
		patch, err := yaml.Marshal(map[string]any{"kind": kind, "nodeRegistration": map[string]any{"taints": list}})
		if err != nil {
			return nil, fmt.Errorf("encoding taints: %w", err)
		}
		patches = append(patches, string(patch))
	}
	return patches, nil
}

// takeCgroupV1 lets kubelet run on control groups of version 1. It does not count
// as an input of the cluster: the same cluster on another machine may not need it.
// Patches of rawConfig come later, and win.
func takeCgroupV1(config *v1alpha4.Cluster) {
	patch := "kind: KubeletConfiguration\nfailCgroupV1: false\n"
	config.KubeadmConfigPatches = slices.Insert(config.KubeadmConfigPatches, 0, patch)
}

func checkRoles(config *v1alpha4.Cluster) error {
	controlPlanes := 0
	for i, node := range config.Nodes {
		switch node.Role {
		case v1alpha4.ControlPlaneRole:
			controlPlanes++
		case v1alpha4.WorkerRole:
		default:
			return fmt.Errorf("nodes[%d]: role %q is neither %s nor %s", i, node.Role, ControlPlane, Worker)
		}
	}
	if controlPlanes == 0 {
		return fmt.Errorf("nodes: none of the %d has the role %s, and one at least must", len(config.Nodes), ControlPlane)
	}
	return nil
}

// nodeNames names nodes as kind does: by role, counted from the second on
// (sigs.k8s.io/kind/pkg/cluster/internal/providers/common, MakeNodeNamer).
func nodeNames(config *v1alpha4.Cluster) []string {
	count := map[v1alpha4.NodeRole]int{}
	var names []string
	for _, node := range config.Nodes {
		name := fmt.Sprintf("%s-%s", config.Name, node.Role)
		if count[node.Role]++; count[node.Role] > 1 {
			name += fmt.Sprint(count[node.Role])
		}
		names = append(names, name)
	}
	return names
}

// roleOf returns the role in a container's label, empty for one that is not ours.
func roleOf(label string) Role {
	if label == constants.ControlPlaneNodeRoleValue || label == constants.WorkerNodeRoleValue {
		return Role(label)
	}
	return ""
}
