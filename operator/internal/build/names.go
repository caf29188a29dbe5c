// Package build makes the objects that a MiniCluster consists of, as apply
// configurations. It is pure: the same MiniCluster and maximum give the same
// object.
package build

import (
	"fmt"

	"k8s.io/apimachinery/pkg/labels"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Labels returns the labels of every object of the MiniCluster called name.
func Labels(name string) map[string]string {
	return map[string]string{
		api.LabelMiniCluster: name,
		api.LabelManagedBy:   api.ManagedBy,
	}
}

// RankLabels returns the labels that the ranks' pods have, and no other pod.
func RankLabels(name string) map[string]string {
	return map[string]string{
		api.LabelMiniCluster: name,
		api.LabelRole:        api.RoleRank,
	}
}

// Selector returns the selector of the ranks' pods, as status.selector has it.
func Selector(name string) string {
	return labels.SelectorFromSet(RankLabels(name)).String()
}

// Hosts returns the host names of all ranks up to maximum, as a host list of
// Flux: "name-[0-3]". Each resolves in the MiniCluster's namespace with
// ".<service>" behind it.
func Hosts(name string, maximum int32) string {
	if maximum == 1 {
		return name + "-0"
	}
	return fmt.Sprintf("%s-[0-%d]", name, maximum-1)
}

// ownerReference makes the garbage collector delete an object with its
// MiniCluster.
func ownerReference(mc *api.MiniCluster) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(api.GroupVersion.String()).
		WithKind(api.Kind).
		WithName(mc.Name).
		WithUID(mc.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
