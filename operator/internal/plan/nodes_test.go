package plan

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// on puts a pod on a node whose kubelet has reported it.
func on(node string, p corev1.Pod) corev1.Pod {
	p.Spec.NodeName = node
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.ContainersReady, Status: c.Status})
		}
	}
	return p
}

// silenced is a ready pod after the node lifecycle controller has given up its node.
func silenced(p corev1.Pod) corev1.Pod {
	p.Status.Conditions = append([]corev1.PodCondition{}, p.Status.Conditions...)
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == corev1.PodReady {
			p.Status.Conditions[i].Status = corev1.ConditionFalse
		}
	}
	return p
}

// deleted is a pod that was told to end, with a grace period that is over since.
func deleted(p corev1.Pod, since time.Duration) corev1.Pod {
	p.DeletionTimestamp = ptr.To(metav1.NewTime(now.Add(-since)))
	p.DeletionGracePeriodSeconds = ptr.To[int64](30)
	return p
}

func byForce(p corev1.Pod) corev1.Pod {
	p.DeletionGracePeriodSeconds = ptr.To[int64](0)
	return p
}

// nowhere is a pod that the scheduler has found no node for.
func nowhere(p corev1.Pod, because string) corev1.Pod {
	p.Status.Phase = corev1.PodPending
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: because,
	}}
	return p
}

const noRoom = "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, " +
	"2 node(s) didn't match pod anti-affinity rules. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."

// TestMessageSaysWhatRanksWaitFor: the message of the state names the ranks that
// have no node, with the scheduler's words, and those whose nodes do not answer.
func TestMessageSaysWhatRanksWaitFor(t *testing.T) {
	ready := func(rank int32, node string) corev1.Pod { return on(node, pod("job", rank, true)) }
	tests := []struct {
		name           string
		pods           []corev1.Pod
		state, message string
	}{
		{
			"one without a node",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), nowhere(pod("job", 2, false), noRoom)},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2; rank 2 finds no node: 0/3 nodes are available: " +
				"1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match pod anti-affinity rules",
		},
		{
			"all without a node",
			[]corev1.Pod{nowhere(pod("job", 0, false), "no nodes"), nowhere(pod("job", 1, false), "no nodes"), nowhere(pod("job", 2, false), "")},
			api.ReasonStarting,
			"0 of 3 ranks are ready; ranks 0-2 find no node: no nodes",
		},
		{
			"held back by a gate",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), nowhere(pod("job", 2, false), "")},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2; rank 2 finds no node: Unschedulable",
		},
		{
			"not looked at yet",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), pod("job", 2, false)},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2",
		},
		{
			"a node that does not answer",
			[]corev1.Pod{ready(0, "a"), silenced(ready(1, "b")), silenced(ready(2, "b"))},
			api.ReasonScalingUp,
			"1 of 3 ranks are ready; waiting for ranks 1-2; ranks 1-2 are on node b, which does not answer",
		},
		{
			"two nodes that do not answer",
			[]corev1.Pod{ready(0, "a"), silenced(ready(1, "c")), deleted(silenced(ready(2, "b")), -time.Minute)},
			api.ReasonScalingUp,
			"1 of 3 ranks are ready; waiting for ranks 1-2; ranks 1-2 are on nodes b, c, which do not answer",
		},
		{
			"a rank that is not ready by itself",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), on("b", pod("job", 2, false))},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2",
		},
		{
			"a pod that takes its time to end",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), deleted(ready(2, "b"), endSlack-time.Second)},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2",
		},
		{
			"a pod that does not end",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), deleted(ready(2, "b"), endSlack)},
			api.ReasonScalingUp,
			"2 of 3 ranks are ready; waiting for rank 2; rank 2 is on node b, which does not answer",
		},
		{
			"a pod too many that does not end",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), ready(2, "b"), deleted(silenced(ready(3, "c")), time.Second)},
			api.ReasonScalingDown,
			"3 of 3 ranks are ready; 1 above the desired size is ending; rank 3 is on node c, which does not answer",
		},
		{
			"a lost pod that was replaced",
			[]corev1.Pod{ready(0, "a"), ready(1, "b"), ready(2, "b"), gone(silenced(ready(2, "c")))},
			api.ReasonReady,
			"3 of 3 ranks are ready",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := settled(miniCluster(3, 1, 4))
			o.Pods, o.Now = tt.pods, now
			p := Make(o)
			if p.State != tt.state || p.Message != tt.message {
				t.Errorf("state %s, %q\nwant  %s, %q", p.State, p.Message, tt.state, tt.message)
			}
		})
	}
}

// gone is a pod that was reported as ended in the place of its kubelet.
func gone(p corev1.Pod) corev1.Pod {
	p.Status.Phase = corev1.PodFailed
	return p
}

// TestSchedulersWordsAreKeptButForItsAttempts: the first is of Kubernetes 1.34, the
// second of 1.27, the others of schedulers that say less.
func TestSchedulersWordsAreKeptButForItsAttempts(t *testing.T) {
	for message, want := range map[string]string{
		noRoom: "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match pod anti-affinity rules",
		"0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod..": "0/2 nodes are available: 2 Insufficient cpu",
		"0/2 nodes are available: 2 Insufficient cpu.": "0/2 nodes are available: 2 Insufficient cpu",
		"no room. Try later":                           "no room. Try later",
	} {
		if got := reasonsOfNodes(message); got != want {
			t.Errorf("%q becomes %q, want %q", message, got, want)
		}
	}
}

func TestManyNodesAreNotAllNamed(t *testing.T) {
	s := stranded{}
	for rank, node := range []string{"g", "f", "e", "d", "c", "b", "a"} {
		s.add(int32(rank), node)
	}
	if got, want := s.String(), "ranks 0-6 are on nodes a, b, c, d, e and 2 more, which do not answer"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReadinessGateIsNoLostNode(t *testing.T) {
	gated := silenced(on("a", pod("job", 1, true)))
	gated.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.org/target"}}
	if is, _ := isStranded(&gated, now); is {
		t.Error("a pod that waits for its readiness gate is taken for lost")
	}
	gated.Status.Conditions = append(gated.Status.Conditions, corev1.PodCondition{Type: "example.org/target", Status: corev1.ConditionTrue})
	if is, _ := isStranded(&gated, now); !is {
		t.Error("a lost pod is not seen behind its readiness gate")
	}
}

func TestPodThatEndsIsLookedAtWhenItIsLate(t *testing.T) {
	o := settled(miniCluster(2, 1, 4))
	o.Now = now
	o.Pods[1] = deleted(on("b", o.Pods[1]), -10*time.Second)
	if want := now.Add(10*time.Second + endSlack); !Make(o).WakeAt.Equal(want) {
		t.Errorf("wakes at %v, want %v", Make(o).WakeAt, want)
	}
	o.Now = now.Add(time.Hour)
	if p := Make(o); !p.WakeAt.IsZero() {
		t.Errorf("wakes at %v although time changes nothing more", p.WakeAt)
	}
}

func TestEarlierRanksOnALostNodeAreNamed(t *testing.T) {
	o := settled(miniCluster(2, 1, 4))
	o.Job, o.Now = nil, now
	o.Pods = []corev1.Pod{deleted(silenced(on("b", pod("job", 1, true))), time.Minute)}
	wantState(t, Make(o), api.ReasonRecreating, "still to end: 1; rank 1 is on node b, which does not answer")
}

func TestLostLeadIsNamedWithItsNode(t *testing.T) {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Flux.Enabled = ptr.To(true)
	mc.Status.Ready = 2
	o := settled(mc)
	o.Now = now
	o.Pods[0], o.Pods[1] = silenced(on("a", o.Pods[0])), on("b", o.Pods[1])
	wantState(t, Make(o), api.ReasonLeadLost, "rank 0 is on node a, which does not answer")
}

// TestDeletionByForceIsBelieved: and nothing else is. Nobody but the kubelet, or
// somebody who knows, can say that a pod has ended.
func TestDeletionByForceIsBelieved(t *testing.T) {
	lost := silenced(on("b", pod("job", 1, true)))
	foreign := lost
	foreign.OwnerReferences = pod("another", 1, true).OwnerReferences
	tests := []struct {
		name string
		pod  corev1.Pod
		want bool
	}{
		{"deleted by force", byForce(deleted(lost, 0)), true},
		{"by force, and the node has not been missed yet", byForce(deleted(on("b", pod("job", 1, true)), time.Second)), false},
		{"by force, and nobody ends it", byForce(deleted(on("b", pod("job", 1, true)), endSlack)), true},
		{"by force, and its kubelet has ended it", byForce(deleted(gone(lost), time.Hour)), false},
		{"by force, of an earlier Job", byForce(deleted(foreign, time.Hour)), false},
		{"evicted", deleted(lost, time.Hour), false},
		{"lost", lost, false},
	}
	for _, tt := range tests {
		o := settled(miniCluster(2, 1, 4))
		o.Now = now
		o.Pods[1] = tt.pod
		if got := len(Make(o).GiveUp) == 1; got != tt.want {
			t.Errorf("%s: given up %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestLostRankDoesNotHoldUpAShrink: it is drained as any other, and the lead, whose
// instance has lost it, says that nothing runs there.
func TestLostRankDoesNotHoldUpAShrink(t *testing.T) {
	mc := miniCluster(3, 1, 4)
	mc.Spec.Flux.Enabled = ptr.To(true)
	o := settled(mc)
	o.Now = now
	o.Pods[2] = deleted(silenced(on("b", o.Pods[2])), time.Hour)
	mc.Spec.Size = 2
	p := Make(o)
	if p.Job != nil || p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "2" {
		t.Fatalf("want rank 2 drained first: %+v", p)
	}
	o.Drain = &DrainAnswer{Ranks: set("2")}
	if p = Make(o); p.Job == nil || *p.Job.Spec.Completions != 2 {
		t.Errorf("want the Job shrunk: %+v", p)
	}
	if !strings.Contains(p.Message, "rank 2 is on node b, which does not answer") {
		t.Errorf("message %q", p.Message)
	}
}
