package plan

import (
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// following is an instance of 2 ranks that follows its queue, whose lead has answered.
func following() Observed {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Flux.Enabled = nil
	mc.Spec.Autoscaling.Queue = &api.QueueAutoscaling{}
	o := settled(mc)
	o.Now = now
	o.Pods[0].UID, o.Pods[0].Status.PodIP = "lead", "10.0.0.1"
	o.Queue = &QueueAnswer{
		Pod: "lead", Revision: "1", At: now.Add(-time.Minute),
		Use: &autoscale.Use{Running: 1, Pending: 2, Held: 3, Wanted: 4},
	}
	o.Autoscaled = &Autoscaled{Wish: 4, Because: "grows to 4: for a reason"}
	return o
}

func TestQueueIsAskedForAsLongAsThereIsALead(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Observed)
		asks   bool
	}{
		"ready":                  {func(*Observed) {}, true},
		"not asked for":          {func(o *Observed) { o.MiniCluster.Spec.Autoscaling.Queue = nil }, false},
		"without Flux":           {func(o *Observed) { o.MiniCluster.Spec.Flux.Enabled = ptr.To(false) }, false},
		"no address":             {func(o *Observed) { o.Pods[0].Status.PodIP = "" }, false},
		"the lead ends":          {func(o *Observed) { o.Pods[0] = ending(o.Pods[0]) }, false},
		"not ready yet":          {func(o *Observed) { o.Pods[0].Status.Conditions, o.Queue = nil, nil }, false},
		"not ready any more":     {func(o *Observed) { o.Pods[0].Status.Conditions = nil }, true},
		"another pod, not ready": {func(o *Observed) { o.Pods[0].UID, o.Pods[0].Status.Conditions = "other", nil }, false},
		"another pod, ready":     {func(o *Observed) { o.Pods[0].UID = "lead" }, true},
		"suspended":              {func(o *Observed) { o.Job.Spec.Suspend = ptr.To(true) }, false},
		"being deleted":          {func(o *Observed) { o.MiniCluster.DeletionTimestamp = ptr.To(metav1.Now()) }, false},
		"its namespace is":       {func(o *Observed) { o.NamespaceEnds = true }, false},
		"beside an HPA":          {func(o *Observed) { o.Autoscalers = make([]autoscalingv2.HorizontalPodAutoscaler, 1) }, false},
		"ranks drain":            {func(o *Observed) { o.MiniCluster.Spec.Size = 1 }, true},
		"a spec that cannot be": {func(o *Observed) {
			o.MiniCluster.Spec.Containers[0].Image, o.Refusal = "other", "no"
		}, true},
		"ended": {func(o *Observed) {
			o.Job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}
		}, false},
	} {
		o := following()
		test.change(&o)
		// What the ranks are made from is what it is.
		if name != "a spec that cannot be" {
			o.Job.Annotations[api.AnnotationTemplateHash] = settled(o.MiniCluster).Job.Annotations[api.AnnotationTemplateHash]
		}
		p := Make(o)
		if (p.QueueOrder != nil) != test.asks {
			t.Errorf("%s: order %+v", name, p.QueueOrder)
		}
		if p.QueueOrder != nil && *p.QueueOrder != (QueueOrder{"lead", "10.0.0.1", true}) {
			t.Errorf("%s: order %+v, want the lead's pod", name, p.QueueOrder)
		}
	}
}

// TestJobsAboveTheMaximumAreAskedFor, also where the size does not follow the queue, as long
// as Flux takes them. Of a lead that is silent then, nothing depends.
func TestJobsAboveTheMaximumAreAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Observed)
		asks   bool
	}{
		"below the ceiling":  {func(*Observed) {}, true},
		"at the ceiling":     {func(o *Observed) { o.Job.Annotations[api.AnnotationCeiling] = "4" }, false},
		"an earlier one's":   {func(o *Observed) { delete(o.Job.Annotations, api.AnnotationCeiling) }, false},
		"suspended":          {func(o *Observed) { o.Job.Spec.Suspend = ptr.To(true) }, false},
		"the lead has ended": {func(o *Observed) { o.Pods[0] = ending(o.Pods[0]) }, false},
	} {
		o := following()
		o.MiniCluster.Spec.Autoscaling.Queue = nil
		o.Job.Annotations[api.AnnotationCeiling] = "64"
		o.Job.Annotations[api.AnnotationTemplateHash] = build.TemplateHash(o.MiniCluster, 64)
		test.change(&o)
		if p := Make(o); (p.QueueOrder != nil) != test.asks || test.asks && *p.QueueOrder != (QueueOrder{"lead", "10.0.0.1", false}) {
			t.Errorf("%s: order %+v", name, p.QueueOrder)
		}
		if !test.asks {
			continue
		}
		o.Queue.TooLarge, o.Queue.TooLargeCount = []agentapi.QueueJob{{ID: "ƒA", Ranks: 9}}, 1
		p := Make(o)
		wantHindrance(t, p, api.ReasonJobTooLarge, "",
			"job ƒA, which needs 9 ranks, cannot run at any size up to maxSize 4: cancel it, or let it ask for less; a larger maxSize helps where ranks are too few. Until then sched-simple starts no job behind it")
		if p.QueueStatus != nil {
			t.Errorf("%s: status %+v", name, p.QueueStatus)
		}
		o.Queue = &QueueAnswer{Pod: "lead", Problem: "no route", At: now.Add(-time.Hour)}
		if p := Make(o); len(p.Hindrances) > 0 || !p.WakeAt.IsZero() {
			t.Errorf("%s: a silent lead is in the way: %+v, at %s", name, p.Hindrances, p.WakeAt)
		}
	}
}

func TestStatusTellsWhatTheLeadHasToldLast(t *testing.T) {
	before := &api.QueueStatus{Running: 7, Wanted: 2, Message: "stays at 2: as before"}
	told := api.QueueStatus{Running: 1, Pending: 2, Held: 3, Wanted: 4, Message: "grows to 4: for a reason"}
	silent := func(since time.Duration) func(*Observed) {
		return func(o *Observed) {
			o.Queue = &QueueAnswer{Pod: "lead", Problem: "no route", At: now.Add(-since)}
			o.Autoscaled.Because = "stays at 2: silence"
		}
	}
	frozen := *before
	frozen.Message = "stays at 2: silence"
	for name, test := range map[string]struct {
		change func(*Observed)
		want   *api.QueueStatus
	}{
		"an answer":             {func(*Observed) {}, &told},
		"no answer yet":         {func(o *Observed) { o.Queue = nil }, before},
		"no decision yet":       {func(o *Observed) { o.Autoscaled = nil }, before},
		"another lead":          {func(o *Observed) { o.Queue.Pod = "earlier" }, before},
		"silent for a moment":   {silent(time.Second), before},
		"silent for long":       {silent(silence), &frozen},
		"beside an HPA":         {func(o *Observed) { o.Autoscalers = make([]autoscalingv2.HorizontalPodAutoscaler, 1) }, nil},
		"not asked for":         {func(o *Observed) { o.MiniCluster.Spec.Autoscaling.Queue = nil }, nil},
		"all ranks start anew":  {func(o *Observed) { o.Job.DeletionTimestamp = ptr.To(metav1.Now()) }, nil},
		"a Job of unknown make": {func(o *Observed) { o.Job.ManagedFields, o.MiniCluster.Spec.Size = nil, 4 }, &told},
	} {
		o := following()
		o.MiniCluster.Status.Queue = before.DeepCopy()
		test.change(&o)
		got := Make(o).QueueStatus
		if (got == nil) != (test.want == nil) || got != nil && *got != *test.want {
			t.Errorf("%s: status %+v, want %+v", name, got, test.want)
		}
	}
}

func TestSilentLeadIsToldAfterAWhile(t *testing.T) {
	o := following()
	o.Queue = &QueueAnswer{Pod: "lead", Problem: "no route", At: now.Add(-silence + time.Second)}
	p := Make(o)
	if len(p.Hindrances) > 0 || !p.WakeAt.Equal(now.Add(time.Second)) {
		t.Errorf("in the way at once: %+v, wakes at %s", p.Hindrances, p.WakeAt)
	}
	o.Now = now.Add(time.Second)
	wantHindrance(t, Make(o), api.ReasonQueueUnknown, "", "the size stays, since the lead does not tell of the queue: no route")
	// The state tells of a lead that is being replaced.
	o.MiniCluster.Status.Ready = 2
	o.Pods[0].Status.Conditions = nil
	if p := Make(o); len(p.Hindrances) > 0 {
		t.Errorf("in the way: %+v", p.Hindrances)
	}
}

func TestJobsThatFitIntoNoSizeAreTold(t *testing.T) {
	for want, jobs := range map[string][]agentapi.QueueJob{
		"job ƒA, which needs 9 ranks, cannot run at any size up to maxSize 4: cancel it, or let it ask for less; a larger maxSize helps where ranks are too few. Until then sched-simple starts no job behind it":                                   {{ID: "ƒA", Ranks: 9}},
		"job ƒA (each of its ranks needs 64 cores) cannot run at any size up to maxSize 4, nor can 1 other job: cancel it, or let it ask for less; a larger maxSize helps where ranks are too few. Until then sched-simple starts no job behind it": {{ID: "ƒA", Ranks: 1, Why: "each of its ranks needs 64 cores"}, {ID: "ƒB"}},
	} {
		o := following()
		o.Queue.TooLarge, o.Queue.TooLargeCount = jobs, len(jobs)
		wantHindrance(t, Make(o), api.ReasonJobTooLarge, "", want)
	}
}

func TestAutoscalersThatCompeteAreTold(t *testing.T) {
	o := following()
	o.Autoscalers = []autoscalingv2.HorizontalPodAutoscaler{{
		ObjectMeta: metav1.ObjectMeta{Name: "other"},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: ptr.To[int32](1), MaxReplicas: 4},
	}}
	wantHindrance(t, Make(o), api.ReasonAutoscalersCompete, "",
		"HorizontalPodAutoscaler other and autoscaling.queue both want to choose the size, so that the size does not follow the queue: "+
			"delete the HorizontalPodAutoscaler, or leave autoscaling.queue out")
	o.MiniCluster.Spec.Autoscaling.Queue = nil
	if p := Make(o); len(p.Hindrances) > 0 {
		t.Errorf("in the way: %+v", p.Hindrances)
	}
}

func TestSizeThatIsRefusedIsTold(t *testing.T) {
	o := following()
	o.Autoscaled.Refusal = "cannot set size 4: too many ranks for you"
	wantHindrance(t, Make(o), api.ReasonAutoscalerRefused, "", "autoscaling.queue cannot set size 4: too many ranks for you")
}

func TestPolicyIsWhatTheSpecSays(t *testing.T) {
	mc := following().MiniCluster
	if got, ok := QueuePolicy(mc); !ok || got != (autoscale.Policy{Min: 1, Max: 4, IdleTime: time.Minute}) {
		t.Errorf("%+v, %t", got, ok)
	}
	mc.Spec.MinSize, mc.Spec.MaxSize = 2, 9
	*mc.Spec.Autoscaling.Queue = api.QueueAutoscaling{IdleSeconds: ptr.To[int32](0), SpareRanks: 3, Step: 4}
	if got, _ := QueuePolicy(mc); got != (autoscale.Policy{Min: 2, Max: 9, Spare: 3, Step: 4}) {
		t.Errorf("%+v", got)
	}
}

// TestMessageOfReadyLeavesTheQueueOut: what is in the queue is in status.queue.
func TestMessageOfReadyLeavesTheQueueOut(t *testing.T) {
	p := Make(following())
	wantState(t, p, api.ReasonReady, "2 of 2 ranks are ready")
	if strings.Contains(p.Message, "grows") {
		t.Errorf("message %q", p.Message)
	}
}
