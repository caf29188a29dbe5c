// Package v1alpha2 is the API of Gopherlocks: the MiniCluster, a cluster of
// ranks that can grow and shrink while it runs. Group, kind and field names are
// those of the Flux Operator, so that its manifests apply.
//
// What the API server checks beyond the schema is written in CEL, in the files of
// the folder rules. A marker XValidation with such a file as its rule says where
// they hold; generation puts them into the definition.
//
// +kubebuilder:object:generate=true
// +groupName=flux-framework.org
package v1alpha2
