package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// elastic is the instance of Flux that testFluxRunsJobs makes, and that all parts
// use until testFluxSelfScaling removes it.
const elastic = "elastic"

func elasticInstance(w *workspace) fluxInstance { return fluxInstance{w, elastic} }

func testFluxRunsJobs(t *testing.T, w *workspace) {
	w.buildPrograms(t)
	f := w.applyFlux(t, elastic, v1alpha2.MiniClusterSpec{Size: 2, MaxSize: 4, Interactive: true, SelfScaling: true})
	f.waitForSize(t, 2)
	hosts := strings.Fields(f.flux(t, "run", "-N2", "uname", "-n"))
	if len(hosts) != 2 || hosts[0] == hosts[1] {
		t.Errorf("a job on two ranks ran on %q, want both hosts", hosts)
	}
}

// testFluxShrinks shrinks twice while a job runs on all ranks. The first time the
// old size is set again.
func testFluxShrinks(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	f.scale(t, 3)
	f.waitForSize(t, 3)
	held := f.submitHeld(t, 3)
	next := f.flux(t, "submit", "true")

	f.scale(t, 1)
	f.awaitDraining(t, "1-2")
	f.scale(t, 3)
	f.await(t, "", "resource", "status", "-s", "drain", "-no", "{ranks}")

	f.scale(t, 1)
	f.awaitDraining(t, "1-2")
	var job batchv1.Job
	w.get(t, &job, "job", f.name, "-n", namespace)
	if *job.Spec.Completions != 3 || f.miniCluster(t).Status.Ready != 3 {
		t.Errorf("the Job has %d ranks while a job runs on all three", *job.Spec.Completions)
	}
	held.release(t)
	f.mustComplete(t, held.id)
	f.mustComplete(t, next)
	f.waitForSize(t, 1)

	f.scale(t, 3)
	f.waitForSize(t, 3)
	f.flux(t, "run", "-N3", "true")
}

// awaitDraining waits until ranks are drained, and the MiniCluster says that they
// are busy.
func (f fluxInstance) awaitDraining(t *testing.T, ranks string) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		m := f.miniCluster(t)
		if drain := m.Status.Drain; drain == nil || drain.Ranks != ranks || drain.Busy != ranks || f.conditionReason(m) != v1alpha2.ReasonDraining {
			return fmt.Sprintf("ranks %s are not draining: %+v", ranks, m.Status)
		}
		return ""
	})
	f.await(t, ranks, "resource", "status", "-s", "draining", "-no", "{ranks}")
}

// testFluxEviction evicts a rank as "kubectl drain" does.
func testFluxEviction(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	if said := f.evict(t, 0); !strings.Contains(said, "disruption budget") {
		t.Errorf("the lead was to be kept by its disruption budget: %s", said)
	}
	held := f.submitHeld(t, 3)
	before := f.pod(t, 2)
	if said := f.evict(t, 2); !strings.Contains(said, "Success") {
		t.Fatalf("evicting rank 2: %s", said)
	}
	f.await(t, "2 gopherlocks: pod is being stopped", "resource", "status", "-s", "draining", "-no", "{ranks} {reason}")
	held.release(t)
	f.mustComplete(t, held.id)
	f.waitForReplacement(t, 2, before)
}

// evict asks for a rank's eviction and returns the answer.
func (f fluxInstance) evict(t *testing.T, rank int) string {
	t.Helper()
	pod := f.pod(t, rank).Name
	eviction, err := json.Marshal(policyv1.Eviction{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1.SchemeGroupVersion.String(), Kind: "Eviction"},
		ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: namespace},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(f.w.programsDir(), "eviction.json")
	if err := os.WriteFile(file, eviction, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, _ := f.w.try("kubectl", "create", "-f", file, "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/eviction", namespace, pod))
	return out + errOut // an eviction that is refused is an answer too
}

// waitForReplacement waits until the rank is back in another pod, and all three
// take jobs.
func (f fluxInstance) waitForReplacement(t *testing.T, rank int, before corev1.Pod) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		if now := f.pod(t, rank); now.UID == "" || now.UID == before.UID {
			return fmt.Sprintf("rank %d has no new pod", rank)
		}
		return ""
	})
	f.waitForSize(t, 3)
	f.flux(t, "run", "-N3", "true")
}

func testFluxRankLost(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	before := f.pod(t, 1)
	w.run(t, "kubectl", "delete", "pod", before.Name, "-n", namespace, "--force", "--grace-period=0")
	f.waitForReplacement(t, 1, before)
}

func testFluxLeadLost(t *testing.T, w *workspace) {
	f := elasticInstance(w)
	lead := f.pod(t, 0)
	followers := []corev1.Pod{f.pod(t, 1), f.pod(t, 2)}
	w.run(t, "kubectl", "delete", "pod", lead.Name, "-n", namespace, "--force", "--grace-period=0")
	eventually(t, 30*time.Second, func() string {
		if c := f.condition(t, v1alpha2.ConditionReady); c.Reason != v1alpha2.ReasonLeadLost {
			return fmt.Sprintf("the loss of the lead does not show: %+v", c)
		}
		return ""
	})
	f.waitForReplacement(t, 0, lead)
	for i, before := range followers {
		now := f.pod(t, i+1)
		if now.UID != before.UID || now.Status.ContainerStatuses[0].RestartCount != 0 {
			t.Errorf("the loss of the lead replaced or restarted the pod of rank %d: %+v", i+1, now.Status)
		}
	}
	eventually(t, 30*time.Second, func() string {
		var events corev1.EventList
		w.get(t, &events, "events", "-n", namespace, "--field-selector", "reason="+v1alpha2.EventLeadBack+",involvedObject.name="+f.name)
		if len(events.Items) == 0 {
			return "no event tells that the lead is back"
		}
		return ""
	})
}

// testFluxEnds runs commands to their end, one that succeeds and one that fails.
func testFluxEnds(t *testing.T, w *workspace) {
	submit := func(name, command string) fluxInstance {
		return w.applyFlux(t, name, v1alpha2.MiniClusterSpec{
			Size: 2, MaxSize: 2, Tasks: ptr.To[int32](2), Logging: v1alpha2.Logging{Quiet: true},
			Containers: []v1alpha2.Container{{Command: command}},
		})
	}
	good := submit("ends-well", "echo the only line")
	bad := submit("ends-badly", "sh -c 'exit 3'")
	good.mustEnd(t, v1alpha2.ConditionComplete, v1alpha2.ReasonCommandSucceeded, 0)
	bad.mustEnd(t, v1alpha2.ConditionFailed, v1alpha2.ReasonCommandFailed, 3)
	for _, f := range []fluxInstance{good, bad} {
		want := map[string]string{good.name: "the only line\nthe only line\n"}[f.name]
		got := w.run(t, "kubectl", "logs", "-n", namespace, "-l", "job-name="+f.name, "--tail=-1")
		if got != want {
			t.Errorf("%s printed %q, want nothing but its command's %q", f.name, got, want)
		}
		f.remove(t)
	}
}

func (f fluxInstance) mustEnd(t *testing.T, conditionType, reason string, exitCode int32) {
	t.Helper()
	f.w.run(t, "kubectl", "wait", "minicluster", f.name, "-n", namespace, "--for=condition="+conditionType, "--timeout=60s")
	m := f.miniCluster(t)
	if got := f.condition(t, conditionType); got.Reason != reason || m.Status.ExitCode == nil || *m.Status.ExitCode != exitCode {
		t.Errorf("%s: exit code %v and %+v, want %d and %s", f.name, m.Status.ExitCode, got, exitCode, reason)
	}
}
