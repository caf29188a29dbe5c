package build

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Service returns the headless Service that gives each rank its host name.
func Service(mc *api.MiniCluster) *corev1ac.ServiceApplyConfiguration {
	spec := corev1ac.ServiceSpec().
		WithClusterIP(corev1.ClusterIPNone).
		// Ranks look each other up to become ready.
		WithPublishNotReadyAddresses(true).
		WithSelector(RankLabels(mc.Name))
	for _, port := range mc.Spec.Containers[0].Ports {
		spec.WithPorts(corev1ac.ServicePort().
			WithName(portName(port)).
			WithProtocol(corev1.ProtocolTCP).
			WithPort(port).
			WithTargetPort(intstr.FromInt32(port)))
	}
	return corev1ac.Service(mc.Name, mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(spec)
}

func portName(port int32) string { return fmt.Sprintf("port-%d", port) }
