package v1alpha2

import "k8s.io/apimachinery/pkg/api/resource"

// Volume is a volume with its place in a container. It has exactly one source:
// hostPath, configMapName, secretName, claimName, emptyDir or csiDriver.
//
// +kubebuilder:validation:XValidation:rule="rules/volume.yaml"
type Volume struct {
	// Path is where the container finds the volume.
	//
	// +required
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:Pattern=`^/[^:]*$`
	Path string `json:"path"`

	// ReadOnly keeps the container from writing to the volume.
	//
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`

	// HostPath is a folder of the node.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	HostPath string `json:"hostPath,omitempty"`

	// ConfigMapName names a ConfigMap of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ConfigMapName string `json:"configMapName,omitempty"`

	// SecretName names a Secret of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName,omitempty"`

	// Items maps keys of the ConfigMap or Secret to file names under path.
	// Default: every key is a file of its name.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Items map[string]string `json:"items,omitempty"`

	// ClaimName names a PersistentVolumeClaim of the MiniCluster's namespace.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName,omitempty"`

	// EmptyDir is a folder that lives as long as the pod.
	//
	// +optional
	EmptyDir bool `json:"emptyDir,omitempty"`

	// EmptyDirMedium is Memory for a folder in memory. Default: the node's disk.
	//
	// +optional
	// +kubebuilder:validation:Enum="";memory;Memory
	EmptyDirMedium string `json:"emptyDirMedium,omitempty"`

	// EmptyDirSizeLimit is the most that an emptyDir may hold, in bytes, such as
	// 2Gi. Default: no limit but the medium's.
	//
	// +optional
	EmptyDirSizeLimit *resource.Quantity `json:"emptyDirSizeLimit,omitempty"`

	// CSIDriver is the driver of an ephemeral volume.
	// Source: https://kubernetes.io/docs/concepts/storage/ephemeral-volumes/#csi-ephemeral-volumes
	//
	// +optional
	// +kubebuilder:validation:MaxLength=63
	CSIDriver string `json:"csiDriver,omitempty"`

	// CSIDriverAttributes are the driver's own settings.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	CSIDriverAttributes map[string]string `json:"csiDriverAttributes,omitempty"`
}
