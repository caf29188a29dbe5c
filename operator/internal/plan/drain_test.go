package plan

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// shrinking is an instance of Flux of 4 ranks that is to have 2.
func shrinking() Observed {
	mc := miniCluster(4, 1, 4)
	mc.Spec.Flux.Enabled = nil
	o := settled(mc)
	o.Now = noon
	mc.Spec.Size = 2
	return o
}

func reasons(p Plan) string {
	var all []string
	for _, e := range p.Events {
		all = append(all, e.Reason)
	}
	return strings.Join(all, " ")
}

func TestShrinkingDrainsAllRanksThatGoFirst(t *testing.T) {
	p := Make(shrinking())
	if p.Job != nil {
		t.Fatal("the Job shrinks before its ranks are drained")
	}
	if p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "2-3" {
		t.Errorf("order %+v, want ranks 2-3", p.DrainOrder)
	}
	if s := p.DrainStatus; s == nil || s.Ranks != "2-3" || s.Busy != "2-3" || !s.StartTime.Time.Equal(noon) {
		t.Errorf("status %+v: without an answer, all are busy", s)
	}
	if want := noon.Add(time.Hour); !p.WakeAt.Equal(want) {
		t.Errorf("wakes at %s, want %s", p.WakeAt, want)
	}
	if reasons(p) != api.EventDraining {
		t.Errorf("events %v", p.Events)
	}
	wantState(t, p, api.ReasonDraining, "ranks 2-3")
}

func TestIdleRanksGoInOneWrite(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon.Add(-time.Minute))}
	o.Drain = &DrainAnswer{Ranks: set("2-3")}
	p := Make(o)
	if p.Job == nil || *p.Job.Spec.Completions != 2 || *p.Job.Spec.Parallelism != 2 {
		t.Fatalf("Job %+v, want 2 ranks", p.Job)
	}
	if p.DrainOrder != nil || p.DrainStatus != nil || reasons(p) != api.EventDrained+" "+api.EventScalingDown {
		t.Errorf("order %v, status %v, events %v", p.DrainOrder, p.DrainStatus, p.Events)
	}
}

func TestShrinkingFailsClosed(t *testing.T) {
	for name, test := range map[string]struct {
		answer *DrainAnswer
		tells  string
	}{
		"no answer yet":      {nil, "the lead has not answered yet"},
		"about other ranks":  {&DrainAnswer{Ranks: set("3")}, "the lead has not answered yet"},
		"the lead is silent": {&DrainAnswer{Ranks: set("2-3"), Problem: "no route"}, "the lead does not answer: no route"},
		"a job is on a rank": {&DrainAnswer{Ranks: set("2-3"), Busy: set("3"), Jobs: []string{"f1"}, JobCount: 1}, "1 job runs on rank 3 (f1)"},
		"jobs are on a rank": {&DrainAnswer{Ranks: set("2-3"), Busy: set("2-3"), JobCount: 12}, "12 jobs run on ranks 2-3"},
	} {
		o := shrinking()
		o.Drain = test.answer
		p := Make(o)
		if p.Job != nil || p.DrainOrder == nil {
			t.Errorf("%s: the ranks go", name)
		}
		wantState(t, p, api.ReasonDraining, test.tells)
	}
}

// TestMessagesOfManyRanksFitIntoACondition: every second one of very many ranks has
// jobs, or is missing.
func TestMessagesOfManyRanksFitIntoACondition(t *testing.T) {
	const most = 1000 // of the 32768 that a condition's message may have
	mc := miniCluster(40_000, 1, 40_000)
	mc.Spec.Flux.Enabled = nil
	o := settled(mc)
	for i := range o.Pods {
		if i%2 == 1 && i < 20_000 {
			o.Pods[i] = nowhere(o.Pods[i], "no room")
		}
	}
	p := Make(o)
	wantState(t, p, api.ReasonScalingUp, "waiting for ranks 1,3,5,")
	wantState(t, p, api.ReasonScalingUp, ",37,39 and 9980 more; ranks 1,3,5,")
	if len(p.Message) > most {
		t.Errorf("a message of %d bytes", len(p.Message))
	}

	mc.Spec.Size = 20_000
	var busy []int32
	for rank := int32(20_000); rank < 40_000; rank += 2 {
		busy = append(busy, rank)
	}
	o.Now = noon
	o.Drain = &DrainAnswer{Ranks: set("20000-39999"), Busy: idset.Of(busy...), JobCount: len(busy)}
	p = Make(o)
	wantState(t, p, api.ReasonDraining, "10000 jobs run on ranks 20000,20002,")
	wantState(t, p, api.ReasonDraining, ",20038 and 9980 more; ")
	if len(p.Message) > 2*most {
		t.Errorf("a message of %d bytes", len(p.Message))
	}
	if p.DrainStatus == nil || p.DrainStatus.Busy != o.Drain.Busy.String() {
		t.Error("the status does not tell of all busy ranks")
	}
	mc.Status.Drain, o.Now = p.DrainStatus, noon.Add(time.Hour)
	p = Make(o)
	if !strings.HasPrefix(reasons(p), api.EventDrainTimedOut) || len(p.Events[0].Message) > most {
		t.Errorf("events %s, a message of %d bytes", reasons(p), len(p.Events[0].Message))
	}
}

func TestRanksGoWhenTheTimeIsOver(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(60))
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon.Add(-time.Minute + time.Second))}
	o.Drain = &DrainAnswer{Ranks: set("2-3"), Busy: set("2"), Jobs: []string{"f1"}, JobCount: 1}
	if p := Make(o); p.Job != nil || !p.WakeAt.Equal(noon.Add(time.Second)) || len(p.Events) > 0 {
		t.Fatalf("a second too early: Job %v, wakes at %s, events %v", p.Job, p.WakeAt, p.Events)
	}
	o.Now = noon.Add(time.Second)
	p := Make(o)
	if p.Job == nil || reasons(p) != api.EventDrainTimedOut+" "+api.EventScalingDown {
		t.Fatalf("Job %v, events %v", p.Job, p.Events)
	}
	if e := p.Events[0]; e.Type != corev1.EventTypeWarning || !strings.Contains(e.Message, "f1") {
		t.Errorf("event %+v must warn and name the job", e)
	}
}

// TestAddedRanksHaveTheirTimeWhole: the jobs on them knew of no drain until now.
func TestAddedRanksHaveTheirTimeWhole(t *testing.T) {
	began := noon.Add(-time.Minute + time.Second)
	for _, c := range []struct {
		draining string
		want     time.Time
	}{
		{"1-3", began}, // rank 1 stays after all
		{"2-3", began},
		{"3", noon},
	} {
		o := shrinking()
		o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(60))
		o.MiniCluster.Status.Drain = &api.Drain{Ranks: c.draining, StartTime: metav1.NewTime(began)}
		o.Drain = &DrainAnswer{Ranks: set("2-3"), Busy: set("2"), JobCount: 1}
		p := Make(o)
		if p.Job != nil || p.DrainStatus == nil || p.DrainStatus.Ranks != "2-3" || !p.DrainStatus.StartTime.Time.Equal(c.want) {
			t.Errorf("%s drain, then 2-3: Job %v, status %+v, want a drain since %s", c.draining, p.Job, p.DrainStatus, c.want)
		}
		if want := c.want.Add(time.Minute); !p.WakeAt.Equal(want) {
			t.Errorf("%s drain, then 2-3: wakes at %s, want %s", c.draining, p.WakeAt, want)
		}
	}
}

func TestPeopleInAHurryDrainNothing(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(0))
	if p := Make(o); p.Job == nil || p.DrainOrder != nil {
		t.Errorf("Job %v, order %v", p.Job, p.DrainOrder)
	}
}

func TestPeopleInAHurryAreToldWhatTheyLose(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(int32(0))
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Drain = &DrainAnswer{Ranks: set("2-3"), Busy: set("2"), Jobs: []string{"f1"}, JobCount: 1}
	p := Make(o)
	if p.Job == nil || reasons(p) != api.EventDrainTimedOut+" "+api.EventScalingDown || !strings.Contains(p.Events[0].Message, "f1") {
		t.Errorf("Job %v, events %v", p.Job, p.Events)
	}
}

func TestRanksThatDoNoWorkGoAtOnce(t *testing.T) {
	o := shrinking()
	for i := range o.Pods[2:] {
		o.Pods[2+i].Status.Phase = corev1.PodPending
	}
	if p := Make(o); p.Job == nil || p.DrainOrder != nil {
		t.Errorf("Job %v, order %v", p.Job, p.DrainOrder)
	}
}

func TestNewWishUndrainsWhatStays(t *testing.T) {
	for _, test := range []struct {
		size  int32
		order string
	}{{3, "3"}, {4, ""}} {
		o := shrinking()
		o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
		o.Drain = &DrainAnswer{Ranks: set("2-3"), Busy: set("2-3"), JobCount: 1}
		o.MiniCluster.Spec.Size = test.size
		p := Make(o)
		if p.Job != nil || p.DrainOrder == nil || p.DrainOrder.Ranks.String() != test.order || p.DrainStatus == nil {
			t.Errorf("to %d: Job %v, order %+v, status %+v; want the order %q", test.size, p.Job, p.DrainOrder, p.DrainStatus, test.order)
		}
	}
}

func TestCancelIsOverWhenTheLeadKnows(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Spec.Size = 4
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Drain = &DrainAnswer{Problem: "no route"}
	if p := Make(o); p.DrainStatus == nil || p.DrainOrder == nil {
		t.Error("forgotten before the lead has answered")
	}
	o.Drain = &DrainAnswer{}
	p := Make(o)
	if p.DrainStatus != nil || p.DrainOrder != nil || reasons(p) != api.EventDrainCanceled {
		t.Errorf("status %v, order %v, events %v", p.DrainStatus, p.DrainOrder, p.Events)
	}
}

func TestRanksThatAreGoneNeedNoUndrain(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Job.Spec.Completions, o.Job.Spec.Parallelism = ptr.To(int32(2)), ptr.To(int32(2))
	p := Make(o)
	if p.DrainOrder != nil || p.DrainStatus != nil || len(p.Events) > 0 {
		t.Errorf("order %v, status %v, events %v", p.DrainOrder, p.DrainStatus, p.Events)
	}
}

func TestWithoutFluxNothingIsDrained(t *testing.T) {
	o := settled(miniCluster(4, 1, 4))
	o.MiniCluster.Spec.Size = 2
	if p := Make(o); p.Job == nil || p.DrainOrder != nil {
		t.Errorf("Job %v, order %v", p.Job, p.DrainOrder)
	}
}

// TestLostLeadIsToldAlsoWhileRanksDrain: the instance takes no jobs then, and is not
// ready.
func TestLostLeadIsToldAlsoWhileRanksDrain(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Status.Ready = 4
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Pods = o.Pods[1:]
	p := Make(o)
	wantState(t, p, api.ReasonLeadLost, "the lead is lost and is being replaced; ranks 2-3 take no more jobs")
	if p.DrainOrder == nil || p.DrainStatus == nil || p.Job != nil {
		t.Errorf("order %v, status %v, Job %v: the drain goes on", p.DrainOrder, p.DrainStatus, p.Job)
	}
}

func TestDrainingNamesRanksThatStayAndAreNotReady(t *testing.T) {
	o := shrinking()
	o.Pods = append(o.Pods[:1:1], o.Pods[2:]...)
	p := Make(o)
	wantState(t, p, api.ReasonDraining, "ranks 2-3 take no more jobs")
	wantState(t, p, api.ReasonDraining, "1 of 2 ranks are ready, waiting for rank 1")
	if p.Ranks.Missing.Len() != 1 {
		t.Errorf("missing %v", p.Ranks.Missing)
	}
}

// TestRanksThatStayAreUndrainedAlsoWhenTheOthersHaveGone: a wish is taken back in
// part, and what is left to go goes before the lead has heard of it.
func TestRanksThatStayAreUndrainedAlsoWhenTheOthersHaveGone(t *testing.T) {
	for name, spoil := range map[string]func(*Observed){
		"its pod is not there": func(o *Observed) { o.Pods = o.Pods[:3] },
		"its time is over":     func(o *Observed) { o.Now = noon.Add(time.Hour) },
		"the lead is silent, and its time is over": func(o *Observed) {
			o.Now = noon.Add(time.Hour)
			o.Drain = &DrainAnswer{Ranks: set("3"), Problem: "no route"}
		},
	} {
		o := shrinking()
		o.MiniCluster.Spec.Size = 3
		o.MiniCluster.Status.Drain = &api.Drain{Ranks: "1-3", StartTime: metav1.NewTime(noon)}
		spoil(&o)
		p := Make(o)
		if p.Job == nil || *p.Job.Spec.Completions != 3 {
			t.Fatalf("%s: Job %+v, want 3 ranks at once", name, p.Job)
		}
		if p.DrainStatus == nil {
			t.Fatalf("%s: it is forgotten that ranks 1-2 are drained", name)
		}
		o.Job.Spec.Completions, o.Job.Spec.Parallelism = ptr.To(int32(3)), ptr.To(int32(3))
		o.MiniCluster.Status.Drain, o.Drain = p.DrainStatus, nil
		p = Make(o)
		// Rank 3 may still be ending.
		if p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "3" || p.DrainStatus == nil {
			t.Fatalf("%s: order %+v, status %+v", name, p.DrainOrder, p.DrainStatus)
		}
		o.Drain = &DrainAnswer{Ranks: set("3"), Busy: set("3"), JobCount: 1}
		p = Make(o)
		if p.DrainOrder != nil || p.DrainStatus != nil || reasons(p) != api.EventDrainCanceled || !strings.HasPrefix(p.Events[0].Message, "Ranks 1-2 stay") {
			t.Errorf("%s: order %v, status %v, events %v", name, p.DrainOrder, p.DrainStatus, p.Events)
		}
	}
	// The lead has told of the ranks that go, and so drained no others.
	o := shrinking()
	o.MiniCluster.Spec.Size = 3
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "1-3", StartTime: metav1.NewTime(noon)}
	o.Drain, o.Now = &DrainAnswer{Ranks: set("3"), Busy: set("3"), JobCount: 1}, noon.Add(time.Hour)
	if p := Make(o); p.Job == nil || p.DrainStatus != nil {
		t.Errorf("Job %v, status %v", p.Job, p.DrainStatus)
	}
}

// TestDrainThatIsOverLendsNoTimeToTheNext: the status may tell of it for a while.
func TestDrainThatIsOverLendsNoTimeToTheNext(t *testing.T) {
	for _, timeout := range []int32{0, 60} {
		o := shrinking()
		o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon.Add(-time.Hour))}
		o.MiniCluster.Spec.Size = 1
		o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To(timeout)
		o.Job.Spec.Completions, o.Job.Spec.Parallelism = ptr.To(int32(2)), ptr.To(int32(2))
		o.Pods = o.Pods[:2]
		p := Make(o)
		if timeout == 0 {
			if p.Job == nil || reasons(p) != api.EventScalingDown {
				t.Errorf("without time: Job %v, events %v", p.Job, p.Events)
			}
			continue
		}
		if p.Job != nil || p.DrainStatus == nil || !p.DrainStatus.StartTime.Time.Equal(noon) || p.DrainStatus.Ranks != "1" {
			t.Errorf("Job %v, status %+v; want a drain of rank 1 that begins now", p.Job, p.DrainStatus)
		}
	}
}

// TestFailedWriteForgetsNoDrain: the ranks go on draining, from the same time on.
func TestFailedWriteForgetsNoDrain(t *testing.T) {
	o := shrinking()
	before := &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon.Add(-time.Hour))}
	o.MiniCluster.Status.Drain = before
	p := Make(o)
	if p.Job == nil {
		t.Fatal("want ranks to go whose time is over")
	}
	p = p.Failed(o, errors.New("no room"), false)
	if p.DrainStatus == nil || *p.DrainStatus != *before {
		t.Errorf("status %+v, want %+v", p.DrainStatus, before)
	}
	wantState(t, p, api.ReasonApplyFailed, "no room")
	// What comes after the ranks has failed: they have gone.
	p = Make(o)
	p = p.Failed(o, errors.New("no room"), true)
	if p.DrainStatus != nil {
		t.Errorf("status %+v of ranks that have gone", p.DrainStatus)
	}
}

func TestNameConflictForgetsNoDrain(t *testing.T) {
	o := shrinking()
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon)}
	o.Service.OwnerReferences, o.Service.Labels = nil, nil
	if p := Make(o); p.State != api.ReasonNameConflict || p.DrainStatus == nil {
		t.Errorf("state %s, status %v", p.State, p.DrainStatus)
	}
}
