package build

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Service returns the headless Service that gives each rank, and the pod of
// services, its host name. Its ports are those of all containers: a headless
// Service forwards nothing, but they become DNS records of type SRV, and some
// networks (service meshes) look at them.
func Service(mc *api.MiniCluster) *corev1ac.ServiceApplyConfiguration {
	spec := corev1ac.ServiceSpec().
		WithClusterIP(corev1.ClusterIPNone).
		// Ranks look each other up to become ready.
		WithPublishNotReadyAddresses(true).
		WithSelector(ServiceSelector(mc))
	for _, port := range servicePorts(mc) {
		spec.WithPorts(servicePort(port))
	}
	service := corev1ac.Service(ServiceName(mc), mc.Namespace).
		WithLabels(Labels(mc.Name)).
		WithOwnerReferences(ownerReference(mc)).
		WithSpec(spec)
	return service.WithAnnotations(contentAnnotation(service))
}

// SideServices returns a Service for each container beside the rank that has ports, as
// the Flux Operator makes them: of the container's name, in front of all ranks. There is
// none for a container whose name is no name of a Service, or that of the headless
// Service, which has these ports too.
// Source: flux-framework/flux-operator, controllers/flux/minicluster.go.
func SideServices(mc *api.MiniCluster) []*corev1ac.ServiceApplyConfiguration {
	var services []*corev1ac.ServiceApplyConfiguration
	for i, c := range mc.Spec.Containers {
		if i == rankIndex(mc) || len(c.Ports) == 0 || !hasService(mc, c) {
			continue
		}
		spec := corev1ac.ServiceSpec().WithSelector(RankLabels(mc.Name))
		for _, port := range portsOf(c) {
			spec.WithPorts(servicePort(port))
		}
		service := corev1ac.Service(c.Name, mc.Namespace).
			WithLabels(Labels(mc.Name)).
			WithOwnerReferences(ownerReference(mc)).
			WithSpec(spec)
		services = append(services, service.WithAnnotations(contentAnnotation(service)))
	}
	return services
}

// hasService tells whether a Service can have the container's name.
func hasService(mc *api.MiniCluster, c api.Container) bool {
	return c.Name != ServiceName(mc) && len(validation.IsDNS1035Label(c.Name)) == 0
}

func servicePort(port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().
		WithName(portName(port)).
		WithProtocol(corev1.ProtocolTCP).
		WithPort(port).
		WithTargetPort(intstr.FromInt32(port))
}

// ServiceSelector returns the labels of the pods that have host names: ranks, and
// with services their pod too.
func ServiceSelector(mc *api.MiniCluster) map[string]string {
	if len(mc.Spec.Services) == 0 {
		return RankLabels(mc.Name)
	}
	return map[string]string{api.LabelMiniCluster: mc.Name}
}

// servicePorts returns the ports of all containers in ascending order.
func servicePorts(mc *api.MiniCluster) []int32 {
	var ports []int32
	for _, c := range slices.Concat(mc.Spec.Containers, mc.Spec.Services) {
		ports = append(ports, c.Ports...)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
