package v1alpha2

import "k8s.io/apimachinery/pkg/api/resource"

// Volume is a volume with its place in a container. It has one source: hostPath,
// configMapName, secretName, claimName, emptyDir or csiDriver. One with nothing but a
// path is that of the same name in another container, or else an emptyDir.
//
// +kubebuilder:validation:XValidation:rule="rules/volume.yaml"
type Volume struct {
	// path is where the container finds the volume. An emptyDir without one is at
	// /dev/shm; every other volume needs one.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path,omitempty"`

	// readOnly keeps the container from writing to the volume.
	//
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`

	// hostPath is a folder of the node.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	HostPath string `json:"hostPath,omitempty"`

	// configMapName names a ConfigMap of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ConfigMapName string `json:"configMapName,omitempty"`

	// secretName names a Secret of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// items maps keys of the ConfigMap or Secret to file names under path.
	// Default: every key is a file of its name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Items map[string]string `json:"items,omitempty"`

	// claimName names a PersistentVolumeClaim of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName,omitempty"`

	// emptyDir is a folder that lives as long as the pod.
	//
	// +optional
	EmptyDir bool `json:"emptyDir,omitempty"`

	// emptyDirMedium is Memory for a folder in memory. Default: the node's disk.
	//
	// +optional
	// +kubebuilder:validation:Enum="";memory;Memory
	EmptyDirMedium string `json:"emptyDirMedium,omitempty"`

	// emptyDirSizeLimit is the most that an emptyDir may hold, in bytes, such as
	// 2Gi. Default: no limit but the medium's.
	//
	// +optional
	EmptyDirSizeLimit *resource.Quantity `json:"emptyDirSizeLimit,omitempty"`

	// csiDriver is the driver of an ephemeral volume.
	// Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#csi-ephemeral-volumes
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	CSIDriver string `json:"csiDriver,omitempty"`

	// csiDriverAttributes are the driver's own settings.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	CSIDriverAttributes map[string]string `json:"csiDriverAttributes,omitempty"`
}
