// Package v1alpha2 is the API of Gopherlocks: the MiniCluster, a cluster of
// ranks that can grow and shrink while it runs. Group, kind and field names are
// those of the Flux Operator, so that its manifests apply.
//
// +kubebuilder:object:generate=true
// +groupName=flux-framework.org
package v1alpha2
