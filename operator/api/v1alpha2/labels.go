package v1alpha2

const (
	// LabelMiniCluster is on every object that the operator makes, with the
	// MiniCluster's name as its value. The operator watches only what bears it.
	LabelMiniCluster = "flux-framework.org/minicluster"
	// LabelRole says what a pod of a MiniCluster is for. status.selector needs it
	// to pick ranks only.
	LabelRole = "flux-framework.org/role"
	// RoleRank is the role of the pods that are ranks.
	RoleRank = "rank"

	// AnnotationTemplateHash, on a Job, is the hash of all that its pod template
	// was made from.
	AnnotationTemplateHash = "flux-framework.org/template-hash"

	// LabelManagedBy and ManagedBy are the recommended label of Kubernetes.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "gopherlocks-operator"
)
