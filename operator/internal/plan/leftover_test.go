package plan

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodThatHasLostItsRankMakesRoom(t *testing.T) {
	withExit := func(phase corev1.PodPhase, code int32) corev1.Pod {
		p := pod("job", 1, false)
		exited(&p, phase, code, "")
		return p
	}
	foreign := withExit(corev1.PodRunning, 137)
	foreign.OwnerReferences = pod("another", 1, true).OwnerReferences
	for name, tt := range map[string]struct {
		pod  corev1.Pod
		want bool
	}{
		"its rank was killed":              {withExit(corev1.PodRunning, 137), true},
		"its rank is to be tried again":    {withExit(corev1.PodRunning, 75), true},
		"its rank has done its work":       {withExit(corev1.PodRunning, 0), false},
		"its rank runs":                    {pod("job", 1, true), false},
		"all of it has ended":              {withExit(corev1.PodFailed, 137), false},
		"it is ending":                     {ending(withExit(corev1.PodRunning, 137)), false},
		"it is an earlier Job's":           {foreign, false},
		"a container beside it has failed": {beside(pod("job", 1, true)), false},
	} {
		o := settled(miniCluster(2, 1, 4))
		o.Pods[1] = tt.pod
		if got := len(Make(o).Leftovers) == 1; got != tt.want {
			t.Errorf("%s: deleted %v, want %v", name, got, tt.want)
		}
	}
	o := settled(miniCluster(2, 1, 4))
	o.Pods[1] = withExit(corev1.PodRunning, 137)
	o.Job.DeletionTimestamp = &metav1.Time{Time: o.Now}
	if p := Make(o); len(p.Leftovers) > 0 {
		t.Error("a pod of a Job that is being deleted is deleted too")
	}
}

// beside has a container that is not the rank's fail.
func beside(p corev1.Pod) corev1.Pod {
	exited(&p, corev1.PodRunning, 1, "")
	p.Status.ContainerStatuses[0].Name = "other"
	return p
}
