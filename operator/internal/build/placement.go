package build

import (
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// setPlacement decides which nodes the ranks may and should run on.
func setPlacement(spec *corev1ac.PodSpecApplyConfiguration, mc *api.MiniCluster) {
	pod := mc.Spec.Pod
	if pod.SchedulerName != "" {
		spec.WithSchedulerName(pod.SchedulerName)
	}
	if len(pod.NodeSelector) > 0 {
		spec.WithNodeSelector(pod.NodeSelector)
	}
	for _, t := range pod.Tolerations {
		spec.WithTolerations(toleration(t))
	}
	affinity := corev1ac.Affinity()
	if len(pod.NodeAffinity) > 0 {
		affinity.WithNodeAffinity(nodeAffinity(pod.NodeAffinity))
	}
	switch placement := PlacementOf(mc); placement.Policy {
	case api.PlacementSpread:
		affinity.WithPodAntiAffinity(spreadOver(mc.Name, placement.TopologyKey))
	case api.PlacementOnePerNode:
		affinity.WithPodAntiAffinity(onePerNode(mc.Name))
	}
	if affinity.NodeAffinity != nil || affinity.PodAntiAffinity != nil {
		spec.WithAffinity(affinity)
	}
}

// nodeAffinity demands, for each label, one of the values.
func nodeAffinity(values map[string][]string) *corev1ac.NodeAffinityApplyConfiguration {
	term := corev1ac.NodeSelectorTerm()
	for _, label := range sortedKeys(values) {
		term.WithMatchExpressions(corev1ac.NodeSelectorRequirement().
			WithKey(label).
			WithOperator(corev1.NodeSelectorOpIn).
			WithValues(values[label]...))
	}
	return corev1ac.NodeAffinity().WithRequiredDuringSchedulingIgnoredDuringExecution(
		corev1ac.NodeSelector().WithNodeSelectorTerms(term))
}

// Weights of spreading, of at most 100. A zone with a rank is worse than a node
// with one, so that ranks go to another zone first, and there to a free node.
const (
	strongest = 100
	weaker    = 50
)

// PlacementOf returns spec.pod.placement with its defaults, and with what
// network.disableAffinity says.
func PlacementOf(mc *api.MiniCluster) api.Placement {
	p := mc.Spec.Pod.Placement
	switch {
	case p.Policy == "" && mc.Spec.Network.DisableAffinity:
		p.Policy = api.PlacementAny
	case p.Policy == "":
		p.Policy = api.PlacementSpread
	}
	if p.Policy != api.PlacementSpread || p.TopologyKey == "" {
		p.TopologyKey = corev1.LabelHostname
	}
	return p
}

// spreadOver prefers values of the node label key, and then nodes, without another
// rank. It does not demand them: ranks that find no node of their own run all the
// same.
func spreadOver(name, key string) *corev1ac.PodAntiAffinityApplyConfiguration {
	prefer := func(weight int32, key string) *corev1ac.WeightedPodAffinityTermApplyConfiguration {
		return corev1ac.WeightedPodAffinityTerm().WithWeight(weight).WithPodAffinityTerm(otherRanks(name, key))
	}
	spread := corev1ac.PodAntiAffinity().WithPreferredDuringSchedulingIgnoredDuringExecution(prefer(strongest, key))
	if key != corev1.LabelHostname {
		spread.WithPreferredDuringSchedulingIgnoredDuringExecution(prefer(weaker, corev1.LabelHostname))
	}
	return spread
}

// onePerNode demands nodes without another rank. It holds when a rank is given a
// node: nobody is moved from a node later.
func onePerNode(name string) *corev1ac.PodAntiAffinityApplyConfiguration {
	return corev1ac.PodAntiAffinity().
		WithRequiredDuringSchedulingIgnoredDuringExecution(otherRanks(name, corev1.LabelHostname))
}

// otherRanks selects the ranks of the MiniCluster called name on nodes with the
// same value of the label key.
func otherRanks(name, key string) *corev1ac.PodAffinityTermApplyConfiguration {
	return corev1ac.PodAffinityTerm().
		WithTopologyKey(key).
		WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(RankLabels(name)))
}

func toleration(t corev1.Toleration) *corev1ac.TolerationApplyConfiguration {
	converted := corev1ac.Toleration()
	if t.Key != "" {
		converted.WithKey(t.Key)
	}
	if t.Operator != "" {
		converted.WithOperator(t.Operator)
	}
	if t.Value != "" {
		converted.WithValue(t.Value)
	}
	if t.Effect != "" {
		converted.WithEffect(t.Effect)
	}
	if t.TolerationSeconds != nil {
		converted.WithTolerationSeconds(*t.TolerationSeconds)
	}
	return converted
}
