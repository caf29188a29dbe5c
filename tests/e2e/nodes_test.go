package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestNodesComeAndGo is also one test with many parts, on its own cluster. That has
// a control plane, which takes no ranks, and two workers. One worker is lost again
// and again.
func TestNodesComeAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("the loss of a node takes its time; make test-kind tries it")
	}
	if chosenProvider(t) != kind {
		t.Skipf("needs several nodes: set %s=%s", providerVariable, kind)
	}
	w := newWorkspace(t)
	w.makeStack(t)
	t.Cleanup(func() { w.run(t, "make", "destroy") })
	w.run(t, "make", "up", w.choice())
	w.buildPrograms(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *workspace)
	}{
		{"ranks have a node each, or wait for one", testOnePerNode},
		{"a drained node keeps the lead", testNodeOfLeadDrained},
		{"a drained node lets its jobs end", testNodeDrained},
		{"a restarted node ends no instance", testNodeRestarted},
		{"a node that is lost under load takes only its own jobs, and comes back", testNodeLost},
		{"the lead moves when its instance is idle", testLeadMoved},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, w) }) {
			t.Fatalf("the parts after %q need it", part.name)
		}
	}
}

// nodePatience is how long something may take that waits for Kubernetes to give up
// a node or its pods: 50 s for the one, up to 60 s for the other.
const nodePatience = 5 * time.Minute

func testOnePerNode(t *testing.T, w *workspace) {
	spec := v1alpha2.MiniClusterSpec{Size: 2, MaxSize: 3, Interactive: true}
	spec.Pod.Placement.Policy = v1alpha2.PlacementOnePerNode
	f := w.applyFlux(t, "apart", spec)
	f.waitForSize(t, 2)
	if nodes := f.nodesOf(t); nodes[0] == nodes[1] {
		t.Errorf("the ranks are on nodes %q, want two", nodes)
	}
	f.scale(t, 3)
	f.awaitMessage(t, time.Minute, "2 of 3 ranks are ready; waiting for rank 2; rank 2 finds no node: 0/3 nodes are available: ")
	if said := f.condition(t, v1alpha2.ConditionProgressing).Message; !strings.HasSuffix(said, "2 node(s) didn't match pod anti-affinity rules") {
		t.Errorf("the message does not end with what is against the nodes: %q", said)
	}
	w.show(t, "get", "minicluster", f.name)
	w.show(t, "get", "minicluster", f.name, "-o", `jsonpath={.status.conditions[?(@.type=="Progressing")].message}`)
	f.scale(t, 2)
	f.waitForSize(t, 2)
	f.remove(t)
}

// several is the instance of the following parts. Its ranks leave a lost node soon.
const several = "several"

// testNodeOfLeadDrained drains the lead's node. The drain gives up after a while,
// since the lead's budget keeps it there.
func testNodeOfLeadDrained(t *testing.T, w *workspace) {
	spec := v1alpha2.MiniClusterSpec{Size: 3, MaxSize: 4, Interactive: true}
	spec.Pod.TerminationGracePeriodSeconds = ptr.To[int64](120)
	for _, key := range []string{corev1.TaintNodeUnreachable, corev1.TaintNodeNotReady} {
		spec.Pod.Tolerations = append(spec.Pod.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](5),
		})
	}
	f := w.applyFlux(t, several, spec)
	f.waitForSize(t, 3)
	if nodes := f.nodesOf(t); len(ranksOn(nodes, nodes[0])) == 3 {
		t.Errorf("three ranks are not spread over two nodes: %q", nodes)
	}
	lead := f.pod(t, 0)
	said := w.fail(t, "kubectl", "drain", lead.Spec.NodeName, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=30s")
	if want := "Cannot evict pod as it would violate the pod's disruption budget"; !strings.Contains(said, want) {
		t.Errorf("draining the lead's node does not say %q:\n%s", want, said)
	}
	t.Logf("kubectl drain %s --timeout=30s\n%s", lead.Spec.NodeName, said)
	w.run(t, "kubectl", "uncordon", lead.Spec.NodeName)
	f.awaitSize(t, 3)
	if now := f.pod(t, 0); now.UID != lead.UID {
		t.Error("the lead was replaced")
	}
}

// testNodeDrained drains the other node during a job. All else there, even the
// operator, moves to the lead's node, and stays there in the following parts.
func testNodeDrained(t *testing.T, w *workspace) {
	f := fluxInstance{w, several}
	nodes := f.nodesOf(t)
	lead, other := nodes[0], w.otherWorker(t, nodes[0])
	leaving := ranksOn(nodes, other)
	if len(leaving) == 0 {
		t.Fatalf("no rank is on %s: %q", other, nodes)
	}
	held := f.submitHeld(t, 3)
	drain := w.start(t, "kubectl", "drain", other, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=5m")
	f.awaitStopping(t, leaving)
	held.release(t)
	f.mustComplete(t, held.id)
	t.Logf("kubectl drain %s\n%s", other, drain.wait(t))
	f.awaitSize(t, 3)
	if nodes := f.nodesOf(t); len(ranksOn(nodes, lead)) != 3 {
		t.Errorf("ranks are on %q, want all on %s", nodes, lead)
	}
	w.run(t, "kubectl", "uncordon", other)
}

// awaitStopping waits until ranks have drained themselves: their pods are being
// stopped.
func (f fluxInstance) awaitStopping(t *testing.T, ranks []int) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		var stopping []int
		for line := range strings.Lines(f.flux(t, "resource", "status", "-s", "draining", "-no", "{ranks} {reason}")) {
			set, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
			if reason == "gopherlocks: pod is being stopped" {
				stopping = append(stopping, ranksIn(t, set)...)
			}
		}
		slices.Sort(stopping)
		if !slices.Equal(stopping, ranks) {
			return fmt.Sprintf("ranks %v are being stopped, want %v", stopping, ranks)
		}
		return ""
	})
}

// testNodeRestarted cuts a node's power for a moment: when it is back, its
// containers are gone.
func testNodeRestarted(t *testing.T, w *workspace) {
	f := fluxInstance{w, several}
	jobs, lost, node := f.loadNodes(t)
	w.run(t, "docker", "kill", node)
	w.run(t, "docker", "start", node)
	f.awaitOutcome(t, jobs, lost)
	f.awaitSize(t, 3)
	f.wantWhole(t)
	f.wantGone(t, lost)
}

// testNodeLost cuts a node's power. When the node does not come back, it removes
// the node as an administrator would, and then brings it back.
func testNodeLost(t *testing.T, w *workspace) {
	f := fluxInstance{w, several}
	jobs, lost, node := f.loadNodes(t)
	lead := f.nodesOf(t)[0]
	w.run(t, "docker", "kill", node)
	f.awaitMessage(t, nodePatience, "on node "+node+", which does not answer")
	eventually(t, time.Minute, func() string { // Kubernetes gives up one pod after the other
		if ready, want := f.miniCluster(t).Status.Ready, int32(3-len(lost)); ready != want {
			return fmt.Sprintf("%d ranks count as ready, want %d: the others are on a lost node", ready, want)
		}
		return ""
	})
	w.show(t, "get", "nodes")
	w.show(t, "get", "minicluster", f.name)
	w.show(t, "get", "minicluster", f.name, "-o", `jsonpath={.status.conditions[?(@.type=="Progressing")].message}`)
	w.run(t, "kubectl", "delete", "node", node)
	begin := time.Now()
	f.awaitOutcome(t, jobs, lost)
	f.awaitSize(t, 3)
	t.Logf("whole again %s after kubectl delete node", time.Since(begin).Round(time.Second))
	if nodes := f.nodesOf(t); len(ranksOn(nodes, lead)) != 3 {
		t.Errorf("ranks are on %q, want all on %s", nodes, lead)
	}
	f.wantWhole(t)

	w.run(t, "docker", "start", node)
	eventually(t, nodePatience, func() string {
		out, errOut, err := w.try("kubectl", "wait", "node/"+node, "--for=condition=Ready", "--timeout=10s")
		if err != nil {
			return out + errOut
		}
		return ""
	})
	f.scale(t, 1)
	f.awaitSize(t, 1)
	f.scale(t, 3)
	f.awaitSize(t, 3)
	if nodes := f.nodesOf(t); len(ranksOn(nodes, node)) == 0 {
		t.Errorf("ranks are on %q: none is on %s, which is back", nodes, node)
	}
	f.wantWhole(t)
}

// testLeadMoved follows docs/several-nodes.md. In the end the lead's node can be
// drained.
func testLeadMoved(t *testing.T, w *workspace) {
	f := fluxInstance{w, several}
	lead := f.pod(t, 0)
	job := f.submitHeldAlone(t)
	w.run(t, "kubectl", "cordon", lead.Spec.NodeName)
	f.flux(t, "queue", "stop", "--all")
	idle := w.start(t, "kubectl", "exec", "-n", namespace, lead.Name, "--", "env", "FLUX_URI="+brokerURI, "flux", "queue", "idle")
	job.release(t)
	idle.wait(t)
	f.mustComplete(t, job.id)
	w.run(t, "kubectl", "delete", "pod", lead.Name, "-n", namespace)
	w.run(t, "kubectl", "wait", "minicluster/"+f.name, "-n", namespace, "--for=condition=Ready", "--timeout=5m")
	f.flux(t, "queue", "start", "--all")
	f.awaitSize(t, 3)
	f.wantWhole(t)
	if now := f.pod(t, 0); now.Spec.NodeName == lead.Spec.NodeName {
		t.Errorf("the lead is on %s as before", now.Spec.NodeName)
	}
	w.run(t, "kubectl", "drain", lead.Spec.NodeName, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=5m")
	w.run(t, "kubectl", "uncordon", lead.Spec.NodeName)
}

// loadNodes spreads three ranks anew and gives each its own job. It returns the
// jobs by rank, the ranks outside of the lead's node, and their node.
func (f fluxInstance) loadNodes(t *testing.T) (jobs map[int]heldJob, lost []int, node string) {
	t.Helper()
	f.scale(t, 1)
	f.awaitSize(t, 1)
	f.scale(t, 3)
	f.awaitSize(t, 3)
	nodes := f.nodesOf(t)
	node = f.w.otherWorker(t, nodes[0])
	if lost = ranksOn(nodes, node); len(lost) == 0 {
		t.Fatalf("three ranks are not spread over two nodes: %q", nodes)
	}
	jobs = map[int]heldJob{}
	for range 3 {
		job := f.submitHeldAlone(t)
		on := ranksIn(t, f.flux(t, "jobs", "-n", "-o", "{ranks}", "-c", "1")) // the newest
		jobs[on[0]] = job
	}
	if len(jobs) != 3 {
		t.Fatalf("three jobs run on %d ranks", len(jobs))
	}
	return jobs, lost, node
}

// submitHeldAlone submits a job that has a rank to itself.
func (f fluxInstance) submitHeldAlone(t *testing.T) heldJob {
	t.Helper()
	job := f.queueHeld(t, "-N1", "-x")
	eventually(t, time.Minute, func() string {
		for line := range strings.Lines(f.flux(t, "jobs", "-n", "-o", "{id} {status}")) {
			if strings.TrimSpace(line) == job.id+" RUN" {
				return ""
			}
		}
		return "job " + job.id + " does not run"
	})
	return job
}

// awaitOutcome waits until the jobs of lost ranks have failed. The other jobs still
// run; it lets them complete.
func (f fluxInstance) awaitOutcome(t *testing.T, jobs map[int]heldJob, lost []int) {
	t.Helper()
	for rank, job := range jobs {
		want := "RUN"
		if slices.Contains(lost, rank) {
			want = "FAILED"
		}
		eventually(t, nodePatience, func() string {
			for line := range strings.Lines(f.flux(t, "jobs", "-a", "-n", "-o", "{id} {status}")) {
				if strings.TrimSpace(line) == job.id+" "+want {
					return ""
				}
			}
			return fmt.Sprintf("job %s on rank %d is not %s", job.id, rank, want)
		})
	}
	for rank, job := range jobs {
		job.release(t)
		if !slices.Contains(lost, rank) {
			f.mustComplete(t, job.id)
		}
	}
}

// awaitSize is waitForSize with more patience, for lost nodes.
func (f fluxInstance) awaitSize(t *testing.T, size int32) {
	t.Helper()
	eventually(t, nodePatience, func() string {
		if s := f.miniCluster(t).Status; s.Ready != size || s.Size != size {
			return fmt.Sprintf("size %d, want %d ranks: %+v", s.Size, size, s.Conditions)
		}
		return ""
	})
	f.waitForSize(t, size)
}

// wantWhole runs a job on all ranks, and looks for signs that the instance has
// ended.
func (f fluxInstance) wantWhole(t *testing.T) {
	t.Helper()
	f.flux(t, "run", "-N3", "true")
	for _, conditionType := range []string{v1alpha2.ConditionFailed, v1alpha2.ConditionComplete} {
		if meta.IsStatusConditionTrue(f.miniCluster(t).Status.Conditions, conditionType) {
			t.Errorf("condition %s of an instance that goes on: %+v", conditionType, f.condition(t, conditionType))
		}
	}
}

// awaitMessage waits until the state's message has the text.
func (f fluxInstance) awaitMessage(t *testing.T, patience time.Duration, message string) {
	t.Helper()
	eventually(t, patience, func() string {
		if c := f.condition(t, v1alpha2.ConditionProgressing); !strings.Contains(c.Message, message) {
			return fmt.Sprintf("%s %q does not tell of %q", c.Reason, c.Message, message)
		}
		return ""
	})
}
