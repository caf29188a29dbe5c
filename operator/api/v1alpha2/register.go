package v1alpha2

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind is the kind of the API's one resource, and Resource its plural.
const (
	Kind     = "MiniCluster"
	Resource = "miniclusters"
)

// GroupVersion is the group and version of this package's types.
var GroupVersion = schema.GroupVersion{Group: "flux-framework.org", Version: "v1alpha2"}

// AddToScheme registers this package's types.
var AddToScheme = (&runtime.SchemeBuilder{addKnownTypes}).AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &MiniCluster{}, &MiniClusterList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
