package api

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// comparison collects rounds of one thing done to a MiniCluster and to a bare Job.
type comparison struct {
	name                  string
	ours, bare, copied    []moments
	least                 []moments // empty where nobody measured it
	told                  []time.Duration
	reads, writes, status []float64
}

// moments of a resize, since its beginning: when the desired number of pods exists,
// and when all are ready. Both are the same if pods go.
type moments struct{ exist, ready time.Duration }

func newComparison(name string) *comparison { return &comparison{name: name} }

// round is how long one thing took with the MiniCluster, a bare Job and a copy of
// the MiniCluster's Job. It also has the time until the MiniCluster's status said
// so, and the operator's requests. least is the time for the fewest objects that
// make a MiniCluster, without an operator: what an operator that costs nothing
// would take.
type round struct {
	ours, bare, copied moments
	least              *moments
	told               time.Duration
	made               []request
}

func (c *comparison) add(r round) {
	c.ours, c.bare, c.copied, c.told = append(c.ours, r.ours), append(c.bare, r.bare), append(c.copied, r.copied), append(c.told, r.told)
	if r.least != nil {
		c.least = append(c.least, *r.least)
	}
	var reads, writes, status float64
	for _, request := range r.made {
		switch {
		case request.isRead():
			reads++
		case request.isWrite():
			writes++
			if request.subresource == "status" {
				status++
			}
		}
	}
	c.reads, c.writes, c.status = append(c.reads, reads), append(c.writes, writes), append(c.status, status)
}

// report reports the medians.
func (c *comparison) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // A run has no other time than its rounds'.
	for what, of := range map[string]func(moments) time.Duration{
		"exist": func(m moments) time.Duration { return m.exist },
		"ready": func(m moments) time.Duration { return m.ready },
	} {
		ours, bare, copied := medianOf(c.ours, of), medianOf(c.bare, of), medianOf(c.copied, of)
		name := c.name + "-" + what
		b.ReportMetric(milliseconds(ours), name+"-ms")
		b.ReportMetric(milliseconds(bare), name+"-bare-ms")
		b.ReportMetric(milliseconds(copied), name+"-copy-ms")
		b.ReportMetric(float64(ours)/float64(bare), name+"-ratio")
		b.ReportMetric(float64(ours)/float64(copied), name+"-copy-ratio")
		if len(c.least) > 0 {
			least := medianOf(c.least, of)
			b.ReportMetric(milliseconds(least), name+"-least-ms")
			b.ReportMetric(float64(least)/float64(bare), name+"-least-to-bare")
			b.ReportMetric(float64(ours)/float64(least), name+"-least-ratio")
		}
	}
	b.ReportMetric(milliseconds(median(c.told)), c.name+"-status-ms")
	b.ReportMetric(median(c.reads), c.name+"-reads")
	b.ReportMetric(median(c.writes), c.name+"-writes")
	b.ReportMetric(median(c.status), c.name+"-status-writes")
}

// median of an odd number of values.
func median[T time.Duration | float64](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

func medianOf(all []moments, of func(moments) time.Duration) time.Duration {
	values := make([]time.Duration, len(all))
	for i, m := range all {
		values[i] = of(m)
	}
	return median(values)
}

func milliseconds(d time.Duration) float64 { return math.Round(float64(d) / float64(time.Millisecond)) }

// requestsIn returns the operator's requests in a namespace.
func requestsIn(t testing.TB, namespace string) []request {
	t.Helper()
	return slices.DeleteFunc(requests(t), func(r request) bool { return r.namespace != namespace })
}

// bareJob is an elastic Indexed Job without an operator.
type bareJob struct {
	t   testing.TB
	key types.NamespacedName
}

// newBareJob is a Job as users write it who need no MiniCluster.
func newBareJob(namespace string, size int32) *batchv1.Job {
	job := &batchv1.Job{Spec: batchv1.JobSpec{
		CompletionMode: ptr.To(batchv1.IndexedCompletion),
		Completions:    &size,
		Parallelism:    &size,
		BackoffLimit:   ptr.To(int32(math.MaxInt32)),
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "rank", Image: "example.org/image:1", Command: []string{"work", "--hard"}}},
		}},
	}}
	job.Namespace, job.Name = namespace, "bare"
	return job
}

// copyOf returns a bare Job with the pods and policies of a MiniCluster's Job. It
// shows what these cost more than newBareJob, without the operator. Its pods have
// another label, which the operator ignores, and are spread by it like ranks.
func copyOf(job *batchv1.Job, namespace string) *batchv1.Job {
	c := &batchv1.Job{Spec: *job.Spec.DeepCopy()}
	c.Namespace, c.Name = namespace, "copy"
	c.Spec.Selector, c.Spec.ManualSelector = nil, nil
	label := map[string]string{"copy-of": job.Name}
	c.Spec.Template.Labels = label
	if a := c.Spec.Template.Spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		for i := range a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			a.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[i].PodAffinityTerm.LabelSelector = &metav1.LabelSelector{MatchLabels: label}
		}
	}
	return c
}

func createBareJob(t testing.TB, job *batchv1.Job) bareJob {
	t.Helper()
	if err := world.client.Create(t.Context(), job); err != nil {
		t.Fatalf("create the bare Job: %v", err)
	}
	world.kubelet.waitForReady(t, job.Namespace, int(*job.Spec.Completions))
	return bareJob{t, client.ObjectKeyFromObject(job)}
}

func (j bareJob) resize(size int32) moments {
	j.t.Helper()
	job := &batchv1.Job{}
	job.Namespace, job.Name = j.key.Namespace, j.key.Name
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"completions":%d,"parallelism":%d}}`, size, size))
	began := time.Now()
	if err := world.client.Patch(j.t.Context(), job, patch); err != nil {
		j.t.Fatalf("resize the bare Job: %v", err)
	}
	took := world.kubelet.waitForPods(j.t, j.key.Namespace, int(size), began)
	waitForJob(j.t, j.key, size)
	return took
}

// waitForJob waits until the Job controller has nothing left to do: the next round
// must begin at rest.
func waitForJob(t testing.TB, key types.NamespacedName, size int32) {
	t.Helper()
	eventually(t, func() error {
		var job batchv1.Job
		if err := world.client.Get(t.Context(), key, &job); err != nil {
			return err
		}
		s, uncounted := job.Status, ptr.Deref(job.Status.UncountedTerminatedPods, batchv1.UncountedTerminatedPods{})
		if s.Active != size || ptr.Deref(s.Ready, 0) != size || ptr.Deref(s.Terminating, 0) != 0 || len(uncounted.Failed)+len(uncounted.Succeeded) > 0 {
			return fmt.Errorf("the Job is not at rest: %+v", s)
		}
		return nil
	})
}

// waitForReady waits until a namespace has exactly so many pods, all ready.
func (k *kubelet) waitForReady(t testing.TB, namespace string, number int) {
	t.Helper()
	k.waitForPods(t, namespace, number, time.Now())
}

// waitForPods waits for that too, and returns how long it took since began. It asks
// the node: questions to the API server would change what is measured.
func (k *kubelet) waitForPods(t testing.TB, namespace string, number int, began time.Time) moments {
	t.Helper()
	const look = 2 * time.Millisecond
	var took moments
	var pods, ready int
	err := wait.PollUntilContextTimeout(t.Context(), look, patience, true, func(context.Context) (bool, error) {
		pods, ready = 0, 0
		for _, pod := range k.podsIn(namespace) {
			pods++
			if isReady(pod) && pod.DeletionTimestamp == nil {
				ready++
			}
		}
		if pods == number && took.exist == 0 {
			took.exist = time.Since(began)
		}
		return pods == number && ready == number, nil
	})
	if err != nil {
		t.Fatalf("%d pods of which %d are ready, want %d: %v", pods, ready, number, err)
	}
	took.ready = time.Since(began)
	return took
}

// residentMiB is the memory of the process that is in RAM (proc_pid_status(5)).
func (p *process) residentMiB(t testing.TB) float64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		t.Fatalf("read the operator's memory: %v", err)
	}
	for line := range bytes.Lines(data) {
		if fields := bytes.Fields(line); string(fields[0]) == "VmRSS:" {
			kib, err := strconv.ParseFloat(string(fields[1]), 64)
			if err != nil {
				t.Fatalf("read %q: %v", line, err)
			}
			return math.Round(kib / 1024)
		}
	}
	t.Fatal("the operator's memory is not told")
	return 0
}
