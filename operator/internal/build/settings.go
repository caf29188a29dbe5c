package build

// Settings are the operator's, not the MiniCluster's.
type Settings struct {
	// AgentImage is the image whose entrypoint is the agent. It must run as
	// another user than root.
	AgentImage string
	// AgentPullSecret is the name of the Secret, in each MiniCluster's namespace, by
	// which the agent's image is pulled; empty for none.
	AgentPullSecret string
	// OperatorNamespace is where the operator's own pod is, the only one that the
	// ranks' agent port is open to.
	OperatorNamespace string
	// Features are what the cluster's version of Kubernetes has.
	Features Features
}

// Features are fields of a Job that some of the supported versions of Kubernetes
// lack. Their API servers refuse to apply what they do not know.
type Features struct {
	SuccessPolicy bool
}

// FeaturesOf returns what Kubernetes major.minor has without being asked for: the
// versions are those in which the feature gate is on by default. A feature whose
// gate is off is in the schema one version earlier, but the API server drops the
// field.
// Source: pkg/features/kube_features.go of Kubernetes 1.34 (JobSuccessPolicy).
func FeaturesOf(major, minor int) Features {
	since := func(version int) bool { return major > 1 || major == 1 && minor >= version }
	return Features{SuccessPolicy: since(31)}
}
