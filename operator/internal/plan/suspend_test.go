package plan

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// inState makes the status tell of a state.
func inState(o Observed, state string) Observed {
	o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: state}}
	return o
}

// suspended is an instance whose Job somebody has suspended while it was up.
func suspended() Observed {
	o := instance()
	o.MiniCluster.Status.Ready = 2
	o.Job.Spec.Suspend = ptr.To(true)
	o.Pods = nil
	return o
}

func TestSuspendedJobIsLeftSo(t *testing.T) {
	p := Make(suspended())
	quiet(t, p)
	wantState(t, p, api.ReasonSuspended, "kubectl patch job sample -n ns")

	o := suspended()
	o.MiniCluster.Spec.Size = 3
	p = Make(o)
	if p.Job == nil || *p.Job.Spec.Completions != 3 || p.Job.Spec.Suspend != nil {
		t.Errorf("Job %+v, want 3 ranks, and nothing about its suspension", p.Job)
	}
	wantState(t, p, api.ReasonSuspended, "")
}

// TestChangeOfTheSpecDoesNotResume: the Job is made anew, and suspended.
func TestChangeOfTheSpecDoesNotResume(t *testing.T) {
	o := suspended()
	o.MiniCluster.Spec.Containers[0].Image = "another"
	p := Make(o)
	quiet(t, p) // First the status tells of it.
	wantState(t, p, api.ReasonSuspended, "")

	o = inState(o, api.ReasonSuspended)
	p = Make(o)
	if p.DeleteJob == nil || p.Replacement == nil || !ptr.Deref(p.Replacement.Spec.Suspend, false) {
		t.Fatalf("deletes %v, for %+v", p.DeleteJob != nil, p.Replacement)
	}
	wantState(t, p, api.ReasonSuspended, "")
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	wantState(t, Make(o), api.ReasonSuspended, "waiting")
	o.Job = nil
	p = Make(o)
	if p.Job == nil || !ptr.Deref(p.Job.Spec.Suspend, false) {
		t.Fatalf("Job %+v, want it suspended", p.Job)
	}
	wantState(t, p, api.ReasonSuspended, "")
}

func TestResumedJobStarts(t *testing.T) {
	o := inState(suspended(), api.ReasonSuspended)
	o.MiniCluster.Status.Ready = 0
	o.Job.Spec.Suspend = ptr.To(false)
	wantState(t, Make(o), api.ReasonStarting, "0 of 2")
	o.MiniCluster.Spec.Containers[0].Image = "another"
	if p := Make(o); p.Replacement == nil || p.Replacement.Spec.Suspend != nil {
		t.Errorf("the new Job is %+v, want it not suspended", p.Replacement)
	}
}

// TestOwnSuspensionAtTheEndDoesNotLast: the next run is another Job.
func TestOwnSuspensionAtTheEndDoesNotLast(t *testing.T) {
	o := inState(suspended(), api.ReasonRecreating) // the end was taken back
	o.Job.Spec.SuccessPolicy = nil
	o.MiniCluster.Spec.Containers[0].Image = "another"
	p := Make(o)
	if p.DeleteJob == nil || p.Replacement.Spec.Suspend != nil {
		t.Errorf("deletes %v, for %+v", p.DeleteJob != nil, p.Replacement)
	}
	wantState(t, p, api.ReasonRecreating, "")

	o = ended(suspended(), batchv1.JobComplete, "")
	wantState(t, Make(o), api.ReasonCompleted, "")
}
