package plan

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// TestJobGoesWithItsNamespace: the Job controller would keep the pods.
func TestJobGoesWithItsNamespace(t *testing.T) {
	for name, change := range map[string]func(*Observed){
		"running":                  func(*Observed) {},
		"being deleted itself":     func(o *Observed) { o.MiniCluster.DeletionTimestamp = ptr.To(metav1.Now()) },
		"beside a foreign Service": func(o *Observed) { o.Service.OwnerReferences, o.Service.Labels = nil, nil },
		"without an owner":         func(o *Observed) { o.Job.OwnerReferences, o.Job.Labels = nil, build.Labels("sample") },
	} {
		o := settled(miniCluster(2, 1, 4))
		o.NamespaceEnds = true
		change(&o)
		p := Make(o)
		if p.DeleteJob != o.Job || p.Job != nil || p.Service != nil || p.Prerequisites {
			t.Errorf("%s: deletes %v, writes Job %v and Service %v", name, p.DeleteJob != nil, p.Job, p.Service)
		}
		wantState(t, p, api.ReasonDeleting, "namespace")
	}
	o := settled(miniCluster(2, 1, 4))
	o.NamespaceEnds = true
	o.Job.OwnerReferences[0].UID = "another"
	quiet(t, Make(o))
	o.Job = nil
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonDeleting, "namespace")
}

// TestEndedRanksAreNoLongerPicked: once it is clear that others go on.
func TestEndedRanksAreNoLongerPicked(t *testing.T) {
	o := settled(miniCluster(3, 1, 4))
	o.Now = noon
	end := func(rank int, ago time.Duration) {
		o.Pods[rank].Status.Phase = corev1.PodSucceeded
		o.Pods[rank].Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(noon.Add(-ago)),
		}}
	}
	end(1, time.Minute)
	end(2, 4*time.Second)
	p := Make(o)
	if len(p.Ended) != 1 || p.Ended[0] != &o.Pods[1] {
		t.Errorf("marks %d pods, want the one that ended a minute ago", len(p.Ended))
	}
	if want := noon.Add(6 * time.Second); !p.WakeAt.Equal(want) {
		t.Errorf("looks again at %s, want %s", p.WakeAt, want)
	}
	o.Pods[1].Labels = map[string]string{api.LabelEnded: "true"}
	if p = Make(o); len(p.Ended) > 0 {
		t.Error("a pod is marked again")
	}
	o.Pods[1].Labels = nil
	o.Job.Status.Conditions = ended(settled(miniCluster(1, 1, 1)), "Complete", "").Job.Status.Conditions
	if p = Make(o); len(p.Ended) > 0 {
		t.Error("pods are marked after the end of all")
	}
}

// TestSecretIsLookedAfterWhenPodsWaitForIt: at first after a while, then ever more
// seldom.
func TestSecretIsLookedAfterWhenPodsWaitForIt(t *testing.T) {
	waiting := func(scheduled time.Duration) Observed {
		o := instance()
		o.Now = noon
		p := &o.Pods[1]
		p.Status.Phase = corev1.PodPending
		p.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-scheduled))},
			{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionFalse},
		}
		return o
	}
	for name, tt := range map[string]struct {
		scheduled time.Duration     // ago
		seen      time.Duration     // ago; 0 for never
		change    func(*corev1.Pod) // of the pod
		want      bool
		wake      time.Duration // from now; 0 for not
	}{
		"just scheduled":          {scheduled: time.Second, wake: 4 * time.Second},
		"for a while":             {scheduled: 6 * time.Second, want: true},
		"asked before it came":    {scheduled: 6 * time.Second, seen: time.Hour, want: true},
		"asked a second ago":      {scheduled: 6 * time.Second, seen: time.Second, wake: 4 * time.Second},
		"asked long ago":          {scheduled: time.Minute, seen: 40 * time.Second, want: true},
		"it pulls its image":      {scheduled: time.Minute, change: func(p *corev1.Pod) { p.Status.Conditions[1].Status = corev1.ConditionTrue }},
		"it has an address":       {scheduled: time.Minute, change: func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }},
		"it runs":                 {scheduled: time.Minute, change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }},
		"it is being deleted":     {scheduled: time.Minute, change: func(p *corev1.Pod) { *p = ending(*p) }},
		"it is of an earlier Job": {scheduled: time.Minute, change: func(p *corev1.Pod) { p.OwnerReferences[0].UID = "earlier" }},
		"it has no node":          {scheduled: time.Minute, change: func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }},
	} {
		o := waiting(tt.scheduled)
		if tt.seen > 0 {
			o.SecretSeen = noon.Add(-tt.seen)
		}
		if tt.change != nil {
			tt.change(&o.Pods[1])
		}
		p := Make(o)
		if p.Secret != tt.want {
			t.Errorf("%s: looks after the Secret: %v", name, p.Secret)
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
