package e2e

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Rounds of BenchmarkReaction. An HPA looks every 15 seconds.
const (
	queueRounds = 20
	hpaRounds   = 3
)

// reactionIdleTime is how long ranks must be idle before they go.
const reactionIdleTime = 3 * time.Second

// reaction is what a size does after a submit, and after the end of the job.
type reaction struct{ written, running, started, gone time.Duration }

// BenchmarkReaction submits a job of three ranks to an instance of one, again and again: where
// the queue chooses the size, and where an HPA does by the metric ranks_wanted_count. Times are
// from before the submit, as a user counts, and the image is on the node. It makes its own
// cluster. Flux is played by the stand-in.
func BenchmarkReaction(b *testing.B) {
	w := newWorkspace(b)
	b.Cleanup(func() { w.run(b, "make", "destroy") })
	w.makeStack(b)
	w.run(b, "pulumi", "config", "set", "queueMetrics", "true")
	w.run(b, "make", "up", w.choice())
	w.buildPrograms(b)
	spec := v1alpha2.MiniClusterSpec{Size: 1, MaxSize: 4, Interactive: true}
	measured := w.applyFlux(b, "measured", spec)
	spec.Autoscaling.Queue = &v1alpha2.QueueAutoscaling{IdleSeconds: ptr.To(int32(reactionIdleTime / time.Second))}
	queued := w.applyFlux(b, "queued", spec)
	measured.waitForSize(b, 1)
	queued.waitForSize(b, 1)
	w.run(b, "kubectl", "apply", "-n", namespace, "-f", w.queueAutoscaler(b, measured.name))
	for b.Loop() {
		b.ReportMetric(0, "ns/op") // a run has no other time than its rounds'
		for _, contender := range []struct {
			name   string
			f      fluxInstance
			rounds int
		}{{"queue", queued, queueRounds}, {"hpa", measured, hpaRounds}} {
			var seen []reaction
			for range contender.rounds {
				seen = append(seen, contender.f.react(b))
			}
			for what, of := range map[string]func(reaction) time.Duration{
				"written": func(r reaction) time.Duration { return r.written },
				"running": func(r reaction) time.Duration { return r.running },
				"started": func(r reaction) time.Duration { return r.started },
				"gone":    func(r reaction) time.Duration { return r.gone },
			} {
				var times []time.Duration
				for _, r := range seen {
					times = append(times, of(r))
				}
				b.Logf("%s %s %v", contender.name, what, rounded(times))
				b.ReportMetric(median(times).Seconds(), contender.name+"-"+what+"-p50-s")
				b.ReportMetric(slices.Sorted(slices.Values(times))[len(times)*19/20].Seconds(), contender.name+"-"+what+"-p95-s")
			}
		}
	}
}

// react submits a job of three ranks, and lets it end.
func (f fluxInstance) react(b *testing.B) (r reaction) {
	b.Helper()
	begin := time.Now()
	// A look takes kubectl a tenth of a second, so that none is waited for between two.
	until := func(reached func() bool) time.Duration {
		b.Helper()
		for !reached() {
			if time.Since(begin) > 3*time.Minute {
				b.Fatalf("after %v still %+v", time.Since(begin), f.miniCluster(b).Status)
			}
		}
		return time.Since(begin)
	}
	job := f.queueHeld(b, "-N3")
	r.written = until(func() bool { return f.miniCluster(b).Spec.Size == 3 })
	r.running = until(func() bool {
		for _, rank := range []int{1, 2} {
			if f.pod(b, rank).Status.Phase != corev1.PodRunning {
				return false
			}
		}
		return true
	})
	r.started = until(func() bool {
		return f.differs(b, job.id+" RUN", "jobs", "-n", "-o", "{id} {status}") == ""
	})
	until(func() bool { return f.miniCluster(b).Status.Ready == 3 })
	begin = time.Now()
	job.release(b)
	r.gone = until(func() bool { return f.miniCluster(b).Status.Size == 1 })
	f.mustComplete(b, job.id)
	return r
}
