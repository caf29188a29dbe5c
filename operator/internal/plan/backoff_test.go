package plan

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stoppedOnce is a settled MiniCluster whose rank 1 has been stopped before, and
// is ready again since the given time.
func stoppedOnce(since time.Time) Observed {
	o := settled(miniCluster(2, 1, 4))
	o.Now = noon
	pod := &o.Pods[1]
	pod.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] = "1"
	pod.Status.Conditions[0].LastTransitionTime = metav1.NewTime(since)
	return o
}

func TestStopsAreForgottenOnceTheRankIsSteady(t *testing.T) {
	o := stoppedOnce(noon.Add(-steadyAfter))
	p := Make(o)
	if len(p.ForgetStops) != 1 || p.ForgetStops[0] != &o.Pods[1] || !p.WakeAt.IsZero() {
		t.Errorf("forgets the stops of %v, wakes at %s; want those of rank 1, and no wake", p.ForgetStops, p.WakeAt)
	}
}

func TestStopsCountUntilTheRankIsSteady(t *testing.T) {
	p := Make(stoppedOnce(noon.Add(-steadyAfter + time.Second)))
	if len(p.ForgetStops) != 0 || !p.WakeAt.Equal(noon.Add(time.Second)) {
		t.Errorf("forgets the stops of %v, wakes at %s; want none, and a look one second later", p.ForgetStops, p.WakeAt)
	}
}

func TestStopsCountWhereTheRankIsNotBack(t *testing.T) {
	for name, change := range map[string]func(*corev1.Pod){
		"not ready":       func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse },
		"ended":           func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed },
		"ending":          func(p *corev1.Pod) { *p = ending(*p) },
		"of another Job":  func(p *corev1.Pod) { p.OwnerReferences[0].UID = "other" },
		"its own failure": func(p *corev1.Pod) { p.Annotations = map[string]string{batchv1.JobIndexFailureCountAnnotation: "3"} },
	} {
		o := stoppedOnce(noon.Add(-time.Hour))
		change(&o.Pods[1])
		if p := Make(o); len(p.ForgetStops) != 0 {
			t.Errorf("%s: the stops are forgotten", name)
		}
	}
}
