package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// endSlack is how long a pod may still be there when its grace period is over. A
// kubelet that answers kills its containers then, and reports it within seconds.
const endSlack = 30 * time.Second

// unscheduled are ranks for which the scheduler finds no node.
type unscheduled struct {
	ranks idset.Set
	// because is what the scheduler says about the lowest of them.
	because string
}

// unscheduledOf chooses the ranks from what the scheduler says about each.
func unscheduledOf(because map[int32]string, ranks idset.Set) unscheduled {
	u := unscheduled{ranks: idset.Of(slices.Collect(maps.Keys(because))...).Intersect(ranks)}
	for lowest := range u.ranks.All() {
		u.because = because[lowest]
		break
	}
	return u
}

// stranded are ranks whose nodes do not answer.
type stranded struct {
	// ranks may hold one twice: an earlier pod may be of the same rank.
	ranks []int32
	nodes []string
}

func (s *stranded) add(rank int32, node string) {
	s.ranks = append(s.ranks, rank)
	if !slices.Contains(s.nodes, node) {
		s.nodes = append(s.nodes, node)
	}
}

// noNode returns why the scheduler has found no node for the pod, in its own
// words; "" when there is one, or nobody has looked yet.
func noNode(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" {
		return ""
	}
	c := conditionOf(pod, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse {
		return ""
	}
	if because := reasonsOfNodes(c.Message); because != "" {
		return because
	}
	return c.Reason
}

// reasonsOfNodes returns what is against each node, and leaves out what the
// scheduler tried to make room, which is a sentence behind it, such as
// "no new claims to deallocate, preemption: 0/3 nodes are available: …".
// Source: FitError in pkg/scheduler/framework of Kubernetes.
func reasonsOfNodes(message string) string {
	message, tried, _ := strings.Cut(message, " preemption: ")
	if end := strings.LastIndex(message, ". "); end >= 0 && tried != "" {
		message = message[:end]
	}
	return strings.TrimSuffix(message, ".")
}

// isStranded tells whether the pod's node does not answer, by what its pod looks
// like: the operator may not read nodes. later, when not zero, is when the answer
// may be another by the clock alone.
func isStranded(pod *corev1.Pod, now time.Time) (is bool, later time.Time) {
	if pod.Spec.NodeName == "" || hasEnded(pod) {
		return false, time.Time{}
	}
	if nodeNotReady(pod) {
		return true, time.Time{}
	}
	if pod.DeletionTimestamp == nil {
		return false, time.Time{}
	}
	// The deletion timestamp is when the grace period is over.
	late := pod.DeletionTimestamp.Add(endSlack)
	if now.Before(late) {
		return false, late
	}
	return true, time.Time{}
}

// nodeNotReady tells whether the node lifecycle controller has taken the pod's
// readiness away, which it does when the node has not reported for 50 s (40 s
// before Kubernetes 1.32): it writes the condition Ready alone. A kubelet writes
// Ready as what ContainersReady and the readiness gates make.
// Source: MarkPodsNotReady in pkg/controller/util/node of Kubernetes, and
// GeneratePodReadyCondition in pkg/kubelet/status.
func nodeNotReady(pod *corev1.Pod) bool {
	isTrue := func(conditionType corev1.PodConditionType) bool {
		c := conditionOf(pod, conditionType)
		return c != nil && c.Status == corev1.ConditionTrue
	}
	ready := conditionOf(pod, corev1.PodReady)
	if ready == nil || ready.Status != corev1.ConditionFalse || !isTrue(corev1.ContainersReady) {
		return false
	}
	for _, gate := range pod.Spec.ReadinessGates {
		if !isTrue(gate.ConditionType) {
			return false
		}
	}
	return true
}

func conditionOf(pod *corev1.Pod, conditionType corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == conditionType {
			return c
		}
	}
	return nil
}

// podsToGiveUp finds the pods that somebody has deleted by force and whose nodes do
// not answer. To delete by force is to say that the pod does not run any more; but
// the Job replaces a pod only once its status says so (its podFailurePolicy asks
// for that), and the only one to write it is a kubelet that is not there.
func podsToGiveUp(f facts) []*corev1.Pod {
	var pods []*corev1.Pod
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.DeletionTimestamp == nil || ptr.Deref(pod.DeletionGracePeriodSeconds, 1) != 0 || !metav1.IsControlledBy(pod, f.Job) {
			continue
		}
		if is, _ := isStranded(pod, f.Now); is {
			pods = append(pods, pod)
		}
	}
	return pods
}

// unschedulable tells of ranks for which the scheduler finds no node.
func (f facts) unschedulable() finding {
	u := f.ranks.unscheduled
	if u.ranks.IsEmpty() {
		return finding{}
	}
	return one(api.ReasonUnschedulable, u.ranks,
		fmt.Sprintf("%s %s no node: %s", u.ranks.Words(), verb(u.ranks.Len(), "finds", "find"), u.because))
}

// schedulerPatience is how long a scheduler may take until it looks at a pod.
const schedulerPatience = 10 * time.Second

// schedulerMissing tells of ranks that no scheduler has looked at: each says in the
// pod's status that it has found a node, or why not.
func (f facts) schedulerMissing() finding {
	var found finding
	var all troubles
	for _, p := range f.rankPods {
		if !p.isLive() || p.Status.Phase != corev1.PodPending || p.Spec.NodeName != "" || conditionOf(p.Pod, corev1.PodScheduled) != nil {
			continue
		}
		if due := p.CreationTimestamp.Add(schedulerPatience); f.Now.Before(due) {
			found.lookAt = Earliest(found.lookAt, due)
			continue
		}
		name := p.Spec.SchedulerName
		all.add(name, p.rank, api.ReasonSchedulerMissing, func(who idset.Set) string {
			return fmt.Sprintf("no scheduler has looked at %s: it may be that none of the name %q runs, which is that of pod.schedulerName", who.Words(), name)
		})
	}
	found.hindrances = all.hindrances()
	return found
}

// nodesUnreachable tells of ranks whose nodes do not answer.
func (f facts) nodesUnreachable() finding {
	if s := f.ranks.stranded; len(s.ranks) > 0 {
		return one(api.ReasonNodeUnreachable, idset.Of(s.ranks...), s.String())
	}
	return finding{}
}

// namedNodes is how many nodes a message names.
const namedNodes = 5

// String says where the ranks are.
func (s stranded) String() string {
	ranks, names := idset.Of(s.ranks...), slices.Sorted(slices.Values(s.nodes))
	nodes := strings.Join(names[:min(len(names), namedNodes)], ", ")
	if more := len(names) - namedNodes; more > 0 {
		nodes += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s %s on %s %s, which %s not answer",
		ranks.Words(), verb(ranks.Len(), "is", "are"), verb(len(names), "node", "nodes"), nodes, verb(len(names), "does", "do"))
}
