package plan

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// orphan is a pod of a Job that was deleted with "--cascade=orphan".
func orphan(job string, rank int32) corev1.Pod {
	p := pod("job", rank, true)
	p.OwnerReferences = nil
	p.Labels = build.Labels("sample")
	p.Labels[batchv1.ControllerUidLabel] = job
	return p
}

// TestPodsWithoutAJobEndBeforeANewOne: nobody else would end them, and two pods of one
// rank would share a host name.
func TestPodsWithoutAJobEndBeforeANewOne(t *testing.T) {
	o := settled(miniCluster(2, 1, 4))
	o.Job = nil
	done := orphan("earlier", 1)
	done.Status.Phase = corev1.PodSucceeded
	somebodys := pod("", 0, true)
	somebodys.OwnerReferences = nil
	o.Pods = []corev1.Pod{orphan("earlier", 0), done, ending(orphan("earlier", 2)), somebodys}
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonRecreating, "pods of an earlier Job that have still to end: 2")
	if len(p.Orphans) != 1 || p.Orphans[0] != &o.Pods[0] {
		t.Errorf("ends %d pods, want the one that runs", len(p.Orphans))
	}

	o.Pods = o.Pods[1:2]
	if p = Make(o); p.Job == nil {
		t.Errorf("no Job is made beside pods that have ended: %s", p.Message)
	}
	// The Job takes its own back by its label.
	o = settled(miniCluster(2, 1, 4))
	o.Pods = append(o.Pods, orphan("job", 1), orphan("earlier", 1))
	if p = Make(o); len(p.Orphans) != 1 || p.Orphans[0] != &o.Pods[3] {
		t.Errorf("beside a Job %d pods end, want those of another", len(p.Orphans))
	}
}

// TestObjectsOfOursWithoutAnOwner: as after a restored backup, or a MiniCluster that was
// deleted with "--cascade=orphan".
func TestObjectsOfOursWithoutAnOwner(t *testing.T) {
	o := settled(miniCluster(2, 1, 4))
	o.Service.OwnerReferences = nil
	p := Make(o)
	if p.Service == nil || len(p.Service.OwnerReferences) != 1 || p.Job != nil || p.DeleteJob != nil {
		t.Errorf("Service %+v: want it to become the MiniCluster's, and nothing else", p.Service)
	}
	wantState(t, p, api.ReasonReady, "")

	part := metav1.ObjectMeta{Name: "part", Labels: build.Labels("sample")}
	if f := CheckOwner(o.MiniCluster, "Role", &part); f != nil {
		t.Errorf("a part of ours: %v", f)
	}
	part.DeletionTimestamp = ptr.To(metav1.Now())
	if f := CheckOwner(o.MiniCluster, "Role", &part); f == nil || !f.earlier {
		t.Errorf("a part of ours that is going: %v, want it waited for", f)
	}

	o = settled(miniCluster(2, 1, 4))
	o.Job.OwnerReferences, o.Job.Labels = nil, build.Labels("sample")
	p = Make(o)
	if p.DeleteJob != o.Job || p.Job != nil || p.Prerequisites {
		t.Errorf("deletes %v, writes %v: want the Job gone first", p.DeleteJob, p.Job)
	}
	wantState(t, p, api.ReasonRecreating, "lost its owner")
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonRecreating, "lost its owner")
}
