package plan

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// planService creates the Service, or repairs it.
func planService(o Observed, p *Plan) {
	switch {
	case o.Service == nil:
		p.Service = build.Service(o.MiniCluster)
	case o.Service.DeletionTimestamp == nil && serviceDiffers(o):
		p.Service = build.Service(o.MiniCluster)
		pin(o.Service, p.Service)
	}
}

// serviceDiffers compares what we set, not what the API server adds.
func serviceDiffers(o Observed) bool {
	var ports []int32
	for _, port := range o.Service.Spec.Ports {
		ports = append(ports, port.Port)
	}
	wantPorts := slices.Clone(o.MiniCluster.Spec.Containers[0].Ports)
	slices.Sort(ports)
	slices.Sort(wantPorts)
	return o.Service.Spec.ClusterIP != corev1.ClusterIPNone ||
		!o.Service.Spec.PublishNotReadyAddresses ||
		!maps.Equal(o.Service.Spec.Selector, build.RankLabels(o.MiniCluster.Name)) ||
		!slices.Equal(ports, wantPorts)
}
