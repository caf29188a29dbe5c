package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

func uids(pods map[string]*corev1.Pod) map[string]types.UID {
	found := map[string]types.UID{}
	for rank, pod := range pods {
		found[rank] = pod.UID
	}
	return found
}

func TestGrowAndShrinkIsOneWriteAndKeepsOtherRanks(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1, MaxSize: 4})
	m.waitForSize(1)
	lead := uids(m.pods())["0"]

	for _, size := range []int32{4, 2, 3, 1} {
		before, job := uids(m.pods()), m.job()
		written := len(jobWrites(writes(t, m.key.Namespace)))
		m.mustScale(size)
		m.waitForSize(size)

		after := uids(m.pods())
		for rank, uid := range after {
			if old, ok := before[rank]; ok && old != uid {
				t.Errorf("to %d: rank %s was replaced", size, rank)
			}
		}
		if after["0"] != lead {
			t.Errorf("to %d: the lead was replaced", size)
		}
		for rank := range size {
			if _, ok := after[fmt.Sprint(rank)]; !ok {
				t.Errorf("to %d: rank %d is missing, have %v", size, rank, slices.Sorted(maps.Keys(after)))
			}
		}
		if m.job().UID != job.UID {
			t.Errorf("to %d: the Job was made anew", size)
		}
		if got := jobWrites(writes(t, m.key.Namespace))[written:]; len(got) != 1 || got[0].verb != "patch" {
			t.Errorf("to %d: the Job was written by %v, want one patch", size, got)
		}
	}
	if got := m.waitForEvent(api.EventScalingUp); !strings.Contains(got, "Growing from ") {
		t.Errorf("growing event: %q", got)
	}
	if got := m.waitForEvent(api.EventScalingDown); !strings.Contains(got, "Shrinking from ") {
		t.Errorf("shrinking event: %q", got)
	}
}

func TestScaleBeyondTheBoundsIsRefused(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 3, MinSize: 2, MaxSize: 4})
	m.waitForSize(3)
	tests := map[string]string{
		"9": "size 9 must be at most maxSize 4",
		"1": "size 1 must be at least minSize 2",
		"0": "size 0 must be at least minSize 2",
	}
	for replicas, want := range tests {
		out, err := kubectl(t, "scale", "minicluster", name, "-n", m.key.Namespace, "--replicas="+replicas)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("kubectl scale --replicas=%s: error %v, output %q, want %q", replicas, err, out, want)
		}
	}
	for _, replicas := range []string{"4", "2"} {
		if out, err := kubectl(t, "scale", "minicluster", name, "-n", m.key.Namespace, "--replicas="+replicas); err != nil {
			t.Errorf("kubectl scale --replicas=%s: %v: %s", replicas, err, out)
		}
	}
	m.waitForSize(2)
}

// TestMaximumChangesUnderRunningRanks, up to the ceiling and down to the live size. Above the
// ceiling all ranks restart, and get a higher one.
func TestMaximumChangesUnderRunningRanks(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4, Flux: api.Flux{Ceiling: 16}})
	m.waitForSize(3)
	lead.serve(m)
	before, job := uids(m.pods()), m.job()
	for _, maximum := range []int32{16, 5} {
		m.change(func(s *api.MiniClusterSpec) { s.MaxSize = maximum })
		m.mustScale(min(maximum, 6))
		m.waitForSize(min(maximum, 6))
		m.mustScale(3)
		m.waitForSize(3)
	}
	if m.job().UID != job.UID {
		t.Error("the Job was made anew")
	}
	for rank, uid := range uids(m.pods()) {
		if before[rank] != uid {
			t.Errorf("rank %s was replaced", rank)
		}
	}
	below := m.get()
	below.Spec.MaxSize = 17
	if err := world.client.Update(t.Context(), below); err == nil || !strings.Contains(err.Error(), "flux.ceiling 16 must be at least maxSize 17") {
		t.Errorf("above the ceiling: %v", err)
	}
	m.change(func(s *api.MiniClusterSpec) { s.MaxSize, s.Flux.Ceiling = 17, 0 })
	other := m.waitForOtherJob(job)
	m.waitForSize(3)
	if got := other.Annotations[api.AnnotationCeiling]; got != "64" {
		t.Errorf("the ceiling is %s, want 64", got)
	}
}

func TestSizeAtCreationIsTheMaximum(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 3})
	m.waitForSize(3)
	if got := m.get().Status.MaximumSize; got != 3 {
		t.Errorf("status.maximumSize = %d, want 3", got)
	}
	m.mustScale(1)
	m.waitForSize(1)
	err := m.scale(4)
	if want := "size 4 must be at most status.maximumSize 3"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("scale to 4: %v, want %q", err, want)
	}
	m.mustScale(3)
	m.waitForSize(3)
}

// TestGrowWhileRanksEnd: no second pod of a rank starts while the first ends.
func TestGrowWhileRanksEnd(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 4, MaxSize: 6})
	m.waitForSize(4)
	release := world.kubelet.hold(m.key.Namespace)
	m.mustScale(3)
	m.waitForReason(api.ConditionProgressing, api.ReasonScalingDown)
	m.mustScale(6)
	// Of the three that are wanted, rank 3 has still to end.
	eventually(t, func() error {
		if n := len(m.allPods()); n < 6 {
			return fmt.Errorf("%d pods, want 4 old and 2 new", n)
		}
		return nil
	})
	seen := map[string]bool{}
	for _, pod := range m.allPods() {
		if seen[rankOf(&pod)] {
			t.Errorf("rank %s has two pods", rankOf(&pod))
		}
		seen[rankOf(&pod)] = true
	}
	release()
	m.waitForSize(6)
}

// TestRankThatEndsIsReported: a Job never runs a succeeded index again, so the user
// must be told.
func TestRankThatEndsIsReported(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	world.kubelet.endRank(t.Context(), m.pods()["1"], 0)
	if c := m.waitForReason(api.ConditionReady, api.ReasonCompleting); !strings.Contains(c.Message, "rank 1") {
		t.Errorf("the message does not name the rank: %q", c.Message)
	}
	world.kubelet.endRank(t.Context(), m.pods()["0"], 0)
	m.waitForReason(api.ConditionReady, api.ReasonCompleted)
}

// TestShrinkThatCutsWorkOffIsNoEnd: the ranks that are left have ended, others had work.
func TestShrinkThatCutsWorkOffIsNoEnd(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 3})
	m.waitForSize(3)
	world.kubelet.endRank(t.Context(), m.pods()["0"], 0)
	m.waitForReason(api.ConditionReady, api.ReasonCompleting)
	// An autoscaler does not count the rank that has ended.
	eventually(t, func() error {
		if pods := m.pods(); len(pods) != 2 || pods["0"] != nil {
			return fmt.Errorf("status.selector picks ranks %v", slices.Sorted(maps.Keys(pods)))
		}
		return nil
	})

	m.mustScale(1)
	if c := m.waitForReason(api.ConditionReady, api.ReasonCutOff); !strings.Contains(c.Message, "ranks 1-2") {
		t.Errorf("the message does not name the ranks: %q", c.Message)
	}
	m.waitForEvent(api.ReasonCutOff)
	eventually(t, func() error {
		if n := len(world.kubelet.podsIn(m.key.Namespace)); n != 1 {
			return fmt.Errorf("%d pods, want that of the rank that has ended", n)
		}
		return nil
	})
	m.waitForReason(api.ConditionComplete, api.ReasonRunning)

	m.mustScale(3)
	eventually(t, func() error {
		pods := m.pods()
		for _, rank := range []string{"1", "2"} {
			if pods[rank] == nil || !isReady(pods[rank]) {
				return fmt.Errorf("rank %s, which was cut off, is not ready", rank)
			}
		}
		return nil
	})
	for _, pod := range m.pods() {
		world.kubelet.endRank(t.Context(), pod, 0)
	}
	m.waitForReason(api.ConditionComplete, api.ReasonCommandSucceeded)
}

// TestMinSizeAboveTheSizeGrowsIt: whoever raises it may not own the size.
func TestMinSizeAboveTheSizeGrowsIt(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MinSize: 1, MaxSize: 4})
	m.waitForSize(2)
	m.change(func(s *api.MiniClusterSpec) { s.MinSize = 3 })
	m.waitForSize(3)
	want := "size 2 must be at least minSize 3; running with size 3"
	if c := m.waitForReason(api.ConditionSizeWithinBounds, bounds.ReasonSizeBelowMinimum); c.Message != want {
		t.Errorf("the condition says %q, want %q", c.Message, want)
	}
	if got := m.getScale(); got.Spec.Replicas != 2 || got.Status.Replicas != 3 {
		t.Errorf("scale %+v %+v: the operator must not write the size", got.Spec, got.Status)
	}
	if err := m.scale(1); err == nil || !strings.Contains(err.Error(), "size 1 must be at least minSize 3") {
		t.Errorf("scale to 1: %v", err)
	}
	m.mustScale(4)
	m.waitForSize(4)
	m.waitForReason(api.ConditionSizeWithinBounds, api.ReasonWithinBounds)
	if err := m.scale(2); err == nil || !strings.Contains(err.Error(), "size 2 must be at least minSize 3") {
		t.Errorf("scale to 2: %v", err)
	}
}

// TestRankThatIsStoppedComesBack: somebody deletes a pod. The exit code of SIGTERM
// is no failure of the Job. The Job controller waits 10 s before it replaces the
// rank; growth must not wait that long.
func TestRankThatIsStoppedComesBack(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 3})
	m.waitForSize(2)
	before := m.pods()["1"]
	if err := world.client.Delete(t.Context(), before); err != nil {
		t.Fatalf("delete a pod: %v", err)
	}
	eventually(t, func() error {
		for _, pod := range m.allPods() {
			if pod.UID == before.UID && pod.Status.Phase != corev1.PodFailed {
				return fmt.Errorf("the deleted pod is %s", pod.Status.Phase)
			}
		}
		return nil
	})
	m.mustScale(3)
	m.waitForSize(3)

	after := m.pods()
	if after["1"].UID == before.UID {
		t.Error("rank 1 was not replaced")
	}
	if !after["2"].CreationTimestamp.Before(&after["1"].CreationTimestamp) {
		t.Errorf("growth waited for the replacement: rank 2 was created at %s, rank 1 at %s",
			after["2"].CreationTimestamp, after["1"].CreationTimestamp)
	}
	if job := m.job(); job.Status.Failed > 0 {
		t.Errorf("the stop counts as %d failures", job.Status.Failed)
	}
}
