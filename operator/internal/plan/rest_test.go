package plan

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// working is an instance of 4 ranks whose lead has been ready for long.
func working() Observed {
	o := shrinking()
	o.MiniCluster.Spec.Size = 4
	o.Settings = build.Settings{AgentImage: "agent", Features: build.FeaturesOf(1, 34)}
	for i := range o.Pods {
		setRunning(&o.Pods[i], noon.Add(-time.Hour), true)
	}
	return o
}

// setRunning tells of the rank's container since when it runs, and whether it is ready.
func setRunning(p *corev1.Pod, since time.Time, ready bool) {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "sample", Ready: ready,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}},
	}}
}

// toldConfig says what the ranks of the Job were told.
func toldConfig(o Observed, config string) Observed {
	o.Job.Spec.Template.Spec.Containers = []corev1.Container{{
		Name: "sample", Env: []corev1.EnvVar{{Name: agentapi.ConfigVariable, Value: config}},
	}}
	return o
}

// changed is a working instance with a change that its ranks cannot take over.
func changed() Observed {
	o := working()
	o.MiniCluster.Spec.Containers[0].Image = "another"
	return o
}

// resting has the instance rest for a time.
func resting(o Observed, since time.Duration, answer *DrainAnswer) Observed {
	o.MiniCluster.Status.Drain = &api.Drain{Ranks: "0-3", StartTime: metav1.NewTime(noon.Add(-since))}
	o.Drain = answer
	return o
}

func TestRestartWaitsForJobs(t *testing.T) {
	p := Make(changed())
	if p.DeleteJob != nil || p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "0-3" || !p.DrainOrder.Rests() {
		t.Fatalf("deletes %v, order %+v, want the instance to rest", p.DeleteJob != nil, p.DrainOrder)
	}
	if p.Replacement == nil {
		t.Error("the queue is stopped for a Job that nobody has asked the API server about")
	}
	if want := noon.Add(time.Hour); !p.WakeAt.Equal(want) {
		t.Errorf("wakes at %s, want %s", p.WakeAt, want)
	}
	wantState(t, p, api.ReasonDraining, "the queue is stopped, and all ranks restart when no job runs")
	wantState(t, p, api.ReasonDraining, "what waits in the queue will be lost, since neither flux.stateDir nor archive.path keeps it")
	if reasons(p) != api.EventDraining {
		t.Errorf("events %q", reasons(p))
	}

	o := resting(changed(), time.Minute, &DrainAnswer{Ranks: set("0-3"), Busy: set("1"), Jobs: []string{"ƒ1"}, JobCount: 1, Pending: 5})
	p = Make(o)
	if p.DeleteJob != nil || p.Replacement != nil || reasons(p) != "" {
		t.Errorf("deletes %v, asks %v, events %q", p.DeleteJob != nil, p.Replacement != nil, reasons(p))
	}
	wantState(t, p, api.ReasonDraining, "1 job runs on rank 1 (ƒ1)")
	wantState(t, p, api.ReasonDraining, "5 jobs in the queue will be lost, since neither flux.stateDir nor archive.path keeps it")

	p = Make(resting(changed(), time.Minute, &DrainAnswer{Ranks: set("0-3")}))
	if p.DeleteJob == nil || p.Replacement == nil || p.DrainOrder != nil || p.DrainStatus != nil {
		t.Fatalf("deletes %v, order %v, status %v, want the end of the Job", p.DeleteJob != nil, p.DrainOrder, p.DrainStatus)
	}
	wantState(t, p, api.ReasonRecreating, "what the ranks are made from changed")
	if reasons(p) != api.EventDrained+" "+api.EventRecreating {
		t.Errorf("events %q", reasons(p))
	}
	p = Make(resting(changed(), time.Minute, &DrainAnswer{Ranks: set("0-3"), Pending: 5}))
	if reasons(p) != api.EventDrained+" "+api.EventStateLost+" "+api.EventRecreating || p.Events[1].Message != "5 jobs in the queue are lost with the ranks: neither flux.stateDir nor archive.path keeps it" {
		t.Errorf("events %v", p.Events)
	}
}

func TestRestartTimesOut(t *testing.T) {
	busy := &DrainAnswer{Ranks: set("0-3"), Busy: set("1"), JobCount: 1}
	for name, test := range map[string]struct {
		restart api.Restart
		answer  *DrainAnswer
		since   time.Duration
		goes    bool
	}{
		"by the time of drains":     {api.Restart{}, busy, time.Hour, true},
		"not before":                {api.Restart{}, busy, time.Hour - time.Second, false},
		"by a time of its own":      {api.Restart{DrainTimeoutSeconds: ptr.To(int32(60))}, busy, time.Minute, true},
		"later than drains":         {api.Restart{DrainTimeoutSeconds: ptr.To(int32(7200))}, busy, time.Hour, false},
		"in a hurry meanwhile":      {api.Restart{DrainTimeoutSeconds: ptr.To(int32(0))}, busy, time.Minute, true},
		"although the lead is mute": {api.Restart{}, nil, time.Hour, true},
		"at once":                   {api.Restart{Policy: api.RestartAtOnce}, busy, time.Minute, true},
	} {
		o := resting(changed(), test.since, test.answer)
		o.MiniCluster.Spec.Restart = test.restart
		if p := Make(o); (p.DeleteJob != nil) != test.goes {
			t.Errorf("%s: deletes %v, want %v", name, p.DeleteJob != nil, test.goes)
		}
	}
	o := changed()
	o.MiniCluster.Spec.Restart.DrainTimeoutSeconds = ptr.To(int32(0))
	if p := Make(o); p.DeleteJob == nil || reasons(p) != api.EventStateLost+" "+api.EventRecreating {
		t.Errorf("with 0: deletes %v, events %q", p.DeleteJob != nil, reasons(p))
	}
}

func TestJobsGoBackIntoTheQueue(t *testing.T) {
	busy := &DrainAnswer{Ranks: set("0-3"), Busy: set("1"), JobCount: 1}
	for name, test := range map[string]struct {
		timeout        int32
		since          time.Duration
		answer         *DrainAnswer
		requeues, goes bool
		wakes          time.Duration
	}{
		"not before the time is over":  {3600, time.Minute, busy, false, false, 59 * time.Minute},
		"when the time is over":        {3600, time.Hour, busy, true, false, time.Minute},
		"at once":                      {0, 0, nil, true, false, time.Minute},
		"when they are back":           {3600, time.Hour, &DrainAnswer{Ranks: set("0-3"), Pending: 1}, false, true, 0},
		"a lead that does not do that": {3600, time.Hour + time.Minute, busy, false, true, 0},
	} {
		o := changed()
		if test.since > 0 {
			o = resting(o, test.since, test.answer)
		}
		o.MiniCluster.Spec.Restart = api.Restart{DrainTimeoutSeconds: ptr.To(test.timeout), OnTimeout: api.TimeoutRequeue}
		p := Make(o)
		if (p.DeleteJob != nil) != test.goes || (p.DrainOrder != nil && p.DrainOrder.Requeue) != test.requeues {
			t.Errorf("%s: deletes %v, order %+v", name, p.DeleteJob != nil, p.DrainOrder)
		}
		if test.wakes > 0 && !p.WakeAt.Equal(noon.Add(test.wakes)) {
			t.Errorf("%s: wakes at %s, want in %s", name, p.WakeAt, test.wakes)
		}
		if test.requeues {
			wantState(t, p, api.ReasonDraining, "jobs that still run go back into it")
		}
	}
}

// TestBrokenLeadIsNotWaitedFor: a change often mends what keeps it from coming up.
func TestBrokenLeadIsNotWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		lead func(*corev1.Pod)
		goes bool
	}{
		"it is ready":  {func(*corev1.Pod) {}, false},
		"it was ready": {func(p *corev1.Pod) { notReadySince(p, noon.Add(-time.Minute)) }, false},
		"it may be about to be": {func(p *corev1.Pod) {
			setRunning(p, noon.Add(-30*time.Second), false)
			notReadySince(p, noon.Add(-time.Hour))
		}, false},
		"it has not been for a minute": {func(p *corev1.Pod) { notReadySince(p, noon.Add(-2*time.Hour)) }, true},
		"its container does not run":   {func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }, true},
		"its pod ends":                 {func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }, true},
	} {
		o := changed()
		test.lead(&o.Pods[0])
		p := Make(o)
		if (p.DeleteJob != nil) != test.goes {
			t.Errorf("%s: deletes %v, want %v", name, p.DeleteJob != nil, test.goes)
		}
		if lost := strings.Contains(reasons(p), api.EventStateLost); lost {
			t.Errorf("%s: a queue is lost that nobody can have filled", name)
		}
		if name == "it may be about to be" && !p.WakeAt.Equal(noon.Add(30*time.Second)) {
			t.Errorf("looks again at %s, want in 30 s", p.WakeAt)
		}
	}
}

func notReadySince(p *corev1.Pod, at time.Time) {
	p.Status.ContainerStatuses[0].Ready = false
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(at)}}
}

func TestRestartThatIsTakenBackStartsTheQueueAgain(t *testing.T) {
	o := resting(working(), time.Minute, &DrainAnswer{Ranks: set("0-3"), Busy: set("1"), JobCount: 1})
	p := Make(o)
	if p.DeleteJob != nil || p.DrainOrder == nil || !p.DrainOrder.Ranks.IsEmpty() || p.DrainStatus == nil {
		t.Fatalf("order %+v, status %v, want that nothing is drained, until the lead knows", p.DrainOrder, p.DrainStatus)
	}
	o.Drain = &DrainAnswer{}
	p = Make(o)
	if p.DrainOrder != nil || p.DrainStatus != nil || reasons(p) != api.EventDrainCanceled {
		t.Errorf("order %v, status %v, events %q", p.DrainOrder, p.DrainStatus, reasons(p))
	}
	// A shrink goes on in its place.
	o.MiniCluster.Spec.Size = 2
	p = Make(o)
	if p.DrainOrder == nil || p.DrainOrder.Ranks.String() != "2-3" || p.DrainOrder.Rests() {
		t.Errorf("order %+v, want ranks 2-3", p.DrainOrder)
	}
}

func TestRestartOnRequest(t *testing.T) {
	o := changed()
	o.MiniCluster.Spec.Restart.Policy = api.RestartOnRequest
	p := Make(o)

	wantState(t, p, api.ReasonRestartDue, "4 of 4 ranks are ready; a restart of all ranks is due, since what the ranks are made from changed")
	wantState(t, p, api.ReasonRestartDue, "kubectl annotate minicluster sample -n ns --overwrite "+api.AnnotationRestart)
	if reasons(p) != api.EventRestartDue {
		t.Errorf("events %q", reasons(p))
	}
	if p = Make(inState(o, api.ReasonRestartDue)); reasons(p) != "" {
		t.Errorf("tells again: %q", reasons(p))
	}
	// Its ranks go on being scaled.
	o.MiniCluster.Spec.Size = 2
	if p = Make(o); p.DrainOrder == nil || p.DrainOrder.Rests() {
		t.Errorf("order %+v, want a shrink", p.DrainOrder)
	}
	o.MiniCluster.Annotations = map[string]string{api.AnnotationRestart: "now"}
	if p = Make(o); p.DrainOrder == nil || !p.DrainOrder.Rests() {
		t.Errorf("order %+v, want the instance to rest", p.DrainOrder)
	}
	o.MiniCluster.Spec.Restart.Policy = ""
	o.Job.Annotations[api.AnnotationRestart] = "now" // An earlier wish is no wish.
	o.MiniCluster.Spec.Containers[0].Image = "image"
	o.MiniCluster.Spec.Size = 4
	quiet(t, Make(o))
}

func TestRestartByRequestAlone(t *testing.T) {
	o := resting(working(), time.Minute, &DrainAnswer{Ranks: set("0-3")})
	o.MiniCluster.Annotations = map[string]string{api.AnnotationRestart: "now"}
	p := Make(o)
	if p.DeleteJob == nil || p.Replacement == nil || p.Replacement.Annotations[api.AnnotationRestart] != "now" {
		t.Fatalf("deletes %v, for %+v", p.DeleteJob != nil, p.Replacement)
	}
	wantState(t, p, api.ReasonRecreating, "annotation "+api.AnnotationRestart+" asks for it")
}

// TestRanksAboveTheCeilingWaitForTheRestart: Flux does not know them.
func TestRanksAboveTheCeilingWaitForTheRestart(t *testing.T) {
	o := toldConfig(working(), `{"hosts":"sample-[0-3]"}`)
	o.MiniCluster.Spec.Restart.Policy = api.RestartOnRequest
	o.MiniCluster.Spec.Size, o.MiniCluster.Spec.MaxSize = 8, 8
	p := Make(inState(o, api.ReasonRestartDue))
	quiet(t, p)
	if p.Desired != 4 || p.Maximum != 8 {
		t.Errorf("desired %d of %d, want 4 of 8", p.Desired, p.Maximum)
	}
	wantState(t, p, api.ReasonRestartDue, "4 of 4 ranks are ready")
	o.Job, o.Pods = nil, nil
	if p = Make(o); p.Desired != 8 || *p.Job.Spec.Completions != 8 {
		t.Errorf("desired %d, want 8 of the new Job", p.Desired)
	}
}

func TestLossIsSaidBeforehand(t *testing.T) {
	for name, test := range map[string]struct {
		before, stateDir, archive string
		lost                      bool
	}{
		"nothing keeps it":            {`{"stateDir":"/tmp/state"}`, "", "", true},
		"the state folder stays":      {`{"stateDir":"/data"}`, "/data", "", false},
		"a new state folder":          {`{"stateDir":"/tmp/state"}`, "/data", "", true},
		"another state folder":        {`{"stateDir":"/data"}`, "/data2", "", true},
		"the archive stays":           {`{"stateDir":"/data","archivePath":"/a.tar"}`, "", "/a.tar", false},
		"an archive that is not read": {`{"archivePath":"/a.tar"}`, "", "/b.tar", true},
		"it is no more":               {`{"stateDir":"/data"}`, "", "", true},
		"a folder may be newer":       {`{"archivePath":"/a.tar"}`, "/data", "/a.tar", true},
	} {
		o := toldConfig(changed(), test.before)
		o.MiniCluster.Spec.Flux.StateDir, o.MiniCluster.Spec.Archive.Path = test.stateDir, test.archive
		p := Make(o)
		if got := strings.Contains(p.Message, "will be lost"); got != test.lost {
			t.Errorf("%s: lost %v, want %v: %s", name, got, test.lost, p.Message)
		}
	}
	p := Make(resting(changed(), time.Minute, &DrainAnswer{Ranks: set("0-3"), Busy: set("0"), JobCount: 1}))
	if strings.Contains(p.Message, "lost") {
		t.Errorf("an empty queue is lost: %s", p.Message)
	}
}

func TestSleep(t *testing.T) {
	o := working()
	o.MiniCluster.Spec.Suspend = true
	p := Make(o)
	if p.DeleteJob != nil || p.DrainOrder == nil || !p.DrainOrder.Rests() {
		t.Fatalf("deletes %v, order %+v, want the instance to rest", p.DeleteJob != nil, p.DrainOrder)
	}
	wantState(t, p, api.ReasonDraining, "the queue is stopped, and all ranks end when no job runs")

	o = resting(o, time.Minute, &DrainAnswer{Ranks: set("0-3")})
	p = Make(o)
	if p.DeleteJob == nil || reasons(p) != api.EventDrained+" "+api.EventFallingAsleep {
		t.Fatalf("deletes %v, events %q", p.DeleteJob != nil, reasons(p))
	}
	wantState(t, p, api.ReasonFallingAsleep, "spec.suspend is true")
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	wantState(t, Make(o), api.ReasonFallingAsleep, "waiting for the earlier Job")
	o.Job = nil
	wantState(t, Make(o), api.ReasonFallingAsleep, "have still to end: 4")
	o.Pods, o.MiniCluster.Status.Drain, o.Drain = nil, nil, nil
	p = Make(o)
	if p.Job != nil || p.Prerequisites || !p.DeleteServices || p.DrainOrder != nil || p.QueueOrder != nil {
		t.Errorf("while asleep: %+v", p.Actions)
	}
	wantState(t, p, api.ReasonAsleep, `comes back with 4 ranks with: kubectl patch minicluster sample -n ns`)
	o = inState(o, api.ReasonAsleep)
	if p = Make(o); p.DeleteServices {
		t.Error("deletes the services again and again")
	}
	o.MiniCluster.Spec.Suspend, o.MiniCluster.Spec.Size = false, 2
	p = Make(o)
	if p.Job == nil || *p.Job.Spec.Completions != 2 || !p.Prerequisites {
		t.Errorf("woken: %+v", p.Actions)
	}
}

func TestSleepLeavesOthersAlone(t *testing.T) {
	o := suspended()
	o.MiniCluster.Spec.Suspend = true
	p := Make(inState(o, api.ReasonSuspended))
	quiet(t, p)
	wantState(t, p, api.ReasonSuspended, "")

	o = ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Suspend = true
	p = Make(o)
	if p.DeleteJob != nil {
		t.Error("what has ended is put to sleep")
	}
	wantState(t, p, api.ReasonCompleted, "")
}

func TestSleepTellsThatItCouldNotComeBack(t *testing.T) {
	o := Observed{MiniCluster: miniCluster(1, 1, 4)}
	o.MiniCluster.Spec.Suspend = true
	o.MiniCluster.Spec.Containers[0].Command = `echo "`
	p := Make(o)
	wantState(t, p, api.ReasonInvalidSpec, "asleep; but it could not come back")
}
