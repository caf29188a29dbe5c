package controller

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// eventReader has the events of a Job whose pods are refused, and counts the reads.
type eventReader struct {
	client.Reader
	events []corev1.Event
	reads  int
}

func (r *eventReader) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	r.reads++
	list.(*corev1.EventList).Items = r.events
	return nil
}

// TestEventsAreReadOnlyWhileRanksAreMissing: not at once, not again with each
// reconciliation, and not by a question that is answered.
func TestEventsAreReadOnlyWhileRanksAreMissing(t *testing.T) {
	o := running(t)
	reader := &eventReader{events: []corev1.Event{{
		InvolvedObject: corev1.ObjectReference{Kind: "Job", Name: o.Job.Name}, Reason: "FailedCreate",
		Message: "Error creating: no quota", LastTimestamp: metav1.NewTime(noon.Add(time.Hour)),
	}}}
	r := &reconciler{live: reader}
	look := func(when string, after time.Duration, reads int, degraded bool) {
		t.Helper()
		o.Now = noon.Add(after)
		p, err := r.plan(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if reader.reads != reads || len(p.Hindrances) > 0 != degraded {
			t.Errorf("%s: %d reads, in the way: %+v; want %d reads, hindered %t", when, reader.reads, p.Hindrances, reads, degraded)
		}
		if missing := len(p.Questions) > 0; missing && p.WakeAt.IsZero() {
			t.Errorf("%s: nothing looks again", when)
		}
	}
	look("all are there", 0, 0, false)
	all := o.Pods
	o.Pods = all[:3]
	look("one is missing", 0, 0, false)
	look("for a while", inquiryDelay, 1, true)
	look("another reconciliation", inquiryDelay+time.Second, 1, true)
	look("later", inquiryDelay+inquiryInterval, 2, true)
	o.Pods = all
	look("it is there", time.Minute, 2, false)
	o.Pods = all[:3]
	look("it is missing again", 2*time.Minute, 2, false)

	r.memory = memory{}
	o.MiniCluster.Status.Conditions = append(o.MiniCluster.Status.Conditions, metav1.Condition{
		Type: api.ConditionDegraded, Status: metav1.ConditionTrue, Reason: api.ReasonPodsRefused,
	})
	look("another operator goes on", 2*time.Minute, 3, true)
}

func TestTheLatestTimeOfAnEventCounts(t *testing.T) {
	early, late := metav1.NewTime(noon), metav1.NewTime(noon.Add(time.Minute))
	for name, e := range map[string]corev1.Event{
		"counted":  {LastTimestamp: late, EventTime: metav1.NewMicroTime(early.Time)},
		"newer":    {EventTime: metav1.NewMicroTime(late.Time)},
		"a series": {EventTime: metav1.NewMicroTime(early.Time), Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(late.Time)}},
	} {
		if got := toldAt(e); !got.Equal(late.Time) {
			t.Errorf("%s: %v, want %v", name, got, late)
		}
	}
}
