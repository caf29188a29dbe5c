package plan

import (
	"slices"
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

// instance is a settled instance of Flux.
func instance() Observed {
	mc := miniCluster(2, 1, 4)
	mc.Spec.Flux.Enabled = nil
	o := settled(mc)
	o.Settings = build.Settings{AgentImage: "agent", Features: build.FeaturesOf(1, 34)}
	o.Job.Spec.SuccessPolicy = &batchv1.SuccessPolicy{}
	o.Job.Spec.Template.Spec.Containers = []corev1.Container{{Name: "sample"}}
	return o
}

func ended(o Observed, condition batchv1.JobConditionType, reason string) Observed {
	o.Job.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: reason, Message: "as told"}}
	return o
}

func terminated(pod *corev1.Pod, phase corev1.PodPhase, message string) {
	exited(pod, phase, 0, message)
}

func exited(pod *corev1.Pod, phase corev1.PodPhase, code int32, message string) {
	pod.Status.Phase = phase
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name:  "sample",
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message}},
	}}
}

// told makes the status tell of the end that was planned.
func told(mc *api.MiniCluster, end *End) {
	mc.Status.ExitCode, mc.Status.EndedTemplate = end.ExitCode, end.Template
	conditionType := api.ConditionComplete
	if end.Failed {
		conditionType = api.ConditionFailed
	}
	mc.Status.Conditions = []metav1.Condition{{Type: conditionType, Status: metav1.ConditionTrue, Reason: end.Reason, Message: end.Message}}
}

func TestEndOfTheCommand(t *testing.T) {
	for name, test := range map[string]struct {
		condition batchv1.JobConditionType
		reason    string
		rank      int
		message   string
		want      End
	}{
		"success": {
			batchv1.JobComplete, "", 0, `{"command":{"exitCode":0}}`,
			End{Reason: api.ReasonCommandSucceeded, ExitCode: ptr.To(int32(0))},
		},
		"exit code 3": {
			batchv1.JobFailed, batchv1.JobReasonPodFailurePolicy, 0, `{"command":{"exitCode":3}}`,
			End{Failed: true, Reason: api.ReasonCommandFailed, ExitCode: ptr.To(int32(3))},
		},
		"no Flux": {
			batchv1.JobFailed, batchv1.JobReasonPodFailurePolicy, 1, `{"message":"flux is not on PATH"}`,
			End{Failed: true, Reason: api.ReasonRankUnusable},
		},
		"deadline": {
			batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded, 1, "",
			End{Failed: true, Reason: api.ReasonDeadlineExceeded},
		},
		"too many failures": {
			batchv1.JobFailed, batchv1.JobReasonFailedIndexes, 1, "",
			End{Failed: true, Reason: api.ReasonBackoffLimitExceeded},
		},
		"anything else": {
			batchv1.JobFailed, "Other", 1, "killed",
			End{Failed: true, Reason: api.ReasonJobFailed},
		},
	} {
		o := ended(instance(), test.condition, test.reason)
		exited(&o.Pods[test.rank], corev1.PodFailed, agentapi.ExitUnusable, test.message)
		p := Make(o)
		if p.End == nil {
			t.Fatalf("%s: no end", name)
		}
		if p.End.Failed != test.want.Failed || p.End.Reason != test.want.Reason || !ptr.Equal(p.End.ExitCode, test.want.ExitCode) {
			t.Errorf("%s: end %+v, want %+v", name, *p.End, test.want)
		}
		quiet(t, p)
	}
}

// TestJobThatGoesOnIsSuspended: an old Kubernetes knows no success policy, also when
// it has become a newer one since the Job was made, and containers beside the rank
// keep the lead's pod running.
func TestJobThatGoesOnIsSuspended(t *testing.T) {
	old := instance()
	old.Settings.Features = build.FeaturesOf(1, 30)
	old.Job.Spec.SuccessPolicy = nil
	upgraded := instance()
	upgraded.Job.Spec.SuccessPolicy = nil
	beside := instance()
	beside.MiniCluster.Spec.Containers[0].RunFlux = true
	beside.MiniCluster.Spec.Containers = append(beside.MiniCluster.Spec.Containers, api.Container{Name: "beside", Image: "image"})
	beside.Job.Spec.Template.Spec.Containers = append(beside.Job.Spec.Template.Spec.Containers, corev1.Container{Name: "beside"})
	beside.Job.Annotations[api.AnnotationTemplateHash] = build.TemplateHash(beside.MiniCluster, 4)
	for name, o := range map[string]Observed{"old": old, "upgraded": upgraded, "beside": beside} {
		for code, conditionType := range map[string]string{"0": api.ConditionComplete, "3": api.ConditionFailed} {
			o.MiniCluster.Status.Conditions = nil
			o.Job.Spec.Suspend = nil
			terminated(&o.Pods[0], corev1.PodRunning, `{"command":{"exitCode":`+code+`}}`)
			p := Make(o)
			quiet(t, p)
			if p.End == nil || p.End.Failed != (code != "0") {
				t.Fatalf("%s, exit code %s: end %+v", name, code, p.End)
			}
			o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: conditionType, Status: metav1.ConditionTrue, Reason: p.End.Reason}}
			if p = Make(o); p.Job == nil || !*p.Job.Spec.Suspend {
				t.Fatalf("%s, exit code %s: Job %+v, want it suspended", name, code, p.Job)
			}
			// The pods are gone, and nothing moves.
			o.Job.Spec.Suspend = ptr.To(true)
			gone := o
			gone.Pods = nil
			p = Make(gone)
			quiet(t, p)
			if p.End == nil || p.End.Failed != (code != "0") {
				t.Errorf("%s, exit code %s: end %+v afterwards", name, code, p.End)
			}
		}
	}
}

func TestServicesGoWithTheEnd(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Services = []api.Container{{Name: "db", Image: "db"}}
	if p := Make(o); !p.DeleteServices {
		t.Error("the services stay")
	}
	without := ended(instance(), batchv1.JobComplete, "")
	if p := Make(without); !p.DeleteServices {
		t.Error("services stay that were taken out of the spec meanwhile")
	}
	o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue}}
	if p := Make(o); p.DeleteServices {
		t.Error("the services are deleted again and again")
	}
}

func TestCleanupWaitsForTheStatusAndDoesNotRunAgain(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Cleanup = true
	if p := Make(o); p.DeleteJob != nil {
		t.Fatal("the Job goes before the status tells of the end")
	}
	o.MiniCluster.Status.ExitCode = ptr.To(int32(0))
	o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: api.ReasonCommandSucceeded}}
	if p := Make(o); p.DeleteJob != o.Job || reasons(p) != api.EventCleanedUp {
		t.Errorf("deletes %v, events %v", p.DeleteJob, p.Events)
	}
	o.Job.DeletionTimestamp = ptr.To(metav1.Now())
	for _, job := range []*batchv1.Job{o.Job, nil} {
		o.Job = job
		p := Make(o)
		quiet(t, p)
		if p.End == nil || p.End.Reason != api.ReasonCommandSucceeded || !ptr.Equal(p.End.ExitCode, ptr.To(int32(0))) {
			t.Errorf("end %+v, want what the status told", p.End)
		}
	}
}

// cleanedUp is an instance that has ended, and whose Job was cleaned up.
func cleanedUp() Observed {
	o := ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Cleanup = true
	told(o.MiniCluster, Make(o).End)
	o.Job, o.Pods, o.Now = nil, nil, noon
	return o
}

func TestChangeAfterTheCleanupRunsAgain(t *testing.T) {
	o := cleanedUp()
	o.MiniCluster.Spec.Size = 3 // which is no other command
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonCompleted, "exit code 0")

	o.MiniCluster.Spec.Containers[0].Command = "another"
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonRecreating, "changed after the end")
	if p.End != nil || p.Replacement == nil {
		t.Fatalf("end %+v, tries out %v: want the API server asked, then the end taken back", p.End, p.Replacement)
	}
	o.MiniCluster.Status.Conditions, o.MiniCluster.Status.ExitCode, o.MiniCluster.Status.EndedTemplate = nil, nil, ""
	if p = Make(o); p.Job == nil || *p.Job.Spec.Completions != 3 || !p.Prerequisites || reasons(p) != api.EventCreated {
		t.Errorf("Job %+v, events %v", p.Job, p.Events)
	}
}

func TestChangeThatCannotBeForgetsNoEnd(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Observed)
		tells  string
	}{
		"the spec is spoilt": {func(o *Observed) { spoil(o.MiniCluster) }, "flux.curveCert"},
		"the API server refuses": {func(o *Observed) {
			o.MiniCluster.Spec.Containers[0].Image, o.Refusal = "another", "requests above limits"
		}, "requests above limits"},
	} {
		o := cleanedUp()
		test.change(&o)
		p := Make(o)
		quiet(t, p)
		wantState(t, p, api.ReasonCompleted, "exit code 0; delete the MiniCluster to run it again; what has changed in the spec since cannot be: ")
		wantState(t, p, api.ReasonCompleted, test.tells)
		if p.End == nil || p.Replacement != nil {
			t.Errorf("%s: end %+v, tries out %v", name, p.End, p.Replacement)
		}
		// The spec as it was is no other one.
		told(o.MiniCluster, p.End)
		o.MiniCluster.Spec, o.Refusal = cleanedUp().MiniCluster.Spec, ""
		p = Make(o)
		quiet(t, p)
		if p.End == nil {
			t.Errorf("%s: what has ended runs again", name)
		}
	}
}

// TestEndThatAnOlderOperatorToldOfStays: what it was the end of is not known when
// the Job is gone.
func TestEndThatAnOlderOperatorToldOfStays(t *testing.T) {
	o := cleanedUp()
	o.MiniCluster.Status.EndedTemplate = ""
	o.MiniCluster.Spec.Containers[0].Command = "another"
	p := Make(o)
	quiet(t, p)
	if p.End == nil || p.Replacement != nil {
		t.Errorf("end %+v, tries out %v", p.End, p.Replacement)
	}
}

func TestChangeAfterTheEndRunsAgain(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Containers[0].Command = "another"
	o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue}}
	p := Make(o)
	if p.DeleteJob != nil || p.End != nil {
		t.Error("the Job goes before the status tells that the end is none")
	}
	o.MiniCluster.Status.Conditions[0].Status = metav1.ConditionFalse
	if p = Make(o); p.DeleteJob == nil {
		t.Errorf("the Job stays: %s, %s", p.State, p.Message)
	}
}

func TestLostLeadIsReported(t *testing.T) {
	o := instance()
	o.MiniCluster.Status.Ready = 2
	o.Pods = o.Pods[1:]
	wantState(t, Make(o), api.ReasonLeadLost, "the lead is lost")
	o.MiniCluster.Status.Ready = 0
	o.MiniCluster.Status.Conditions = []metav1.Condition{{Type: api.ConditionReady, Status: metav1.ConditionFalse, Reason: api.ReasonLeadLost}}
	wantState(t, Make(o), api.ReasonLeadLost, "")
	o.Pods = append(o.Pods, pod("job", 0, true))
	if p := Make(o); p.State != api.ReasonReady || reasons(p) != api.EventLeadBack {
		t.Errorf("state %s, events %v", p.State, p.Events)
	}
}

// TestLeadIsNotLostWhileItsBrokerComesOrIsUp: kubelets of followers may report sooner,
// and a container beside the lead may end.
func TestLeadIsNotLostWhileItsBrokerComesOrIsUp(t *testing.T) {
	started := metav1.NewTime(time.Unix(1000, 0))
	for name, test := range map[string]struct {
		since time.Duration // the condition Ready, since the container was started
		up    bool          // by the container's own readiness
		lost  bool
	}{
		"it has never been ready":         {0, false, false},
		"it was ready":                    {time.Minute, false, true},
		"a container beside it has ended": {time.Minute, true, false},
	} {
		o := instance()
		o.MiniCluster.Status.Ready = 1
		lead := pod("job", 0, false)
		lead.Status.Conditions[0].LastTransitionTime = metav1.NewTime(started.Add(test.since))
		lead.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: build.RankContainerName(o.MiniCluster), Ready: test.up,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
		}}
		o.Pods[0] = lead
		if got := Make(o).State == api.ReasonLeadLost; got != test.lost {
			t.Errorf("%s: lost %v, want %v", name, got, test.lost)
		}
	}
}

// TestRankThatMadeTheJobFailIsNamed: others have failed before and were tried again,
// or belong to an earlier Job.
func TestRankThatMadeTheJobFailIsNamed(t *testing.T) {
	mc := miniCluster(4, 1, 4)
	mc.Spec.Flux.Enabled = nil
	o := ended(settled(mc), batchv1.JobFailed, batchv1.JobReasonPodFailurePolicy)
	exited(&o.Pods[0], corev1.PodFailed, agentapi.ExitTryAgain, `{"message":"no lead yet"}`)
	exited(&o.Pods[1], corev1.PodFailed, agentapi.ExitUnusable, `{"message":"flux is not on PATH"}`)
	exited(&o.Pods[2], corev1.PodFailed, agentapi.ExitUnusable, `{"message":"flux is not there either"}`)
	exited(&o.Pods[3], corev1.PodFailed, agentapi.ExitTryAgain, `{"message":"no address"}`)
	earlier := pod("earlier", 0, false)
	exited(&earlier, corev1.PodFailed, agentapi.ExitUnusable, `{"message":"of another time"}`)
	for range 2 {
		o.Pods = append([]corev1.Pod{earlier}, o.Pods...)
		slices.Reverse(o.Pods)
		p := Make(o)
		if want := "rank 1 cannot run: flux is not on PATH"; p.End == nil || p.End.Message != want || p.End.Reason != api.ReasonRankUnusable {
			t.Errorf("end %+v, want %q", p.End, want)
		}
	}
}

func TestWhatWasToldOfTheEndStays(t *testing.T) {
	o := ended(instance(), batchv1.JobFailed, batchv1.JobReasonPodFailurePolicy)
	exited(&o.Pods[0], corev1.PodFailed, 3, `{"command":{"exitCode":3}}`)
	end := Make(o).End
	told(o.MiniCluster, end)
	o.Pods = nil
	p := Make(o)
	if p.End == nil || p.End.Message != end.Message || !ptr.Equal(p.End.ExitCode, ptr.To(int32(3))) {
		t.Errorf("without its pods the end is %+v, want %+v", p.End, end)
	}

	// But for a cause that was not known, since the pod was seen after the Job.
	o.MiniCluster.Status = api.MiniClusterStatus{}
	told(o.MiniCluster, Make(o).End)
	o.Pods = []corev1.Pod{pod("job", 1, false)}
	exited(&o.Pods[0], corev1.PodFailed, agentapi.ExitUnusable, `{"message":"flux is not on PATH"}`)
	if p := Make(o); p.End == nil || p.End.Reason != api.ReasonRankUnusable {
		t.Errorf("end %+v, want the cause", p.End)
	}
}

// spoil makes the spec of an instance of Flux one that no Job can be made of.
func spoil(mc *api.MiniCluster) { mc.Spec.Flux.CurveCert = "none" }

func TestEndStaysWhenTheSpecIsSpoilt(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	told(o.MiniCluster, Make(o).End)
	spoil(o.MiniCluster)
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonCompleted, "flux.curveCert")
	if p.End == nil || p.End.Failed || !ptr.Equal(p.End.ExitCode, ptr.To(int32(0))) {
		t.Errorf("end %+v, want what the status told", p.End)
	}

	// A Job that had to be suspended has nothing else that tells of its end.
	o = instance()
	o.Job.Spec.SuccessPolicy = nil
	terminated(&o.Pods[0], corev1.PodRunning, `{"command":{"exitCode":0}}`)
	told(o.MiniCluster, Make(o).End)
	o.Job.Spec.Suspend, o.Pods = ptr.To(true), nil
	before := o.MiniCluster.DeepCopy()
	spoil(o.MiniCluster)
	p = Make(o)
	if p.End == nil {
		t.Fatalf("the end is forgotten: %s, %s", p.State, p.Message)
	}
	o.MiniCluster.Spec = before.Spec
	told(o.MiniCluster, p.End)
	wantState(t, Make(o), api.ReasonCompleted, "exit code 0")
}

func TestEndStaysWhileAnotherHasTheName(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	o.MiniCluster.Spec.Cleanup = true
	told(o.MiniCluster, Make(o).End)
	o.Job, o.Pods = nil, nil
	mine := o.Service
	o.Service = live(build.Service(o.MiniCluster))
	o.Service.OwnerReferences, o.Service.Labels = nil, nil
	p := Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonNameConflict, "Service")
	if p.End == nil {
		t.Fatal("the end is forgotten")
	}
	told(o.MiniCluster, p.End)
	o.Service = mine
	p = Make(o)
	quiet(t, p)
	wantState(t, p, api.ReasonCompleted, "")
}

func TestEndStaysWhileTheMiniClusterIsDeleted(t *testing.T) {
	o := ended(instance(), batchv1.JobComplete, "")
	told(o.MiniCluster, Make(o).End)
	o.MiniCluster.DeletionTimestamp = ptr.To(metav1.Now())
	if p := Make(o); p.End == nil || p.State != api.ReasonDeleting {
		t.Errorf("state %s, end %+v", p.State, p.End)
	}
}

// TestRanksThatHaveEndedAreTheEnd: what was injected into their pods goes on.
func TestRanksThatHaveEndedAreTheEnd(t *testing.T) {
	mc := miniCluster(3, 1, 3)
	o := settled(mc)
	o.Job.Status.CompletedIndexes = "0"
	o.Pods = o.Pods[1:]
	beside := func(pod *corev1.Pod, exitCode int32) {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{
			{Name: build.RankContainerName(mc), State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode}}},
			{Name: "mesh", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}
	}
	beside(&o.Pods[0], 0)
	if p := Make(o); p.End != nil {
		t.Errorf("rank 2 goes on, and the end is %+v", p.End)
	}
	beside(&o.Pods[1], 3)
	if p := Make(o); p.End != nil {
		t.Errorf("rank 2 has failed, and the end is %+v", p.End)
	}
	beside(&o.Pods[1], 0)
	p := Make(o)
	if p.End == nil || p.End.Failed || p.Job != nil {
		t.Fatalf("the end is %+v, and the Job %+v: first the status must tell", p.End, p.Job)
	}
	mc.Status.Conditions = []metav1.Condition{{Type: api.ConditionComplete, Status: metav1.ConditionTrue, Reason: p.End.Reason}}
	if p = Make(o); p.Job == nil || !*p.Job.Spec.Suspend {
		t.Errorf("what goes on in the pods is not ended: %+v", p.Job)
	}
}
