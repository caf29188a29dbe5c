package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// createFollowing makes an instance whose size follows its queue, and waits until it is
// asked for it.
func createFollowing(t *testing.T, size int32, idleSeconds int32, first demand) (miniCluster, *lead) {
	t.Helper()
	m, lead := createInstance(t, api.MiniClusterSpec{
		Size: size, MinSize: 1, MaxSize: 8,
		Autoscaling: api.Autoscaling{Queue: &api.QueueAutoscaling{IdleSeconds: &idleSeconds}},
	})
	lead.has(first)
	eventually(t, func() error {
		if n := len(world.kubelet.podsIn(m.key.Namespace)); n == 0 {
			return errors.New("no pod yet")
		}
		return nil
	})
	lead.serve(m)
	lead.waitForQuestion(0)
	return m, lead
}

// waitForQuestion waits until the lead has been asked for its queue more than so often.
func (l *lead) waitForQuestion(before int) {
	l.t.Helper()
	eventually(l.t, func() error {
		if asked := l.questions(); asked <= before {
			return fmt.Errorf("the lead was asked for the queue %d times", asked)
		}
		return nil
	})
}

func (l *lead) questions() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

// scaleWrites are the operator's writes to /scale.
func (m miniCluster) scaleWrites() []request {
	return slices.DeleteFunc(writes(m.t, m.key.Namespace), func(r request) bool { return r.subresource != "scale" })
}

// waitForQueue waits until the status tells this of the queue.
func (m miniCluster) waitForQueue(want api.QueueStatus) {
	m.t.Helper()
	eventually(m.t, func() error {
		if got := m.get().Status.Queue; got == nil || *got != want {
			return fmt.Errorf("status.queue is %+v, want %+v", got, want)
		}
		return nil
	})
}

// all are the ranks of a size.
func all(size int) []int {
	var ranks []int
	for rank := range size {
		ranks = append(ranks, rank)
	}
	return ranks
}

func TestSizeFollowsTheQueue(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 1, 3, demand{up: 1})
	m.waitForSize(1)
	m.waitForQueue(api.QueueStatus{Wanted: 1, Message: "stays at 1: no job needs ranks; the smallest size is 1"})

	lead.has(demand{running: 1, pending: 2, held: 3, wanted: 6, busy: []int{0}, up: 1, largest: &queueJob{ID: "ƒA", Ranks: 6}})
	m.waitForSize(6)
	if got := m.scaleWrites(); len(got) != 1 {
		t.Errorf("the size was written by %v, want one write", got)
	}
	if got, want := m.waitForEvent(api.EventQueueScalingUp), "Grows to 6: job ƒA needs 6 ranks"; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
	m.waitForQueue(api.QueueStatus{Running: 1, Pending: 2, Held: 3, Wanted: 6, Message: "stays at 6: job ƒA needs 6 ranks"})
	out, err := kubectl(t, "get", "mc", "-n", m.key.Namespace, "-o", "wide", "--no-headers")
	if fields := strings.Fields(out); err != nil || len(fields) != 10 || fmt.Sprint(fields[7:]) != "[1 2 6]" {
		t.Errorf("kubectl get -o wide: %v, %q", err, out)
	}
	manager := slices.ContainsFunc(m.get().ManagedFields, func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == "gopherlocks-autoscaler" && f.Subresource == "scale"
	})
	if !manager {
		t.Errorf("the size is of another manager: %+v", m.get().ManagedFields)
	}

	lead.has(demand{running: 2, wanted: 2, busy: all(2), up: 6})
	m.waitForQueue(api.QueueStatus{Running: 2, Wanted: 2, Message: "stays at 6 until ranks 2-5 have been idle for 3 s: rank 1 is the highest busy one"})
	lead.waitForDrained("2-5")
	m.waitForSize(2)
	if got := m.scaleWrites(); len(got) != 2 {
		t.Errorf("the size was written by %v, want two writes", got)
	}
	if got, want := m.waitForEvent(api.EventQueueScalingDown), "Shrinks to 2: ranks 2-5 have been idle for 3 s"; got != want {
		t.Errorf("event %q, want %q", got, want)
	}
}

// TestJobThatComesWhileRanksDrainKeepsThem: the lead has given it to a rank before that
// was drained.
func TestJobThatComesWhileRanksDrainKeepsThem(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 4, 2, demand{up: 4, running: 1, wanted: 4, busy: all(4)})
	m.waitForSize(4)
	before := uids(m.pods())
	// The queue says idle, and the drain finds a job.
	lead.has(demand{up: 4, running: 1, wanted: 1, busy: []int{0}})
	lead.setBusy(0, 3)
	lead.waitForDrained("1-3")
	lead.has(demand{up: 4, running: 2, wanted: 2, busy: []int{0, 3}})
	m.waitForEvent(api.EventDrainCanceled)
	m.waitForSize(4)
	if after := uids(m.pods()); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("a rank was replaced")
	}
}

// TestSilentLeadFreezesTheSize: also one that is being replaced.
func TestSilentLeadFreezesTheSize(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 3, 0, demand{up: 3, running: 1, wanted: 3, busy: all(3)})
	m.waitForSize(3)
	m.waitForQueue(api.QueueStatus{Running: 1, Wanted: 3, Message: "stays at 3: rank 2 is the highest busy one"})
	lead.stop()
	m.waitForHindrance(api.ReasonQueueUnknown, "the size stays, since the lead does not tell of the queue: ")
	m.wantOneWarning(api.ReasonQueueUnknown, "does not tell of the queue")
	if got := m.get().Status.Queue; got == nil || got.Message != "stays at 3: the lead does not tell of the queue" || got.Running != 1 {
		t.Errorf("status.queue is %+v", got)
	}
	lead.has(demand{up: 3, pending: 1, wanted: 5})
	if err := world.client.Delete(t.Context(), m.pods()["0"]); err != nil {
		t.Fatal(err)
	}
	m.waitForEvent(api.ReasonLeadLost)
	m.wantCompletions(3)
	lead.serve(m)
	m.waitForSize(5)
	m.waitForHindrance(api.ReasonAsExpected, "")
	lead.has(demand{up: 5})
	m.waitForSize(1)
}

func TestEarlierAgentTellsNothing(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 2, MaxSize: 4, Autoscaling: api.Autoscaling{Queue: &api.QueueAutoscaling{}}})
	lead.earlier = true
	m.waitForSize(2)
	lead.serve(m)
	m.waitForHindrance(api.ReasonQueueUnknown, "the ranks were started by an earlier operator")
	if n := lead.questions(); n != 1 {
		t.Errorf("it was asked %d times, want once", n)
	}
	if got := m.scaleWrites(); len(got) > 0 {
		t.Errorf("the size was written by %v", got)
	}
}

func TestQueueAndAutoscalerExcludeEachOther(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 2, 0, demand{up: 2, running: 1, wanted: 2, busy: all(2)})
	m.waitForSize(2)
	value := autoscalingv2.MetricTarget{Type: autoscalingv2.ValueMetricType, Value: ptr.To(resource.MustParse("1"))}
	hpa := &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: m.key.Namespace, Name: "other"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: api.GroupVersion.String(), Kind: api.Kind, Name: m.key.Name},
			MinReplicas:    ptr.To[int32](1), MaxReplicas: 4,
			// Not CPU, which no container here requests.
			Metrics: []autoscalingv2.MetricSpec{{
				Type:     autoscalingv2.ExternalMetricSourceType,
				External: &autoscalingv2.ExternalMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: "jobs"}, Target: value},
			}},
		},
	}
	if err := world.client.Create(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	m.waitForHindrance(api.ReasonAutoscalersCompete, "HorizontalPodAutoscaler other and autoscaling.queue both want to choose the size")
	m.wantOneWarning(api.ReasonAutoscalersCompete, "delete the HorizontalPodAutoscaler")
	if got := m.get().Status.Queue; got != nil {
		t.Errorf("status.queue is %+v", got)
	}
	asked := lead.questions()
	lead.has(demand{up: 2, pending: 1, wanted: 8})
	if err := world.client.Delete(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	lead.waitForQuestion(asked)
	m.waitForSize(8)
	m.waitForHindrance(api.ReasonAsExpected, "")
}

// TestPeopleScaleBesideTheQueue: what they add goes after the idle time, and what jobs
// need comes back at once.
func TestPeopleScaleBesideTheQueue(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 1, 2, demand{up: 4, running: 1, wanted: 1, busy: []int{0}})
	m.waitForSize(1)
	lead.idleFor(time.Hour)
	m.mustScale(4)
	grown := time.Now()
	m.waitForSize(1)
	if after := time.Since(grown); after < 2*time.Second {
		t.Errorf("the ranks went after %s", after)
	}
	lead.has(demand{up: 4, running: 1, wanted: 4, busy: all(4)})
	m.waitForSize(4)
	lead.waitForDrained("1-3")
	written := len(m.scaleWrites())
	if out, err := kubectl(t, "scale", "minicluster", name, "-n", m.key.Namespace, "--replicas=2"); err != nil {
		t.Fatal(err, out)
	}
	eventually(t, func() error {
		if n := len(m.scaleWrites()); n != written+1 {
			return fmt.Errorf("the size was written %d times more, want once", n-written)
		}
		return nil
	})
	m.waitForSize(4)
	// A bound that is raised is followed, whatever the queue says.
	m.change(func(spec *api.MiniClusterSpec) { spec.MinSize = 6 })
	m.waitForSize(6)
	if size := m.get().Spec.Size; size != 6 {
		t.Errorf("spec.size is %d, want 6", size)
	}
}

func TestJobThatIsTooLargeIsTold(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 1, 60, demand{up: 1, tooLarge: &queueJob{ID: "ƒBig", Ranks: 9}})
	m.waitForHindrance(api.ReasonJobTooLarge, "job ƒBig, which needs 9 ranks, cannot run at any size up to maxSize 8")
	m.wantOneWarning(api.ReasonJobTooLarge, "cancel it, or let it ask for less")
	m.waitForSize(1)
	lead.has(demand{up: 1})
	m.wantNothingInTheWay(1)
}

// TestJobThatWaitsForALargerMaximumIsTold, also where the size does not follow the queue:
// Flux knows of more hosts than maxSize, and keeps the job pending.
func TestJobThatWaitsForALargerMaximumIsTold(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 2, MaxSize: 8})
	lead.has(demand{up: 2, pending: 1, tooLarge: &queueJob{ID: "ƒBig", Ranks: 9}})
	m.waitForSize(2)
	lead.serve(m)
	m.waitForHindrance(api.ReasonJobTooLarge, "job ƒBig, which needs 9 ranks, cannot run at any size up to maxSize 8")
	if status := m.get().Status; status.Queue != nil || status.Desired != 2 {
		t.Errorf("status %+v, want no more of the queue", status)
	}
	if written := m.scaleWrites(); len(written) > 0 {
		t.Errorf("the size was written: %+v", written)
	}
	before, job := uids(m.pods()), m.job()
	m.change(func(s *api.MiniClusterSpec) { s.MaxSize = 9 })
	lead.has(demand{up: 2, pending: 1})
	m.wantNothingInTheWay(2)
	if fmt.Sprint(uids(m.pods())) != fmt.Sprint(before) || m.job().UID != job.UID {
		t.Error("ranks were replaced")
	}
}

// TestRefusedSizeIsTold: somebody's policy allows fewer ranks than maxSize.
func TestRefusedSizeIsTold(t *testing.T) {
	t.Parallel()
	m, lead := createFollowing(t, 1, 60, demand{up: 1})
	m.waitForSize(1)
	refuseUnless(t, "object.spec.replicas <= 2", "two ranks are enough", m.key.Namespace, api.GroupVersion.Group, "miniclusters/scale", admissionv1.Update, func(context.Context) error {
		if err := m.scale(3); err != nil {
			return err
		}
		m.mustScale(1)
		return nil
	})
	lead.has(demand{up: 1, pending: 1, wanted: 5})
	m.waitForHindrance(api.ReasonAutoscalerRefused, "autoscaling.queue cannot set size 5: ")
	m.wantOneWarning(api.ReasonAutoscalerRefused, "two ranks are enough")
	lead.has(demand{up: 1, pending: 1, wanted: 2})
	m.wantNothingInTheWay(2)
}

// TestOperatorThatStartsAnewKeepsRanksForAnIdleTime: it does not know when the size has
// grown. At rest it asks the API server for nothing.
func TestOperatorThatStartsAnewKeepsRanksForAnIdleTime(t *testing.T) {
	const idle = 4 * time.Second
	m, lead := createFollowing(t, 4, int32(idle/time.Second), demand{up: 4, running: 1, wanted: 4, busy: all(4)})
	m.waitForSize(4)
	lead.has(demand{up: 4, running: 1, wanted: 1, busy: []int{0, 3}})
	m.waitForQueue(api.QueueStatus{Running: 1, Wanted: 4, Message: "stays at 4: rank 3 is the highest busy one"})
	world.operators.current().kill()
	lead.has(demand{up: 4, running: 1, wanted: 1, busy: []int{0}})
	lead.idleFor(time.Hour)
	started, asked := time.Now(), lead.questions()
	startOperator(t)
	lead.waitForQuestion(asked)
	eventually(t, func() error {
		if size := m.get().Spec.Size; size != 1 {
			return fmt.Errorf("the size is %d", size)
		}
		return nil
	})
	if after := time.Since(started); after < idle {
		t.Errorf("the size was written within %s of the start", after)
	}
	m.waitForSize(1)
	if got := m.scaleWrites(); len(got) != 1 {
		t.Errorf("the size was written by %v, want one write", got)
	}
	lead.has(demand{up: 1, running: 1, wanted: 1, busy: []int{0}})
	waitForRest(t)
	before := len(requestsIn(t, m.key.Namespace))
	lead.has(demand{up: 1, running: 1, wanted: 1, busy: []int{0}}) // the same as before
	waitForRest(t)
	if got := requestsIn(t, m.key.Namespace)[before:]; len(got) > 0 {
		t.Errorf("asked the API server at rest: %v", got)
	}
}
