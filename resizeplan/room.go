package resizeplan

import (
	"math"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/resource"
	schedulinghelpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// available returns how many pods like rank fit on the nodes. own selects the
// MiniCluster's own ranks, which stay unless ownGo. It counts requests, taints,
// node selector, required node affinity and one rank per node. Since all ranks are
// alike, the sum over the nodes is exact for these. It ignores what else a
// scheduler looks at: volumes, ports, topology, preemption.
func available(rank corev1.PodSpec, nodes Nodes, own func(*corev1.Pod) bool, ownGo bool) int {
	pod := &corev1.Pod{Spec: rank}
	perNode := math.MaxInt
	if onePerNode(rank) {
		perNode = 1
	}
	needs := resource.PodRequests(pod, resource.PodResourcesOptions{})
	used := map[string]corev1.ResourceList{}
	pods := map[string]int64{}
	ranks := map[string]int{}
	for i := range nodes.Pods {
		other := &nodes.Pods[i]
		node := other.Spec.NodeName
		if own(other) {
			if ownGo {
				continue
			}
			ranks[node]++
		}
		used[node] = sum(used[node], resource.PodRequests(other, resource.PodResourcesOptions{}))
		pods[node]++
	}
	total := 0
	for i := range nodes.Nodes {
		node := &nodes.Nodes[i]
		if accepts(node, pod) {
			total += min(fitting(node, needs, used[node.Name], pods[node.Name]), max(perNode-ranks[node.Name], 0))
		}
	}
	return total
}

// onePerNode tells whether each rank needs a node without another rank. The
// operator gives ranks no other required anti-affinity.
func onePerNode(rank corev1.PodSpec) bool {
	if rank.Affinity == nil || rank.Affinity.PodAntiAffinity == nil {
		return false
	}
	return slices.ContainsFunc(rank.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
		func(term corev1.PodAffinityTerm) bool { return term.TopologyKey == corev1.LabelHostname })
}

// accepts tells whether the scheduler would consider the node for the pod.
func accepts(node *corev1.Node, pod *corev1.Pod) bool {
	if node.Spec.Unschedulable {
		return false
	}
	// Tolerations that compare numbers may count: the API server has accepted them.
	const comparisons = true
	_, tainted := schedulinghelpers.FindMatchingUntoleratedTaint(logr.Discard(), node.Spec.Taints, pod.Spec.Tolerations, func(t *corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	}, comparisons)
	if tainted {
		return false
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return matches && err == nil
}

// fitting returns how many pods with the requests fit on what the node has left.
func fitting(node *corev1.Node, needs, used corev1.ResourceList, pods int64) int {
	room := node.Status.Allocatable.Pods().Value() - pods
	for name, need := range needs {
		if need.Sign() <= 0 {
			continue
		}
		free := node.Status.Allocatable[name].DeepCopy()
		free.Sub(used[name])
		room = min(room, count(name, free)/count(name, need))
	}
	return int(max(room, 0))
}

// count is a quantity in the unit that the scheduler counts in.
func count(name corev1.ResourceName, q apiresource.Quantity) int64 {
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}

func sum(a, b corev1.ResourceList) corev1.ResourceList {
	total := a.DeepCopy()
	if total == nil {
		total = corev1.ResourceList{}
	}
	for name, quantity := range b {
		all := total[name]
		all.Add(quantity)
		total[name] = all
	}
	return total
}
