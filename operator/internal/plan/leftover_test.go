package plan

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodThatHasLostItsRankMakesRoom(t *testing.T) {
	// The rank has ended, and the container beside it is in a state.
	withExit := func(code int32, other corev1.ContainerState) corev1.Pod {
		p := pod("job", 1, false)
		exited(&p, corev1.PodRunning, code, "")
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "other", State: other})
		return p
	}
	runs := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 255}}
	alone := pod("job", 1, false)
	exited(&alone, corev1.PodRunning, 255, "") // the phase follows later
	foreign := withExit(137, runs)
	foreign.OwnerReferences = pod("another", 1, true).OwnerReferences
	for name, tt := range map[string]struct {
		pod  corev1.Pod
		want bool
	}{
		"its rank was killed":              {withExit(137, runs), true},
		"its rank is to be tried again":    {withExit(75, runs), true},
		"its rank has done its work":       {withExit(0, runs), false},
		"its rank runs":                    {pod("job", 1, true), false},
		"both containers have ended":       {withExit(255, ended), false},
		"its only container has ended":     {alone, false},
		"it is ending":                     {ending(withExit(137, runs)), false},
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
	o.Pods[1] = withExit(137, runs)
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
