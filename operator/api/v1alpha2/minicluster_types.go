package v1alpha2

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MiniCluster is a cluster of ranks, one pod each, that grows and shrinks within
// bounds while it runs. Scale it with "kubectl scale", a HorizontalPodAutoscaler,
// or by its spec.size.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=miniclusters,shortName=mc,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.size,statuspath=.status.size,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.spec.size`,description="Wished number of ranks"
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`,description="Ranks that exist"
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.ready`,description="Ranks that are ready"
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.status.maximumSize`,description="Largest size allowed"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.conditions[?(@.type=="Progressing")].reason`,description="What is going on"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
//
// The name is the name of a Service (RFC 1035) and, with "-99999" behind it, a
// host name of at most 63 characters.
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 57 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",message="the name becomes part of host names: at most 57 characters a-z, 0-9 and '-', beginning with a letter and not ending with '-'"
//
// The part of the bounds rule that needs the status. The last line lets writes
// pass that leave both numbers as they were, so that the operator can still
// report a size that got past an older version of this rule.
// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(has(self.spec.maxSize) && self.spec.maxSize != 0) || self.spec.size <= (has(self.status) && has(self.status.maximumSize) && self.status.maximumSize != 0 ? self.status.maximumSize : 100000) || (oldSelf.hasValue() && self.spec.size == oldSelf.value().spec.size && has(self.status) && has(oldSelf.value().status) && self.status.?maximumSize.orValue(0) == oldSelf.value().status.?maximumSize.orValue(0))",messageExpression="has(self.status) && has(self.status.maximumSize) && self.status.maximumSize != 0 ? 'size %d must be at most status.maximumSize %d'.format([self.spec.size, self.status.maximumSize]) : 'size %d must be at most 100000'.format([self.spec.size])",fieldPath=".spec.size"
type MiniCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec MiniClusterSpec `json:"spec"`
	// +optional
	Status MiniClusterStatus `json:"status,omitempty"`
}

// MiniClusterList is a list of MiniClusters.
//
// +kubebuilder:object:root=true
type MiniClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []MiniCluster `json:"items"`
}

// MiniClusterSpec is what the author of a MiniCluster wishes.
//
// The rules below are package bounds in CEL; a test in package crds holds the two
// together. CEL, not "minimum" and "maximum" of OpenAPI: those give other
// messages, and where they fail, CEL rules are not checked.
//
// +kubebuilder:validation:XValidation:rule="self.minSize >= 1",messageExpression="'minSize %d must be at least 1'.format([self.minSize])",fieldPath=".minSize"
// +kubebuilder:validation:XValidation:rule="!has(self.maxSize) || self.maxSize <= 100000",messageExpression="'maxSize %d must be at most 100000'.format([self.maxSize])",fieldPath=".maxSize"
// +kubebuilder:validation:XValidation:rule="!has(self.maxSize) || self.maxSize == 0 || self.minSize <= self.maxSize",messageExpression="'minSize %d must be at most maxSize %d'.format([self.minSize, self.maxSize])",fieldPath=".minSize"
// +kubebuilder:validation:XValidation:rule="self.size >= (self.minSize < 1 ? 1 : self.minSize)",messageExpression="self.minSize < 1 ? 'size %d must be at least 1'.format([self.size]) : 'size %d must be at least minSize %d'.format([self.size, self.minSize])",fieldPath=".size"
// +kubebuilder:validation:XValidation:rule="!has(self.maxSize) || self.maxSize == 0 || self.size <= self.maxSize",messageExpression="'size %d must be at most maxSize %d'.format([self.size, self.maxSize])",fieldPath=".size"
type MiniClusterSpec struct {
	// Size is the wished number of ranks. It belongs to whoever scales: the
	// operator never writes it.
	//
	// The default makes the scale subresource readable from the first second:
	// without a value, reading it fails, and an autoscaler cannot start.
	//
	// +kubebuilder:default=1
	// +optional
	Size int32 `json:"size,omitempty"`

	// MinSize is the smallest size allowed, at least 1.
	//
	// +kubebuilder:default=1
	// +optional
	MinSize int32 `json:"minSize,omitempty"`

	// MaxSize is the largest size allowed. Not set (or 0), the size at creation
	// is the maximum: see status.maximumSize. Ranks learn the maximum when they
	// start, so that changing it restarts them all.
	//
	// +optional
	MaxSize int32 `json:"maxSize,omitempty"`

	// Containers holds the container that each rank runs: exactly one.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=1
	Containers []Container `json:"containers"`
}

// Container is what every rank runs. A change to it restarts all ranks, since the
// pod template of a Job cannot change.
type Container struct {
	// Name of the container; by default the MiniCluster's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name,omitempty"`

	// Image is the container image.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	Image string `json:"image"`

	// Command is the program that each rank runs, with its arguments; by default
	// the image's own. No shell reads it. It is split into words as a shell
	// would: at white space, with '…' for text as it is, "…" and \ as usual.
	// $(NAME) stands for a variable of the environment, written \$(NAME) or in
	// '…' for the text itself. What would need a shell (| & ; < > ` ( ) and other
	// uses of $) is refused outside quotes: write sh -c '…' to have one.
	//
	// +optional
	Command string `json:"command,omitempty"`

	// WorkingDir is the folder that the command runs in; by default the image's.
	//
	// +optional
	WorkingDir string `json:"workingDir,omitempty"`

	// Environment holds variables for the command. Names that begin with
	// GOPHERLOCKS_ are ours.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(name, !name.startsWith('GOPHERLOCKS_'))",message="names of variables must not begin with GOPHERLOCKS_: the operator sets those"
	Environment map[string]string `json:"environment,omitempty"`

	// Ports are the TCP ports that the command listens on, reachable at each
	// rank's host name.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=65535
	Ports []int32 `json:"ports,omitempty"`

	// Resources that each rank requests and may use. A HorizontalPodAutoscaler on
	// CPU needs a CPU request.
	//
	// +optional
	Resources Resources `json:"resources,omitempty"`
}

// Resources are the resources of one rank.
type Resources struct {
	// Requests is what the scheduler sets aside.
	//
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`

	// Limits is what the rank cannot exceed.
	//
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`
}

// MiniClusterStatus is what the operator observes.
type MiniClusterStatus struct {
	// Size is the number of ranks whose pods exist and are not terminating.
	//
	// +optional
	Size int32 `json:"size"`

	// Ready is the number of ranks whose pods are ready.
	//
	// +optional
	Ready int32 `json:"ready"`

	// Desired is the number of ranks that the operator works towards: spec.size,
	// within the bounds.
	//
	// +optional
	Desired int32 `json:"desired"`

	// MaximumSize is the largest size allowed: spec.maxSize or, where that is not
	// set, the last maximum: at first the size that the MiniCluster was created
	// with.
	//
	// +optional
	MaximumSize int32 `json:"maximumSize,omitempty"`

	// Selector picks the pods of the ranks, and no other pods, for the scale
	// subresource.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// ObservedGeneration is the metadata.generation that this status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions are Ready, Progressing and SizeWithinBounds.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
