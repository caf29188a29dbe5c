package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/demo/standin"
	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// brokerURI is that of each rank's broker, as examples/interactive.yaml tells users.
const brokerURI = "local:///gopherlocks/run/local"

// fluxInstance is a MiniCluster of Flux, played by the stand-in. Its image is the
// demo workload's, which has only one program. Flux comes from a folder of the
// machine that all nodes see, and everything else from the node.
type fluxInstance struct {
	w    *workspace
	name string
}

// programsDir is the folder of the machine that all ranks mount, whatever node
// they are on.
func (w *workspace) programsDir() string { return filepath.Join(filepath.Dir(w.dir), "programs") }

// buildPrograms builds what runs in the ranks.
func (w *workspace) buildPrograms(t testing.TB) {
	t.Helper()
	for program, source := range map[string]string{
		"flux":  "./operator/internal/fluxstandin/cmd/flux",
		"scale": "./examples/self-scaling/go",
	} {
		w.run(t, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(w.programsDir(), program), source)
	}
}

// applyFlux makes a MiniCluster of the spec, to which it adds image and programs.
func (w *workspace) applyFlux(t testing.TB, name string, spec v1alpha2.MiniClusterSpec) fluxInstance {
	t.Helper()
	w.run(t, "kubectl", "apply", "-f", w.writeFlux(t, name, spec))
	return fluxInstance{w, name}
}

// writeFlux writes the manifest of such a MiniCluster, and returns the file's path.
func (w *workspace) writeFlux(t testing.TB, name string, spec v1alpha2.MiniClusterSpec) string {
	t.Helper()
	m := standin.MiniCluster(namespace, name, spec, standin.Place{
		Image:    w.miniCluster(t).Spec.Containers[0].Image,
		Programs: w.programsDir(),
		Resolve:  func(path string) string { return w.resolveOnNode(t, path) },
	})
	manifest, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.programsDir(), name+".json")
	if err := os.WriteFile(file, manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// remove deletes the MiniCluster and waits for the end of its pods.
func (f fluxInstance) remove(t testing.TB) {
	t.Helper()
	f.w.run(t, "kubectl", "delete", "minicluster", f.name, "-n", namespace)
	f.w.run(t, "kubectl", "wait", "pods", "-n", namespace, "-l", v1alpha2.LabelMiniCluster+"="+f.name, "--for=delete", "--timeout=60s")
}

func (f fluxInstance) miniCluster(t testing.TB) v1alpha2.MiniCluster {
	t.Helper()
	var m v1alpha2.MiniCluster
	f.w.get(t, &m, "minicluster", f.name, "-n", namespace)
	return m
}

// condition is one of the MiniCluster's conditions, or an empty one.
func (f fluxInstance) condition(t testing.TB, conditionType string) metav1.Condition {
	t.Helper()
	if c := meta.FindStatusCondition(f.miniCluster(t).Status.Conditions, conditionType); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// pod is the pod of a rank that does not end, or an empty one.
func (f fluxInstance) pod(t testing.TB, rank int) corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	f.w.get(t, &pods, "pods", "-n", namespace, "-l", fmt.Sprintf("job-name=%s,batch.kubernetes.io/job-completion-index=%d", f.name, rank))
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil {
			return pod
		}
	}
	return corev1.Pod{}
}

func (f fluxInstance) scale(t testing.TB, size int) {
	t.Helper()
	f.w.run(t, "kubectl", "scale", "minicluster", f.name, "-n", namespace, fmt.Sprintf("--replicas=%d", size))
}

// waitForSize waits until so many ranks, and no others, are part of the instance
// and take jobs.
func (f fluxInstance) waitForSize(t testing.TB, size int32) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		m := f.miniCluster(t)
		if s := m.Status; s.Size != size || s.Ready != size || s.Drain != nil || f.conditionReason(m) != v1alpha2.ReasonReady {
			return fmt.Sprintf("size %d, want %d: %+v", m.Spec.Size, size, s)
		}
		return f.differs(t, strings.TrimSuffix(fmt.Sprintf("0-%d", size-1), "-0"), "resource", "list", "-s", "up", "-no", "{ranks}")
	})
}

func (fluxInstance) conditionReason(m v1alpha2.MiniCluster) string {
	if c := meta.FindStatusCondition(m.Status.Conditions, v1alpha2.ConditionProgressing); c != nil {
		return c.Reason
	}
	return ""
}

// exec runs a command in the pod of the lead, like a user who enters it.
func (f fluxInstance) exec(t testing.TB, command ...string) (out, errOut string, err error) {
	t.Helper()
	return f.w.try("kubectl", append([]string{
		"exec", "-n", namespace, f.pod(t, 0).Name, "--", "env", "FLUX_URI=" + brokerURI,
	}, command...)...)
}

// flux runs a command of Flux, which must succeed, and returns its output.
func (f fluxInstance) flux(t testing.TB, args ...string) string {
	t.Helper()
	out, errOut, err := f.exec(t, append([]string{"flux"}, args...)...)
	if err != nil {
		t.Fatalf("flux %s: %v\n%s\n%s", strings.Join(args, " "), err, out, errOut)
	}
	return strings.TrimSpace(out)
}

// differs says how the output of a command of Flux differs from what is wanted,
// or nothing.
func (f fluxInstance) differs(t testing.TB, want string, args ...string) string {
	t.Helper()
	out, errOut, err := f.exec(t, append([]string{"flux"}, args...)...)
	if out = strings.TrimSpace(out); err == nil && out == want {
		return ""
	}
	return fmt.Sprintf("flux %s: %q %s, want %q", strings.Join(args, " "), out, errOut, want)
}

// await waits until a command of Flux prints what is wanted.
func (f fluxInstance) await(t testing.TB, want string, args ...string) {
	t.Helper()
	eventually(t, time.Minute, func() string { return f.differs(t, want, args...) })
}

// heldJob is a job that runs until it is released.
type heldJob struct {
	f       fluxInstance
	id, key string
}

// submitHeld submits a job with a task on each of so many ranks, and waits until
// it runs.
func (f fluxInstance) submitHeld(t testing.TB, ranks int) heldJob {
	t.Helper()
	job := f.queueHeld(t, fmt.Sprintf("-N%d", ranks))
	f.await(t, job.id+" RUN", "jobs", "-n", "-o", "{id} {status}")
	return job
}

// queueHeld submits such a job, with options of "flux submit", without waiting.
func (f fluxInstance) queueHeld(t testing.TB, options ...string) heldJob {
	t.Helper()
	key := fmt.Sprintf("release-%d", time.Now().UnixNano())
	command := []string{"sh", "-c", "until [ -e " + standin.Mounted + "/" + key + " ]; do sleep 0.1; done"}
	id := f.flux(t, slices.Concat([]string{"submit"}, options, command)...)
	return heldJob{f, id, key}
}

// release lets the job end.
func (j heldJob) release(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(j.f.w.programsDir(), j.key), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustComplete waits for the end of a job, which must be a success.
func (f fluxInstance) mustComplete(t testing.TB, id string) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		for line := range strings.Lines(f.flux(t, "jobs", "-a", "-n", "-o", "{id} {status}")) {
			job, status, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case job != id:
			case status == "COMPLETED":
				return ""
			case status == "FAILED" || status == "CANCELED":
				t.Fatalf("job %s has %s", id, status)
			default:
				return "job " + id + " is " + status
			}
		}
		return "there is no job " + id
	})
}
