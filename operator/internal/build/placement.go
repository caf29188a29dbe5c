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
	if !mc.Spec.Network.DisableAffinity {
		affinity.WithPodAntiAffinity(spreadOverNodes(mc.Name))
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

// spreadOverNodes prefers nodes without another rank. It does not demand them:
// ranks that find no node of their own run all the same.
func spreadOverNodes(name string) *corev1ac.PodAntiAffinityApplyConfiguration {
	const strongest = 100
	return corev1ac.PodAntiAffinity().WithPreferredDuringSchedulingIgnoredDuringExecution(
		corev1ac.WeightedPodAffinityTerm().
			WithWeight(strongest).
			WithPodAffinityTerm(corev1ac.PodAffinityTerm().
				WithTopologyKey(corev1.LabelHostname).
				WithLabelSelector(metav1ac.LabelSelector().WithMatchLabels(RankLabels(name)))))
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
