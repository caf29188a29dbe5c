// Package build makes the objects that a MiniCluster consists of, as apply
// configurations. It is pure: the same MiniCluster, sizes and settings give the
// same objects. Where a MiniCluster does without an object, its builder returns
// nil.
//
// Builders return errors for what the API's own rules cannot see, or did not
// because they were bypassed. Each names the field below spec.
package build

import (
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

// Selector returns the selector of the ranks' pods that have not ended, as
// status.selector has it.
func Selector(name string) string {
	return labels.SelectorFromSet(RankLabels(name)).String() + ",!" + api.LabelEnded
}

// ServiceName returns the name of the headless Service, the subdomain of all
// host names of the MiniCluster.
func ServiceName(mc *api.MiniCluster) string {
	if name := mc.Spec.Network.HeadlessName; name != "" {
		return name
	}
	return mc.Name
}

// SecretName returns the name of the MiniCluster's Secret, which no other one has:
// the operator cannot read whether a Secret that is there is ours, or about to go
// with an earlier MiniCluster of the same name. Another certificate of the user's is
// another Secret, since ranks of the earlier Job may still need theirs.
func SecretName(mc *api.MiniCluster) string {
	return mc.Name + "-flux-" + hash([]string{string(mc.UID), mc.Spec.Flux.CurveCert})
}

// ServicesName returns the name of the Deployment of the side services, which is
// their pod's host name too.
func ServicesName(name string) string { return name + "-services" }

// SelfScalingName returns the name of the ServiceAccount, Role and RoleBinding
// that let the MiniCluster called name scale itself.
func SelfScalingName(name string) string { return name + "-self-scaling" }

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
