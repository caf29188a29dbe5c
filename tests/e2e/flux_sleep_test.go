package e2e

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/demo/standin"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// testFluxSleeps puts an instance to sleep, wakes it with more ranks and a change that running
// ranks could not take over, and then makes such a change while a job runs.
func testFluxSleeps(t *testing.T, w *workspace) {
	f := w.applyFlux(t, "sleeper", v1alpha2.MiniClusterSpec{
		Size: 1, MaxSize: 2, Interactive: true, Flux: v1alpha2.Flux{StateDir: standin.Mounted + "/state-sleeper"},
	})
	f.waitForSize(t, 1)
	held := f.submitHeld(t, 1)
	waits := f.flux(t, "submit", "-N2", "true")
	f.patch(t, `{"suspend":true}`)
	f.awaitRest(t)
	held.release(t)
	eventually(t, 90*time.Second, func() string {
		if m := f.miniCluster(t); f.conditionReason(m) != v1alpha2.ReasonAsleep {
			return fmt.Sprintf("it does not sleep: %+v", m.Status)
		}
		return ""
	})
	w.run(t, "kubectl", "wait", "minicluster", f.name, "-n", namespace, "--for=condition=Ready", "--timeout=1s")
	var pods corev1.PodList
	w.get(t, &pods, "pods", "-n", namespace, "-l", "job-name="+f.name)
	if len(pods.Items) > 0 {
		t.Errorf("%d pods are left of what sleeps", len(pods.Items))
	}

	f.patch(t, `{"suspend":false,"size":2,"logging":{"timed":true}}`)
	f.waitForSize(t, 2)
	f.mustComplete(t, held.id)
	f.mustComplete(t, waits)

	var before batchv1.Job
	w.get(t, &before, "job", f.name, "-n", namespace)
	held = f.submitHeld(t, 2)
	waits = f.flux(t, "submit", "true")
	f.patch(t, `{"logging":{"timed":false}}`)
	f.awaitRest(t)
	held.release(t)
	eventually(t, 90*time.Second, func() string {
		out, _, err := w.try("kubectl", "get", "job", f.name, "-n", namespace, "-o", "jsonpath={.metadata.uid}")
		if err != nil || out == string(before.UID) {
			return fmt.Sprintf("the ranks have not been restarted: %q %v", out, err)
		}
		return ""
	})
	f.waitForSize(t, 2)
	f.mustComplete(t, held.id)
	f.mustComplete(t, waits)
	f.remove(t)
}

// patch changes fields of the spec.
func (f fluxInstance) patch(t testing.TB, spec string) {
	t.Helper()
	f.w.run(t, "kubectl", "patch", "minicluster", f.name, "-n", namespace, "--type=merge", "-p", `{"spec":`+spec+`}`)
}

// awaitRest waits until the queue is stopped.
func (f fluxInstance) awaitRest(t testing.TB) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		if m := f.miniCluster(t); m.Status.Drain == nil || f.conditionReason(m) != v1alpha2.ReasonDraining {
			return fmt.Sprintf("the instance does not rest: %+v", m.Status)
		}
		return ""
	})
}
