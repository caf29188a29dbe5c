package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// ago is the time so long before now.
func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

// pending is a pod on a node whose containers do not run yet.
func pending(rank int32, statuses ...corev1.ContainerStatus) corev1.Pod {
	p := on("a", pod("job", rank, false))
	p.CreationTimestamp = ago(time.Minute)
	p.Status.Phase = corev1.PodPending
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: ago(time.Minute)})
	p.Status.ContainerStatuses = statuses
	return p
}

// waiting is the status of a container that waits.
func waiting(container, reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, Image: "image:1", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message},
	}}
}

// runs is the status of a container that runs since so long.
func runs(container string, since time.Duration) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, State: corev1.ContainerState{
		Running: &corev1.ContainerStateRunning{StartedAt: ago(since)},
	}}
}

// endedWith is the status of a container that has ended so long ago.
func endedWith(container string, code int32, since time.Duration, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, FinishedAt: ago(since), Message: message},
	}}
}

const rankContainer = "sample"

// failed is a pod of the rank that failed so long ago.
func failed(rank, code int32, since time.Duration, message string) corev1.Pod {
	p := pod("job", rank, false)
	p.CreationTimestamp = ago(since + time.Second)
	p.Status.Phase = corev1.PodFailed
	p.Status.ContainerStatuses = []corev1.ContainerStatus{endedWith(rankContainer, code, since, message)}
	return p
}

// again is the pod that replaces those that have failed, made so long ago.
func again(p corev1.Pod, failures string, since time.Duration) corev1.Pod {
	p.CreationTimestamp = ago(since)
	p.Annotations[batchv1.JobIndexFailureCountAnnotation] = failures
	for i := range p.Status.Conditions {
		p.Status.Conditions[i].LastTransitionTime = ago(since)
	}
	return p
}

// observed is a settled MiniCluster of three ranks, of which those given replace the
// pods of the ranks that they are of.
func observed(pods ...corev1.Pod) Observed { return observedOf(miniCluster(3, 1, 4), pods...) }

func observedOf(mc *api.MiniCluster, pods ...corev1.Pod) Observed {
	o := settled(mc)
	o.Now = now
	o.Pods = slices.DeleteFunc(o.Pods, func(p corev1.Pod) bool {
		rank, _ := rankOf(&p)
		return slices.ContainsFunc(pods, func(other corev1.Pod) bool {
			replaced, _ := rankOf(&other)
			return replaced == rank
		})
	})
	o.Pods = append(o.Pods, pods...)
	return o
}

func TestRankContainerHasTheNameOfTheTests(t *testing.T) {
	if got := build.RankContainerName(miniCluster(1, 1, 1)); got != rankContainer {
		t.Fatalf("the rank's container is called %q, and these tests say %q", got, rankContainer)
	}
}

func TestHindrancesOfContainers(t *testing.T) {
	outOfMemory := failed(1, 137, time.Second, "")
	outOfMemory.Status.ContainerStatuses[0].State.Terminated.Reason = "OOMKilled"
	rejected := failed(1, 0, time.Second, "")
	rejected.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu", Message: "Pod was rejected: Node didn't have enough resource: cpu"}
	evicted := failed(1, 75, time.Second, "")
	evicted.Status.Conditions = append(evicted.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue})
	installer := pending(1)
	installer.Status.InitContainerStatuses = []corev1.ContainerStatus{waiting("gopherlocks-agent", "ImagePullBackOff", "Back-off pulling image")}
	installerFailed := failed(1, 0, time.Second, "")
	installerFailed.Status.ContainerStatuses[0] = waiting(rankContainer, "PodInitializing", "")
	installerFailed.Status.InitContainerStatuses = []corev1.ContainerStatus{endedWith("view", 1, time.Second, "no space\n\nleft on device")}
	beside := on("a", pod("job", 1, false))
	beside.Status.ContainerStatuses = []corev1.ContainerStatus{runs(rankContainer, time.Minute), endedWith("store", 3, time.Second, "no data")}
	slow := on("a", pod("job", 1, false))
	slow.Status.ContainerStatuses = []corev1.ContainerStatus{runs(rankContainer, readyPatience)}
	newer := on("a", pod("job", 1, false))
	newer.Status.ContainerStatuses = []corev1.ContainerStatus{runs(rankContainer, readyPatience-time.Second)}
	ignored := again(pod("job", 1, false), "", time.Second)
	ignored.Annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] = "3"

	for name, test := range map[string]struct {
		pods           []corev1.Pod
		reason, ranks  string
		message        string
		wakes, nothing bool
	}{
		"images that cannot be pulled": {
			pods:   []corev1.Pod{pending(1, waiting(rankContainer, "ErrImagePull", "not found")), pending(2, waiting(rankContainer, "ImagePullBackOff", "Back-off"))},
			reason: api.ReasonImagePullFailed, ranks: "1-2",
			message: `container "sample" of ranks 1-2 cannot have its image "image:1" (ErrImagePull): not found`,
		},
		"the image of an init container": {
			pods: []corev1.Pod{installer}, reason: api.ReasonImagePullFailed, ranks: "1",
			message: `container "gopherlocks-agent" of rank 1 cannot have its image "image:1" (ImagePullBackOff): Back-off pulling image`,
		},
		"a Secret that is missing": {
			pods:   []corev1.Pod{pending(1, waiting(rankContainer, "CreateContainerConfigError", `secret "token" not found`))},
			reason: api.ReasonContainerNotStarted, ranks: "1",
			message: `container "sample" of rank 1 cannot start (CreateContainerConfigError): secret "token" not found`,
		},
		"an image that is about to be pulled": {pods: []corev1.Pod{pending(1, waiting(rankContainer, "ContainerCreating", ""))}, nothing: true},
		"failed once": {
			pods: []corev1.Pod{failed(1, 75, time.Second, `{"message":"no route to the lead"}`)}, reason: api.ReasonContainerFailing, ranks: "1", wakes: true,
			message: "rank 1 has failed with exit code 75: no route to the lead",
		},
		"failed again and again, and about to start": {
			pods:   []corev1.Pod{failed(1, 75, time.Minute, "first"), failed(1, 2, 3*time.Second, "one\ntwo\n"), again(pod("job", 1, false), "2", time.Second)},
			reason: api.ReasonContainerFailing, ranks: "1",
			message: "rank 1 has failed twice, last with exit code 2: one | two",
		},
		"failed more often than there are pods": {
			pods:   []corev1.Pod{failed(1, 1, 3*time.Second, ""), again(pod("job", 1, false), "7", time.Second)},
			reason: api.ReasonContainerFailing, ranks: "1",
			message: "rank 1 has failed 7 times, last with exit code 1",
		},
		"several ranks": {
			pods:   []corev1.Pod{failed(1, 1, time.Second, "lowest"), failed(2, 1, time.Minute, ""), failed(2, 1, time.Second, "other")},
			reason: api.ReasonContainerFailing, ranks: "1-2", wakes: true,
			message: "ranks 1-2 have failed up to twice each, last with exit code 1: lowest",
		},
		"ready for a moment between two failures": {
			pods:   []corev1.Pod{failed(1, 1, time.Minute, ""), failed(1, 1, 5*time.Second, ""), again(pod("job", 1, true), "2", 2*time.Second)},
			reason: api.ReasonContainerFailing, ranks: "1", wakes: true,
			message: "rank 1 has failed twice, last with exit code 1",
		},
		"mended": {pods: []corev1.Pod{
			failed(1, 1, 3*time.Minute, ""), failed(1, 1, 2*time.Minute, ""), again(pod("job", 1, true), "2", failingMemory),
		}, nothing: true},
		"failed once, and back":                        {pods: []corev1.Pod{failed(1, 1, 12*time.Second, ""), again(pod("job", 1, true), "1", time.Second)}, nothing: true},
		"failed long ago, and gone for another reason": {pods: []corev1.Pod{failed(1, 1, time.Hour, "")}, nothing: true},
		"failed long ago, and replaced for another reason": {
			pods: []corev1.Pod{failed(1, 1, time.Hour, ""), again(pod("job", 1, false), "", time.Second)}, nothing: true,
		},
		"stopped": {pods: []corev1.Pod{failed(1, 143, time.Second, "")}, nothing: true, wakes: true},
		"evicted": {pods: []corev1.Pod{evicted}, nothing: true, wakes: true},
		"stopped again and again": {
			pods:   []corev1.Pod{failed(1, 137, 3*time.Second, ""), ignored},
			reason: api.ReasonContainerFailing, ranks: "1",
			message: "rank 1 has been stopped 3 times, last with exit code 137",
		},
		"out of memory": {
			pods: []corev1.Pod{outOfMemory}, reason: api.ReasonContainerFailing, ranks: "1", wakes: true,
			message: "rank 1 has failed with exit code 137 (OOMKilled)",
		},
		"rejected by its node": {
			pods: []corev1.Pod{rejected}, reason: api.ReasonContainerFailing, ranks: "1", wakes: true,
			message: "rank 1 has failed: OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu",
		},
		"an init container that fails": {
			pods: []corev1.Pod{installerFailed}, reason: api.ReasonContainerFailing, ranks: "1", wakes: true,
			message: `container "view" of rank 1 has failed with exit code 1: no space | left on device`,
		},
		"a container beside the rank": {
			pods: []corev1.Pod{beside}, reason: api.ReasonContainerFailing, ranks: "1",
			message: `container "store" of rank 1 has ended with exit code 3, and the rank is not ready without it: no data`,
		},
		"not ready for long": {
			pods: []corev1.Pod{slow}, reason: api.ReasonRanksNotReady, ranks: "1",
			message: "rank 1 runs for more than 5 minutes and is not ready; its log says what it waits for",
		},
		"not ready yet": {pods: []corev1.Pod{newer}, nothing: true, wakes: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := Make(observed(test.pods...))
			if test.nothing {
				if len(p.Hindrances) > 0 {
					t.Errorf("in the way: %+v, want nothing", p.Hindrances)
				}
			} else {
				wantHindrance(t, p, test.reason, test.ranks, test.message)
			}
			if test.wakes != !p.WakeAt.IsZero() {
				t.Errorf("wakes at %v", p.WakeAt)
			}
		})
	}
}

// wantHindrance fails unless exactly this one is in the way, and the message of the
// state ends with it.
func wantHindrance(t *testing.T, p Plan, reason, ranks, message string) {
	t.Helper()
	if len(p.Hindrances) != 1 {
		t.Fatalf("in the way: %+v, want %s: %s", p.Hindrances, reason, message)
	}
	if h := p.Hindrances[0]; h.Reason != reason || h.Ranks.String() != ranks || h.Message != message {
		t.Errorf("in the way of %q:\n%s: %s\nwant %q:\n%s: %s", h.Ranks, h.Reason, h.Message, ranks, reason, message)
	}
	if !strings.HasSuffix(p.Message, "; "+message) {
		t.Errorf("the state says %q", p.Message)
	}
}

// TestServicesThatFailAreTold: the kubelet starts them again, so that nothing but the
// number of restarts tells of it.
func TestServicesThatFailAreTold(t *testing.T) {
	crashed := func(state corev1.ContainerState) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: "store", Image: "image:1", RestartCount: 4, State: state, LastTerminationState: endedWith("", 1, 0, "no data").State}
	}
	const failing = `container "store" of the services has ended 4 times, last with exit code 1: no data`
	for name, test := range map[string]struct {
		status          corev1.ContainerStatus
		reason, message string
	}{
		"in back-off":      {crashed(waiting("", crashLoop, "back-off").State), api.ReasonContainerFailing, failing},
		"started again":    {crashed(runs("", time.Second).State), api.ReasonContainerFailing, failing},
		"mended":           {crashed(runs("", failingMemory).State), "", ""},
		"never failed":     {runs("store", time.Second), "", ""},
		"without an image": {waiting("store", "InvalidImageName", ""), api.ReasonImagePullFailed, `container "store" of the services cannot have its image "image:1" (InvalidImageName)`},
	} {
		o := observed()
		o.MiniCluster.Spec.Services = []api.Container{{Name: "store", Image: "image:1"}}
		o.ServicesPods = []corev1.Pod{{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{test.status}}}}
		p := Make(o)
		switch {
		case test.reason != "":
			wantHindrance(t, p, test.reason, "", test.message)
		case len(p.Hindrances) > 0:
			t.Errorf("%s: in the way: %+v", name, p.Hindrances)
		}
	}
}

func TestSchedulerThatDoesNotExistIsTold(t *testing.T) {
	unseen := pod("job", 1, false)
	unseen.Spec.SchedulerName = "gang"
	unseen.CreationTimestamp = ago(schedulerPatience - time.Second)
	unseen.Status = corev1.PodStatus{Phase: corev1.PodPending}
	o := observed(unseen)
	if p := Make(o); len(p.Hindrances) > 0 || !p.WakeAt.Equal(now.Add(time.Second)) {
		t.Errorf("in the way: %+v, wakes at %v; want nothing yet, and a look one second later", p.Hindrances, p.WakeAt)
	}
	o.Now = now.Add(time.Second)
	wantHindrance(t, Make(o), api.ReasonSchedulerMissing, "1",
		`no scheduler has looked at rank 1: it may be that none of the name "gang" runs, which is that of pod.schedulerName`)
}

// TestFollowersAreNotBlamedWhileTheLeadIsNotReady: they cannot be ready without it.
func TestFollowersAreNotBlamedWhileTheLeadIsNotReady(t *testing.T) {
	var pods []corev1.Pod
	for rank := range int32(3) {
		p := on("a", pod("job", rank, false))
		p.Status.ContainerStatuses = []corev1.ContainerStatus{runs(rankContainer, time.Hour)}
		pods = append(pods, p)
	}
	mc := miniCluster(3, 1, 4)
	mc.Spec.Flux.Enabled = ptr.To(true)
	o := observedOf(mc, pods...)
	wantHindrance(t, Make(o), api.ReasonRanksNotReady, "0", "rank 0 runs for more than 5 minutes and is not ready; its log says what it waits for")
}

// TestWhatNeedsHelpIsToldFirst: what may pass by itself comes behind it.
func TestWhatNeedsHelpIsToldFirst(t *testing.T) {
	p := Make(observed(nowhere(pod("job", 0, false), "no nodes"), pending(1, waiting(rankContainer, "ErrImagePull", "not found"))))
	if len(p.Hindrances) != 2 || p.Hindrances[0].Reason != api.ReasonImagePullFailed || p.Hindrances[1].Reason != api.ReasonUnschedulable {
		t.Errorf("in the way: %+v", p.Hindrances)
	}
}

// TestNothingIsInTheWayOfTheEnd: nor of ranks that go with their MiniCluster.
func TestNothingIsInTheWayOfTheEnd(t *testing.T) {
	for name, change := range map[string]func(*Observed){
		"ended": func(o *Observed) {
			o.Job.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}
		},
		"deleted": func(o *Observed) { o.MiniCluster.DeletionTimestamp = ptr.To(metav1.Now()) },
	} {
		o := observed(failed(1, 1, time.Second, ""))
		change(&o)
		if p := Make(o); len(p.Hindrances) > 0 || len(p.Questions) > 0 {
			t.Errorf("%s: in the way: %+v, asks %+v", name, p.Hindrances, p.Questions)
		}
	}
}

// TestLimitThatIsExceededIsToldWithTheLastFailure: of the lowest rank that was given up.
func TestLimitThatIsExceededIsToldWithTheLastFailure(t *testing.T) {
	mc := miniCluster(3, 1, 4)
	mc.Spec.BackoffLimit = 1
	o := observedOf(mc, failed(1, 7, time.Minute, "first"), failed(1, 8, time.Second, "no data"), failed(2, 9, time.Second, "other"))
	o.Job.Status.FailedIndexes = ptr.To("1-2")
	o.Job.Status.Conditions = []batchv1.JobCondition{{
		Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: batchv1.JobReasonMaxFailedIndexesExceeded, Message: "too many",
	}}
	const failures = "pods of ranks failed more often than backoffLimit 1: too many"
	if p, want := Make(o), failures+"; rank 1 has failed twice, last with exit code 8: no data"; p.Message != want {
		t.Errorf("message %q, want %q", p.Message, want)
	}
	o.Pods = nil
	if p := Make(o); p.Message != failures {
		t.Errorf("message %q, want %q", p.Message, failures)
	}
}

func TestLongWordsAreCut(t *testing.T) {
	long := strings.Repeat("ƒ", longestWords)
	if got := quote(long); len(got) > longestWords+len("…") || !strings.HasSuffix(got, "ƒ…") {
		t.Errorf("%d bytes are left of %d", len(got), len(long))
	}
	if got, want := quote("1\n2\n3\n\n4\n 5 \n6\n"), "2 | 3 | 4 | 5 | 6"; got != want {
		t.Errorf("%q is left, want %q", got, want)
	}
}

func TestOneRankIsSingular(t *testing.T) {
	o := settled(miniCluster(1, 1, 4))
	wantState(t, Make(o), api.ReasonReady, "1 of 1 rank is ready")
	o = settled(miniCluster(2, 1, 4))
	o.Pods = o.Pods[:1]
	wantState(t, Make(o), api.ReasonScalingUp, "1 of 2 ranks are ready; waiting for rank 1")
	mc := miniCluster(1, 1, 1)
	if got := Make(Observed{MiniCluster: mc}).Events[0].Message; got != "Created a Job of 1 rank" {
		t.Errorf("event %q", got)
	}
	mc = miniCluster(2, 1, 4)
	mc.Spec.Flux.Enabled = ptr.To(true)
	o = settled(mc)
	mc.Spec.Size = 1
	p := Make(o)
	if got := p.Events[0].Message; got != "Rank 1 takes no more jobs, to go when it is idle" {
		t.Errorf("event %q", got)
	}
	if !strings.HasPrefix(p.Message, "rank 1 takes no more jobs and goes when it is idle, or at ") {
		t.Errorf("message %q", p.Message)
	}
}
