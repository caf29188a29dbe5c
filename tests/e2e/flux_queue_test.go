package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// testFluxScalesByQueue lets jobs choose the size. The demo does the same beside it, with
// a MiniCluster of its own, and so does an HPA that reads the queue's metrics.
func testFluxScalesByQueue(t *testing.T, w *workspace) {
	w.run(t, "pulumi", "config", "set", "queueMetrics", "true")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	measured := w.applyFlux(t, "measured", v1alpha2.MiniClusterSpec{Size: 1, MaxSize: 4, Interactive: true})
	measured.waitForSize(t, 1)
	w.run(t, "kubectl", "apply", "-n", namespace, "-f", w.queueAutoscaler(t, measured.name))
	three := measured.queueHeld(t, "-N3")

	demo := w.start(t, "gopherlocks-demo", "-stand-in", w.programsDir(), "-work", "1s")
	f := w.applyFlux(t, "queued", v1alpha2.MiniClusterSpec{
		Size: 1, MaxSize: 4, Interactive: true,
		Autoscaling: v1alpha2.Autoscaling{Queue: &v1alpha2.QueueAutoscaling{IdleSeconds: ptr.To[int32](3)}},
	})
	f.waitForSize(t, 1)
	written := f.miniCluster(t).Generation // counts the writes of the spec

	held := f.flux(t, "submit", "--urgency=0", "-N4", "true")
	f.awaitQueue(t, v1alpha2.QueueStatus{Held: 1, Wanted: 1})
	f.flux(t, "cancel", held)
	f.mustHaveBeenWritten(t, written, 1)

	large := f.submitHeld(t, 4)
	f.mustHaveBeenWritten(t, written+1, 4) // at once, to the whole size
	f.awaitQueue(t, v1alpha2.QueueStatus{Running: 1, Wanted: 4})
	w.show(t, "get", "minicluster", f.name, "-o", "wide")

	// The next job gets the low ranks. The high ones are idle, and go.
	small := f.queueHeld(t, "-N2")
	large.release(t)
	f.mustComplete(t, large.id)
	f.waitForSize(t, 2)
	f.await(t, small.id+" RUN", "jobs", "-n", "-o", "{id} {status}")
	small.release(t)
	f.mustComplete(t, small.id)
	f.waitForSize(t, 1)
	w.show(t, "get", "events", "--field-selector", "involvedObject.kind=MiniCluster,involvedObject.name="+f.name)
	f.remove(t)

	// Kubernetes looks every 15 seconds.
	measured.waitForSize(t, 3)
	path := fmt.Sprintf("/apis/custom.metrics.k8s.io/v1beta2/namespaces/%s/miniclusters.flux-framework.org/%s/ranks_wanted_count", namespace, measured.name)
	if said := w.run(t, "kubectl", "get", "--raw", path); !strings.Contains(said, `"value":"3"`) {
		t.Errorf("the metric is %s, want 3", said)
	}
	w.show(t, "get", "hpa", measured.name+"-hpa")
	three.release(t)
	measured.mustComplete(t, three.id)
	w.run(t, "kubectl", "delete", "hpa", measured.name+"-hpa", "-n", namespace)
	measured.remove(t)

	said := demo.wait(t)
	t.Log(said)
	if !strings.Contains(said, "in an instance of the stand-in for Flux") {
		t.Error("the demo does not say that it has shown the stand-in")
	}
}

// queueAutoscaler is the file of the HPA of examples/queue-metrics.yaml, for a MiniCluster.
func (w *workspace) queueAutoscaler(t testing.TB, name string) string {
	t.Helper()
	example, err := os.ReadFile(filepath.Join(w.dir, "examples/queue-metrics.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, hpa, found := strings.Cut(string(example), "\n---\n")
	if !found {
		t.Fatal("the example has one document, want two")
	}
	file := filepath.Join(w.programsDir(), name+"-hpa.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(hpa, "flux-sample", name)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// awaitQueue waits until the status tells of such a queue, and says why.
func (f fluxInstance) awaitQueue(t testing.TB, want v1alpha2.QueueStatus) {
	t.Helper()
	eventually(t, 30*time.Second, func() string {
		got := f.miniCluster(t).Status.Queue
		if got == nil {
			return "the status has no queue"
		}
		if want.Message = got.Message; *got != want || got.Message == "" {
			return fmt.Sprintf("queue %+v, want %+v and a message", *got, want)
		}
		return ""
	})
}

// mustHaveBeenWritten checks how often the spec was written, and the size in it.
func (f fluxInstance) mustHaveBeenWritten(t *testing.T, generation int64, size int32) {
	t.Helper()
	if m := f.miniCluster(t); m.Generation != generation || m.Spec.Size != size {
		t.Errorf("generation %d and size %d, want %d and %d", m.Generation, m.Spec.Size, generation, size)
	}
}
