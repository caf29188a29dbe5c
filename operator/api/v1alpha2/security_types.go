package v1alpha2

import corev1 "k8s.io/api/core/v1"

// SecurityContext is what a container may do and as whom it runs, as Kubernetes has
// it for Linux. addCapabilities is ours, beside capabilities.add.
//
// +kubebuilder:validation:XValidation:rule="rules/securitycontext.yaml"
type SecurityContext struct {
	// privileged gives the container the node's devices and all capabilities.
	//
	// +optional
	Privileged bool `json:"privileged,omitempty"`

	// addCapabilities are Linux capabilities to add to those of the runtime, as
	// capabilities.add.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=64
	AddCapabilities []corev1.Capability `json:"addCapabilities,omitempty"`

	// capabilities to add to those that the runtime gives, and to take away.
	//
	// +optional
	Capabilities Capabilities `json:"capabilities,omitempty"`

	// runAsUser is the number of the user that the container runs as. Default: the
	// pod's, or else the image's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	RunAsUser *int64 `json:"runAsUser,omitempty"`

	// runAsGroup is the number of the group that the container runs as. Default: the
	// pod's, or else the image's.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	RunAsGroup *int64 `json:"runAsGroup,omitempty"`

	// runAsNonRoot has the kubelet refuse to run the container as root.
	//
	// +optional
	RunAsNonRoot *bool `json:"runAsNonRoot,omitempty"`

	// readOnlyRootFilesystem keeps the container from writing to its image.
	//
	// +optional
	ReadOnlyRootFilesystem *bool `json:"readOnlyRootFilesystem,omitempty"`

	// allowPrivilegeEscalation false sets the kernel's no_new_privs, so that no program
	// gains privileges by its file, as sudo does. Default: true, and false with
	// pod.restricted.
	//
	// +optional
	AllowPrivilegeEscalation *bool `json:"allowPrivilegeEscalation,omitempty"`

	// procMount is how /proc is mounted: Default or Unmasked.
	//
	// +optional
	ProcMount *corev1.ProcMountType `json:"procMount,omitempty"`

	// seccompProfile of the container. Default: the pod's.
	//
	// +optional
	SeccompProfile *corev1.SeccompProfile `json:"seccompProfile,omitempty"`

	// appArmorProfile of the container. Default: the pod's.
	//
	// +optional
	AppArmorProfile *corev1.AppArmorProfile `json:"appArmorProfile,omitempty"`

	// seLinuxOptions of the container. Default: the pod's.
	//
	// +optional
	SELinuxOptions *corev1.SELinuxOptions `json:"seLinuxOptions,omitempty"`
}

// Capabilities are Linux capabilities with or without CAP_, such as SYS_PTRACE and
// CAP_SYS_PTRACE, or ALL.
// Source: capabilities(7).
type Capabilities struct {
	// add are capabilities that the runtime does not give.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=64
	Add []corev1.Capability `json:"add,omitempty"`

	// drop are capabilities to take away from those that the runtime gives.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:Type=string
	// +kubebuilder:validation:items:MaxLength=64
	Drop []corev1.Capability `json:"drop,omitempty"`
}
