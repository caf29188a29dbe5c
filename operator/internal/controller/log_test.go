package controller

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
	"github.com/gopherlocks/gopherlocks/operator/whatif/whatiftest"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// running is an instance of Flux of 4 ranks.
func running(t *testing.T) plan.Observed {
	live := whatiftest.Running(t, &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "sample", Namespace: "ns"},
		Spec: api.MiniClusterSpec{
			Size: 4, MinSize: 1, MaxSize: 4, Tasks: ptr.To[int32](1), Containers: []api.Container{{Image: "image"}},
		},
	})
	return plan.Observed{
		MiniCluster: live.MiniCluster, Service: live.Service, Job: live.Job, Pods: live.Pods, Now: noon,
		Settings: build.Settings{AgentImage: "registry.example/agent:1", Features: build.FeaturesOf(live.Major, live.Minor)},
	}
}

// logged returns a context with a logger, and the lines that it gets.
func logged(ctx context.Context) (context.Context, *[]string) {
	lines := &[]string{}
	return log.IntoContext(ctx, funcr.New(func(_, line string) {
		*lines = append(*lines, strings.TrimPrefix(line, `"level"=0 "msg"=`))
	}, funcr.Options{})), lines
}

// pass tells what a reconciliation tells, and makes o what is there after it. It
// returns the lines in the log.
func pass(t *testing.T, o *plan.Observed) []string {
	t.Helper()
	ctx, lines := logged(t.Context())
	r := &reconciler{events: record.NewFakeRecorder(10)}
	p := plan.Make(*o)
	status := calculateStatus(o.MiniCluster, p.Report)
	for _, e := range slices.Concat(p.Events, warnings(o.MiniCluster.Status, status, p.Report)) {
		r.record(ctx, o.MiniCluster, e)
	}
	o.MiniCluster.Status = status
	if p.Job != nil {
		data, err := json.Marshal(p.Job)
		if err != nil {
			t.Fatal(err)
		}
		if o.Job == nil {
			o.Job = &batchv1.Job{}
		}
		if err := json.Unmarshal(data, o.Job); err != nil {
			t.Fatal(err)
		}
	}
	if p.DeleteJob != nil {
		o.Job.DeletionTimestamp = ptr.To(metav1.NewTime(o.Now))
	}
	return *lines
}

// TestDecisionsAreLoggedOnce: with their reason, and not again while they last.
func TestDecisionsAreLoggedOnce(t *testing.T) {
	page, err := os.ReadFile("../../../docs/conditions-and-events.md")
	if err != nil {
		t.Fatal(err)
	}
	draining := func(o *plan.Observed) {
		o.MiniCluster.Spec.Size = 2
		o.MiniCluster.Status.Drain = &api.Drain{Ranks: "2-3", StartTime: metav1.NewTime(noon.Add(-time.Minute))}
		o.Drain = &plan.DrainAnswer{Ranks: idset.Range(2, 4)}
	}
	ended := func(o *plan.Observed, condition batchv1.JobConditionType) {
		o.Job.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue}}
	}
	for name, test := range map[string]struct {
		change func(*plan.Observed)
		want   []string
	}{
		"nothing": {func(*plan.Observed) {}, nil},
		"create": {func(o *plan.Observed) { o.Job, o.Pods = nil, nil }, []string{
			`"Created the Job" "ranks"=4 "reason"="there was none"`,
		}},
		"grow": {func(o *plan.Observed) { o.Job.Spec.Completions = ptr.To[int32](2) }, []string{
			`"Grew the Job" "from"=2 "to"=4 "reason"="spec.size is 4"`,
		}},
		"shrink at once": {func(o *plan.Observed) {
			o.MiniCluster.Spec.Size, o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = 2, ptr.To[int32](0)
		}, []string{
			`"Shrank the Job" "from"=4 "to"=2 "reason"="spec.size is 2"`,
		}},
		"drain": {func(o *plan.Observed) { o.MiniCluster.Spec.Size = 2 }, []string{
			`"Draining ranks" "ranks"="2-3" "until"="2026-01-02T13:00:00Z" "reason"="spec.size is 2"`,
		}},
		"ranks are idle": {draining, []string{
			`"Drained ranks" "ranks"="2-3" "reason"="no job runs on them"`,
			`"Shrank the Job" "from"=4 "to"=2 "reason"="spec.size is 2"`,
		}},
		"the time is over": {func(o *plan.Observed) {
			draining(o)
			o.MiniCluster.Spec.ScaleDown.DrainTimeoutSeconds = ptr.To[int32](60)
			o.Drain.Problem = "no route"
		}, []string{
			`"Stopped waiting for ranks to drain" "ranks"="2-3" "timeout"="1m0s" "reason"="the lead does not answer: no route"`,
			`"Shrank the Job" "from"=4 "to"=2 "reason"="spec.size is 2"`,
		}},
		"ranks stay": {func(o *plan.Observed) {
			draining(o)
			o.MiniCluster.Spec.Size, o.Drain.Ranks = 4, idset.Set{}
		}, []string{
			`"Undrained ranks" "ranks"="2-3" "reason"="spec.size is 4"`,
		}},
		"a size out of bounds": {func(o *plan.Observed) { o.MiniCluster.Spec.Size = 9 }, []string{
			`"Held the size within its bounds" "state"="SizeAboveMaximum" "reason"="size 9 must be at most maxSize 4; running with size 4"`,
		}},
		"another image": {func(o *plan.Observed) { o.MiniCluster.Spec.Containers[0].Image = "another" }, []string{
			`"Draining ranks" "ranks"="0-3" "until"="2026-01-02T13:00:00Z" "reason"="what the ranks are made from changed, which a running Job cannot take over"`,
		}},
		"another image, at once": {func(o *plan.Observed) {
			o.MiniCluster.Spec.Containers[0].Image, o.MiniCluster.Spec.Restart.Policy = "another", api.RestartAtOnce
		}, []string{
			`"Lost the queue with the ranks" "reason"="neither flux.stateDir nor archive.path keeps it"`,
			`"Deleted the Job to start all ranks anew" "ranks"=4 "reason"="what the ranks are made from changed, which a running Job cannot take over"`,
		}},
		"a refused Job": {func(o *plan.Observed) { o.MiniCluster.Spec.Containers[0].Image, o.Refusal = "another", "no GPU here" }, []string{
			`"Failed to apply what the spec asks for" "state"="ApplyFailed" "reason"="the API server does not take a Job as the spec says: no GPU here"`,
		}},
		"an invalid spec": {func(o *plan.Observed) { o.MiniCluster.Spec.Flux.CurveCert = "none" }, []string{
			`"Cannot follow the spec" "state"="InvalidSpec" "reason"="flux.curveCert`,
		}},
		"a name conflict": {func(o *plan.Observed) { o.Service.OwnerReferences, o.Service.Labels = nil, nil }, []string{
			`"Cannot use a name that is needed: an object of another owner has it" "state"="NameConflict" "reason"="a Service called`,
		}},
		"a suspended Job": {func(o *plan.Observed) { o.Job.Spec.Suspend = ptr.To(true) }, []string{
			`"Somebody has suspended the Job" "state"="Suspended" "reason"="the Job is suspended, so that`,
		}},
		"work that is cut off": {func(o *plan.Observed) {
			o.MiniCluster.Spec.Flux.Enabled, o.MiniCluster.Spec.Size = ptr.To(false), 1
			o.Job.Annotations = map[string]string{api.AnnotationTemplateHash: build.TemplateHash(o.MiniCluster, 0)}
			o.Job.Status.CompletedIndexes = "0"
		}, []string{
			`"Shrank the Job" "from"=4 "to"=1 "reason"="spec.size is 1"`,
			`"Cut off the work of ranks beside others that have ended" "state"="CutOff" "reason"="ended with exit code 0`,
		}},
		"a namespace that goes": {func(o *plan.Observed) { o.NamespaceEnds = true }, []string{
			`"Deleted the Job and its pods" "reason"="the namespace is being deleted"`,
		}},
		"a Job without an owner": {func(o *plan.Observed) { o.Job.OwnerReferences = nil }, []string{
			`"Deleted the Job to start all ranks anew" "reason"="it was that of an earlier MiniCluster, and has lost its owner"`,
		}},
		"the lead is lost": {func(o *plan.Observed) { o.Pods = o.Pods[1:] }, []string{
			`"Lost the lead, which is being replaced" "state"="LeadLost" "reason"="3 of 4 ranks are ready; the lead is lost and is being replaced"`,
		}},
		"a rank fails": {func(o *plan.Observed) {
			o.Pods[1].Status.Phase = corev1.PodFailed
			o.Pods[1].Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: build.RankContainerName(o.MiniCluster), State: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{ExitCode: 75, Message: `{"message":"no disk"}`, FinishedAt: metav1.NewTime(o.Now)},
				},
			}}
		}, []string{
			`"Something is in the way" "state"="ContainerFailing" "ranks"="1" "reason"="rank 1 has failed with exit code 75: no disk"`,
		}},
		"a rank is mended": {func(o *plan.Observed) {
			o.MiniCluster.Status.Conditions = append(o.MiniCluster.Status.Conditions,
				metav1.Condition{Type: api.ConditionDegraded, Status: metav1.ConditionTrue, Reason: api.ReasonContainerFailing})
		}, []string{
			`"Nothing is in the way any more" "was"="ContainerFailing"`,
		}},
		"the lead is back": {func(o *plan.Observed) {
			o.MiniCluster.Status.Conditions = append(o.MiniCluster.Status.Conditions, metav1.Condition{Type: api.ConditionReady, Reason: api.ReasonLeadLost})
		}, []string{
			`"The lead is back" "ready"=4 "reason"="rank 0 is ready"`,
		}},
		"success": {func(o *plan.Observed) { ended(o, batchv1.JobComplete) }, []string{
			`"The MiniCluster has completed" "state"="CommandSucceeded" "reason"="the command has ended with exit code 0`,
		}},
		"failure": {func(o *plan.Observed) { ended(o, batchv1.JobFailed) }, []string{
			`"The MiniCluster has failed" "state"="JobFailed" "reason"="the Job has failed`,
		}},
		"cleanup": {func(o *plan.Observed) {
			ended(o, batchv1.JobComplete)
			pass(t, o)
			o.MiniCluster.Spec.Cleanup = true
		}, []string{
			`"Deleted the Job and its pods" "reason"="it has ended, and spec.cleanup is true"`,
		}},
		"a Job that does not end": {func(o *plan.Observed) {
			o.Job.Spec.SuccessPolicy = nil
			o.Pods[0].Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: build.RankContainerName(o.MiniCluster), State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: `{"command":{"exitCode":0}}`}},
			}}
			pass(t, o)
		}, []string{
			`"Suspended the Job" "reason"="the command has ended, and the Job does not end by itself"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := running(t)
			test.change(&o)
			got := pass(t, &o)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("logged %q, want %q", got, test.want)
			}
			for _, line := range got {
				if message, _, _ := strings.Cut(line[1:], `"`); !strings.Contains(string(page), "`"+message+"`") {
					t.Errorf("docs/conditions-and-events.md does not tell of %q", message)
				}
			}
			if again := pass(t, &o); len(again) > 0 {
				t.Errorf("logged again: %q", again)
			}
		})
	}
}

// TestLostLeadIsLoggedOnceWhileRanksAreLost: although each changes the message.
func TestLostLeadIsLoggedOnceWhileRanksAreLost(t *testing.T) {
	o := running(t)
	o.Pods = o.Pods[1:]
	if got := pass(t, &o); len(got) != 1 {
		t.Errorf("logged %q, want one line", got)
	}
	o.Pods = o.Pods[1:]
	if got := pass(t, &o); len(got) > 0 {
		t.Errorf("logged again: %q", got)
	}
}

// podClient takes every write to a pod.
type podClient struct{ client.Client }

func (podClient) Delete(context.Context, client.Object, ...client.DeleteOption) error { return nil }
func (podClient) Status() client.SubResourceWriter                                    { return podStatus{} }

type podStatus struct{ client.SubResourceWriter }

func (podStatus) Patch(context.Context, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
	return nil
}

func TestPodsThatAreEndedAreLogged(t *testing.T) {
	ctx, lines := logged(t.Context())
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sample-1-x"}, Spec: corev1.PodSpec{NodeName: "a"}}
	r := &reconciler{client: podClient{}}
	if err := r.applyPods(ctx, plan.Plan{Actions: plan.Actions{GiveUp: []*corev1.Pod{pod}, Leftovers: []*corev1.Pod{pod}, Orphans: []*corev1.Pod{pod}}}); err != nil {
		t.Fatal(err)
	}
	if want := []string{
		`"Reported a pod as ended" "pod"="sample-1-x" "node"="a" "reason"="it was deleted by force, and its node does not answer"`,
		`"Deleted a pod" "pod"="sample-1-x" "reason"="its rank has failed, and its other containers went on"`,
		`"Deleted a pod" "pod"="sample-1-x" "reason"="it is a rank of a Job that is no more"`,
	}; !slices.Equal(*lines, want) {
		t.Errorf("logged %q, want %q", *lines, want)
	}
}
