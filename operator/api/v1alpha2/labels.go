package v1alpha2

// Labels of the objects that the operator makes.
const (
	// LabelMiniCluster is on every object that the operator makes, with the
	// MiniCluster's name as its value. The operator watches only what bears it.
	LabelMiniCluster = "flux-framework.org/minicluster"
	// LabelRole says what a pod of a MiniCluster is for. status.selector needs it
	// to pick ranks only.
	LabelRole = "flux-framework.org/role"
	// RoleRank is the role of the pods that are ranks.
	RoleRank = "rank"
	// RoleServices is the role of the pod of spec.services.
	RoleServices = "services"

	// LabelEnded is on pods of ranks that have ended with exit code 0 while their Job
	// goes on. status.selector leaves them out: a HorizontalPodAutoscaler would take
	// them for busy ranks, since nothing measures them.
	LabelEnded = "flux-framework.org/ended"

	// LabelManagedBy and ManagedBy are the recommended label of Kubernetes.
	// Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
	LabelManagedBy = "app.kubernetes.io/managed-by"
	ManagedBy      = "gopherlocks-operator"
)

// LabelJobIndex is the Flux Operator's, for its users' Services: the index of the
// rank, on the lead's pod, and RoleServices on the pod of services.
const LabelJobIndex = "job-index"

// Annotations of the objects that the operator makes.
const (
	// AnnotationTemplateHash, on a Job, is the hash of all that it was made from, but
	// for its size. What else the operator makes has a hash of its content.
	AnnotationTemplateHash = "flux-framework.org/template-hash"
	// AnnotationSpecFields, on a Job, is how many fields the operator that made it knows of a
	// spec. One that knows fewer cannot tell whether the Job is as the spec says.
	AnnotationSpecFields = "flux-framework.org/spec-fields"
	// AnnotationCeiling, on a Job of Flux, is the number of hosts that its ranks know: the
	// largest maximum that it can take over. Jobs of earlier operators know as many hosts as
	// the maximum was.
	AnnotationCeiling = "flux-framework.org/ceiling"
	// AnnotationRestart, on a MiniCluster, asks for a restart of all ranks, whenever somebody
	// gives it another value, such as the time. What it was is on the Job.
	AnnotationRestart = "flux-framework.org/restart"
	// AnnotationDefaultContainer, on a rank's pod, names the container that runs
	// the rank, so that "kubectl logs" and "kubectl exec" take it without -c.
	// Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
	AnnotationDefaultContainer = "kubectl.kubernetes.io/default-container"
)
