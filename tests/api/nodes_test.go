package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// nodes are the nodes of one test. They have their own zone, since the node
// lifecycle controller judges each zone separately. Node a stays.
type nodes struct {
	t    *testing.T
	zone string
	// beats end the heartbeats of each node.
	beats map[string]context.CancelFunc
	// byRank is the node of each rank. Ranks that it does not have go to node a.
	byRank map[string]string
}

// createOnNodes makes two nodes that report, and then an instance with its ranks on
// them.
func createOnNodes(t *testing.T, byRank map[string]string, spec api.MiniClusterSpec) (miniCluster, *lead, *nodes) {
	t.Helper()
	namespace := newNamespace(t)
	n := &nodes{t: t, zone: namespace, beats: map[string]context.CancelFunc{}, byRank: byRank}
	n.start("a")
	n.start("b")
	n.place()
	m, l := createInstanceIn(t, namespace, spec)
	return m, l, n
}

func (n *nodes) name(node string) string { return n.zone + "-" + node }

// place sends each rank to its node.
func (n *nodes) place() {
	byRank := n.byRank
	world.kubelet.setPlace(n.zone, func(pod *corev1.Pod) (string, string) {
		if node, found := byRank[rankOf(pod)]; found {
			return n.name(node), ""
		}
		return n.name("a"), ""
	})
}

// start makes a node, ready, that reports every second.
func (n *nodes) start(node string) {
	n.t.Helper()
	name := n.name(node)
	object := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: n.zone}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
	if err := world.client.Create(n.t.Context(), object); err != nil {
		n.t.Fatalf("create node %s: %v", name, err)
	}
	n.t.Cleanup(func() { _ = world.client.Delete(context.Background(), object) })
	// Renewed from its beginning, as a kubelet makes it: Kubernetes never takes a lease for
	// a newer one than a lease that was not renewed yet.
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: name},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &name, LeaseDurationSeconds: ptr.To[int32](40), RenewTime: ptr.To(metav1.NowMicro()),
		},
	}
	if err := world.client.Create(n.t.Context(), lease); err != nil {
		n.t.Fatalf("create the lease of node %s: %v", name, err)
	}
	n.beat(node)
}

// beat makes the node report until it is lost. Like a kubelet, it also sets its
// condition Ready again if somebody else has changed it.
func (n *nodes) beat(node string) {
	ctx, cancel := context.WithCancel(n.t.Context())
	n.beats[node] = cancel
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: n.name(node)}}
	go func() {
		for ctx.Err() == nil {
			renewed := fmt.Sprintf(`{"spec":{"renewTime":%q}}`, time.Now().UTC().Format(metav1.RFC3339Micro))
			_ = world.client.Patch(ctx, lease, client.RawPatch("application/merge-patch+json", []byte(renewed)))
			_ = sayReady(ctx, n.name(node)) // what fails is tried again with the next beat
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
}

// sayReady makes the condition of a node true, which its kubelet writes.
func sayReady(ctx context.Context, name string) error {
	var object corev1.Node
	if err := world.client.Get(ctx, client.ObjectKey{Name: name}, &object); err != nil {
		return err
	}
	if conditions := object.Status.Conditions; len(conditions) == 1 && conditions[0].Status == corev1.ConditionTrue {
		return nil
	}
	object.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
	}}
	return world.client.Status().Update(ctx, &object)
}

// lose makes the node fall silent. It says that it is ready for the last time: one that
// was slow, and is taken for lost already, would not be told of again.
func (n *nodes) lose(node string) {
	n.t.Helper()
	n.beats[node]()
	world.kubelet.setSilent(n.name(node), true)
	eventually(n.t, func() error { return sayReady(n.t.Context(), n.name(node)) })
}

// comeBack makes the node report again, and waits until it has said that it is ready.
func (n *nodes) comeBack(node string) {
	n.t.Helper()
	n.beat(node)
	eventually(n.t, func() error { return sayReady(n.t.Context(), n.name(node)) })
	world.kubelet.setSilent(n.name(node), false)
}

// remove removes the node, and reports the pods on it as ended, as the pod garbage
// collector does 40 to 60 s later.
// Source: markFailedAndDeletePodWithCondition in pkg/controller/podgc of Kubernetes.
func (n *nodes) remove(m miniCluster, node string) {
	n.t.Helper()
	name := n.name(node)
	if err := world.client.Delete(n.t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		n.t.Fatalf("delete node %s: %v", name, err)
	}
	for _, pod := range m.allPods() {
		if pod.Spec.NodeName != name {
			continue
		}
		ended := pod.DeepCopy()
		ended.Status.Phase = corev1.PodFailed
		setCondition(ended, corev1.DisruptionTarget, corev1.ConditionTrue)
		if err := world.client.Status().Patch(n.t.Context(), ended, client.StrategicMergeFrom(&pod)); err != nil {
			n.t.Fatalf("report the end of pod %s: %v", pod.Name, err)
		}
		if err := world.client.Delete(n.t.Context(), ended, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
			n.t.Fatalf("delete pod %s: %v", pod.Name, err)
		}
	}
}

// impatient is a spec with ranks that leave a lost node a second after it is given
// up. The default is five minutes.
func impatient(spec api.MiniClusterSpec) api.MiniClusterSpec {
	for _, key := range []string{corev1.TaintNodeUnreachable, corev1.TaintNodeNotReady} {
		spec.Pod.Tolerations = append(spec.Pod.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](1),
		})
	}
	return spec
}

// waitForMessage waits until the state has the reason and its message has the text.
func (m miniCluster) waitForMessage(reason, message string) {
	m.t.Helper()
	eventually(m.t, func() error {
		c := meta.FindStatusCondition(m.get().Status.Conditions, api.ConditionProgressing)
		if c == nil || c.Reason != reason || !strings.Contains(c.Message, message) {
			return fmt.Errorf("want %s and %q, have %+v", reason, message, c)
		}
		return nil
	})
}

// waitForDeletion waits until the rank's pod has been told to end.
func (m miniCluster) waitForDeletion(rank string) {
	m.t.Helper()
	eventually(m.t, func() error {
		if pod := m.pods()[rank]; pod != nil {
			return fmt.Errorf("pod %s is not told to end", pod.Name)
		}
		return nil
	})
}

func TestRanksThatFindNoNodeAreNamed(t *testing.T) {
	t.Parallel()
	const because = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules"
	namespace := newNamespace(t)
	world.kubelet.setPlace(namespace, func(pod *corev1.Pod) (string, string) {
		if rankOf(pod) == "2" {
			return "", because + ". preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
		}
		return nodeName, ""
	})
	spec := api.MiniClusterSpec{Size: 3}
	spec.Pod.Placement.Policy = api.PlacementOnePerNode
	m := createIn(t, namespace, spec)
	m.waitForMessage(api.ReasonScalingUp, "2 of 3 ranks are ready; waiting for rank 2; rank 2 finds no node: "+because)
	if s := m.get().Status; s.Ready != 2 || s.Size != 3 {
		t.Errorf("status %+v, want 2 of 3 ranks ready", s)
	}
	world.kubelet.setPlace(namespace, func(*corev1.Pod) (string, string) { return nodeName, "" })
	m.waitForSize(3)
}

// TestRankOfALostNodeComesBackElsewhere: the node falls silent under load, is
// given up, and is removed. Other ranks and their jobs go on.
func TestRankOfALostNodeComesBackElsewhere(t *testing.T) {
	t.Parallel()
	m, lead, n := createOnNodes(t, map[string]string{"1": "b"}, impatient(api.MiniClusterSpec{Size: 3, MaxSize: 4}))
	m.waitForSize(3)
	lead.setBusy(1, 2)
	lead.serve(m)
	before := uids(m.pods())

	n.lose("b")
	m.waitForMessage(api.ReasonScalingUp, "waiting for rank 1; rank 1 is on node "+n.name("b")+", which does not answer")
	if s := m.get().Status; s.Ready != 2 || meta.IsStatusConditionTrue(s.Conditions, api.ConditionReady) {
		t.Errorf("status %+v: a rank on a lost node counts as ready", s)
	}
	m.waitForDeletion("1")
	m.waitForMessage(api.ReasonScalingUp, "rank 1 is on node "+n.name("b")+", which does not answer")

	n.byRank = nil
	n.place()
	n.remove(m, "b")
	m.waitForSize(3)
	after := m.pods()
	if after["1"].UID == before["1"] || after["1"].Spec.NodeName != n.name("a") {
		t.Errorf("rank 1 is pod %s on node %s", after["1"].Name, after["1"].Spec.NodeName)
	}
	for _, rank := range []string{"0", "2"} {
		if after[rank].UID != before[rank] {
			t.Errorf("rank %s was replaced too", rank)
		}
	}
	if c := meta.FindStatusCondition(m.get().Status.Conditions, api.ConditionFailed); c.Status != metav1.ConditionFalse {
		t.Errorf("condition %+v", c)
	}
}

// TestNodeThatComesBackKeepsItsRanks: its ranks tolerate its taint for longer than
// it was away.
func TestNodeThatComesBackKeepsItsRanks(t *testing.T) {
	t.Parallel()
	m, _, n := createOnNodes(t, map[string]string{"1": "b"}, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	before := uids(m.pods())
	n.lose("b")
	m.waitForMessage(api.ReasonScalingUp, "rank 1 is on node "+n.name("b")+", which does not answer")
	n.comeBack("b")
	m.waitForSize(2)
	if fmt.Sprint(uids(m.pods())) != fmt.Sprint(before) {
		t.Error("a rank was replaced")
	}
}

// TestRestartedNodeEndsNoInstance: its kubelet finds all containers gone, even the
// lead's.
func TestRestartedNodeEndsNoInstance(t *testing.T) {
	t.Parallel()
	m, _, n := createOnNodes(t, map[string]string{"0": "b", "1": "b"}, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	before := m.pods()
	n.lose("b")
	m.waitForMessage(api.ReasonLeadLost, "ranks 0-1 are on node "+n.name("b")+", which does not answer")
	for _, pod := range before {
		eventually(t, func() error {
			now := pod.DeepCopy()
			if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(pod), now); err != nil {
				return client.IgnoreNotFound(err)
			}
			if now.Status.Phase == corev1.PodFailed {
				return nil
			}
			world.kubelet.endRank(t.Context(), now, lostContainer)
			return fmt.Errorf("pod %s is %s", now.Name, now.Status.Phase)
		})
	}
	n.comeBack("b")
	m.waitForSize(2)
	running := map[string]bool{}
	for _, pod := range m.allPods() { // the Job keeps those that have failed
		if pod.Status.Phase == corev1.PodRunning {
			running[rankOf(&pod)] = pod.UID != before[rankOf(&pod)].UID
		}
	}
	if !running["0"] || !running["1"] {
		t.Errorf("replaced are %v, want ranks 0 and 1", running)
	}
	m.waitForEvent(api.EventLeadBack)
}

// lostContainer is the exit code that a container runtime reports for a lost
// container.
const lostContainer = 255

// TestShrinkIsNotHeldUpByALostNode: the instance has lost the rank, so no job runs
// there. The Job shrinks although no kubelet ends the pod.
func TestShrinkIsNotHeldUpByALostNode(t *testing.T) {
	t.Parallel()
	m, lead, n := createOnNodes(t, map[string]string{"2": "b"}, impatient(api.MiniClusterSpec{Size: 3, MaxSize: 4}))
	m.waitForSize(3)
	lead.setBusy(2)
	lead.serve(m)
	n.lose("b")
	m.waitForMessage(api.ReasonScalingUp, "rank 2 is on node "+n.name("b"))
	lead.setBusy() // by the failure of its node, the job has ended
	m.mustScale(2)
	m.waitForMessage(api.ReasonScalingDown, "1 above the desired size is ending; rank 2 is on node "+n.name("b")+", which does not answer")
	m.wantCompletions(2)
	if !meta.IsStatusConditionTrue(m.get().Status.Conditions, api.ConditionReady) {
		t.Error("not Ready, although every desired rank is")
	}
	n.remove(m, "b")
	m.waitForSize(2)
	m.mustScale(3)
	n.byRank = nil
	n.place()
	m.waitForSize(3)
}

// TestRankDeletedByForceIsReplaced: a forced deletion says that the pod does not
// run any more. By itself the Job would wait for the kubelet's report.
func TestRankDeletedByForceIsReplaced(t *testing.T) {
	t.Parallel()
	m, _, n := createOnNodes(t, map[string]string{"1": "b"}, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	n.lose("b")
	m.waitForMessage(api.ReasonScalingUp, "rank 1 is on node "+n.name("b"))
	lost := m.pods()["1"]
	n.byRank = nil
	n.place()
	out, err := kubectl(t, "delete", "pod", lost.Name, "-n", m.key.Namespace, "--force", "--wait=false")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	m.waitForSize(2)
	if rank := m.pods()["1"]; rank.UID == lost.UID || rank.Spec.NodeName != n.name("a") {
		t.Errorf("rank 1 is pod %s on node %s", rank.Name, rank.Spec.NodeName)
	}
}
