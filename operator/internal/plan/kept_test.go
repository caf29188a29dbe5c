package plan

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// TestPodsThatNothingReplacesAreLetGo: the Job controller would keep them.
func TestPodsThatNothingReplacesAreLetGo(t *testing.T) {
	suspend := func(o *Observed) { o.Job.Spec.Suspend = ptr.To(true) }
	for name, tt := range map[string]struct {
		change func(*Observed)
		ago    time.Duration
		want   bool
		wake   time.Duration // from now; 0 for not
	}{
		"the Job runs":                 {func(*Observed) {}, time.Minute, false, 0},
		"the Job is suspended":         {suspend, time.Minute, true, 0},
		"its work was cut off":         {func(o *Observed) { o.Job.Spec.Parallelism = ptr.To[int32](0) }, time.Minute, true, 0},
		"it has just ended":            {suspend, 4 * time.Second, false, 6 * time.Second},
		"it has not ended":             {func(o *Observed) { suspend(o); o.Pods[1].Status.Phase = corev1.PodRunning }, time.Minute, false, 0},
		"nobody has deleted it":        {func(o *Observed) { suspend(o); o.Pods[1].DeletionTimestamp = nil }, time.Minute, false, 0},
		"the Job has let it go":        {func(o *Observed) { suspend(o); o.Pods[1].Finalizers = nil }, time.Minute, false, 0},
		"it belongs to an earlier Job": {func(o *Observed) { suspend(o); o.Pods[1].OwnerReferences[0].UID = "earlier" }, time.Minute, false, 0},
	} {
		o := settled(miniCluster(2, 1, 4))
		o.Now = noon
		o.Pods[1] = ending(o.Pods[1])
		o.Pods[1].Finalizers = []string{batchv1.JobTrackingFinalizer}
		o.Pods[1].Status.Phase = corev1.PodFailed
		o.Pods[1].Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(noon.Add(-tt.ago)),
		}}
		tt.change(&o)
		p := Make(o)
		if got := len(p.Kept) == 1; got != tt.want {
			t.Errorf("%s: lets %d pods go", name, len(p.Kept))
		}
		var wake time.Time
		if tt.wake > 0 {
			wake = noon.Add(tt.wake)
		}
		if !p.WakeAt.Equal(wake) {
			t.Errorf("%s: looks again at %s, want %s", name, p.WakeAt, wake)
		}
	}
}
