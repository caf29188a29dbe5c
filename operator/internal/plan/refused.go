package plan

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// Question is what only events can answer. That the API server refuses a Job's pods
// (quota, LimitRange, Pod Security, a ServiceAccount that is missing, a webhook) is in
// no status: the Job controller tells it in events of the Job. A kubelet tells in
// events of a pod why its volumes cannot be mounted.
//
// To try a pod out instead would need the right to create pods. It would also ask
// another question: who asks counts for webhooks, and for exemptions of Pod Security.
type Question struct {
	// Kind of the objects that the events are about.
	Kind string
	// UID of the object; empty where only its Name is known.
	UID types.UID
	// Name is what the object's name begins with.
	Name string
}

// Told is what an event says.
type Told struct {
	Question        Question
	Reason, Message string
	At              time.Time
}

// reasonFailedCreate is that of the events of controllers whose pods are refused.
// Source: FailedCreatePodReason in pkg/controller of Kubernetes.
const reasonFailedCreate = "FailedCreate"

// latest returns the last event that answers the question, told at the time since or
// later; nil without one.
func (f facts) latest(q Question, since time.Time, is func(reason string) bool) *Told {
	var last *Told
	for i := range f.Told {
		told := &f.Told[i]
		if told.Question == q && is(told.Reason) && !told.At.Before(since) && (last == nil || told.At.After(last.At)) {
			last = told
		}
	}
	return last
}

// podsRefused tells of ranks, and services, that have no pod because the API server
// takes none.
func (f facts) podsRefused() finding {
	if f.Job == nil || f.isJobBeingDeleted() || ptr.Deref(f.Job.Spec.Suspend, false) {
		return finding{}
	}
	found := f.ranksRefused()
	services := f.servicesRefused()
	found.hindrances = append(found.hindrances, services.hindrances...)
	found.questions = append(found.questions, services.questions...)
	return found
}

func (f facts) ranksRefused() finding {
	absent, lookAt := f.absent()
	found := finding{lookAt: lookAt}
	if absent.IsEmpty() {
		return found
	}
	// Of a refusal before the last pod came, nothing is left.
	var newest time.Time
	for i := range f.Pods {
		if created := f.Pods[i].CreationTimestamp.Time; created.After(newest) {
			newest = created
		}
	}
	q := Question{Kind: "Job", UID: f.Job.UID, Name: f.Job.Name}
	found.questions = []Question{q}
	if told := f.latest(q, newest, func(reason string) bool { return reason == reasonFailedCreate }); told != nil {
		found.hindrances = []Hindrance{{
			api.ReasonPodsRefused, absent,
			fmt.Sprintf("%s %s no pod, since the API server refuses it: %s", absent.Words(), verb(absent.Len(), "has", "have"), refusalWords(told.Message)),
		}}
	}
	return found
}

// servicesRefused tells the same of the pod of the services. Its ReplicaSet, which the
// events are about, is not watched, but has the name of the Deployment.
func (f facts) servicesRefused() finding {
	if len(f.MiniCluster.Spec.Services) == 0 || len(f.ServicesPods) > 0 {
		return finding{}
	}
	name := build.ServicesName(f.MiniCluster.Name)
	q := Question{Kind: "ReplicaSet", Name: name + "-"}
	found := finding{questions: []Question{q}}
	since := f.MiniCluster.CreationTimestamp.Time
	if told := f.latest(q, since, func(reason string) bool { return reason == reasonFailedCreate }); told != nil {
		found.hindrances = []Hindrance{{
			Reason:  api.ReasonPodsRefused,
			Message: "the services have no pod, since the API server refuses it: " + refusalWords(told.Message),
		}}
	}
	return found
}

// absent are the ranks that the Job is to run and that have no pod, though it does not
// wait after a failure any more. lookAt, when not zero, is when there may be more.
func (f facts) absent() (absent idset.Set, lookAt time.Time) {
	var there []int32
	for _, p := range f.rankPods {
		if !hasEnded(p.Pod) {
			there = append(there, p.rank) // also one that is ending: the Job waits for its end
		}
	}
	absent = idset.Range(0, min(f.desired, f.completions, f.parallelism)).Minus(idset.Of(there...)).Minus(f.ranks.Completed)
	var waiting []int32
	for rank := range absent.All() {
		if due := f.histories[rank].nextTry(); f.Now.Before(due) {
			waiting = append(waiting, rank)
			lookAt = Earliest(lookAt, due)
		}
	}
	return absent.Minus(idset.Of(waiting...)), lookAt
}

// podName is the end of the name of a pod that was refused, which is another with each
// try: of a rank's pod, or of one of a ReplicaSet. Some refuse it before it has one.
var podName = regexp.MustCompile(`-(\d+|[a-z0-9]{6,10})-([a-z0-9]{5})?"`)

// refusalWords returns the API server's words.
func refusalWords(message string) string {
	message = strings.TrimPrefix(message, "(combined from similar events): ")
	message = strings.TrimPrefix(message, "Error creating: ")
	return quote(podName.ReplaceAllLiteralString(message, `"`))
}

// mountPatience is how long the containers of a pod that has a node may be about to be
// made, before its events are asked: images are pulled meanwhile.
const mountPatience = 30 * time.Second

// volumesNotMounted tells of ranks whose containers are not even made. Of those, only
// the lowest is asked for: it stands for the others.
func (f facts) volumesNotMounted() finding {
	var found finding
	var ranks []int32
	var lowest *rankPod
	for i, p := range f.rankPods {
		scheduled := conditionOf(p.Pod, corev1.PodScheduled)
		if !p.isLive() || p.Status.Phase != corev1.PodPending || p.Spec.NodeName == "" || scheduled == nil || !isBeingMade(p.Pod) {
			continue
		}
		if due := scheduled.LastTransitionTime.Add(mountPatience); f.Now.Before(due) {
			found.lookAt = Earliest(found.lookAt, due)
			continue
		}
		ranks = append(ranks, p.rank)
		if lowest == nil {
			lowest = &f.rankPods[i]
		}
	}
	if lowest == nil {
		return found
	}
	q := Question{Kind: "Pod", UID: lowest.UID, Name: lowest.Name}
	found.questions = []Question{q}
	scheduled := conditionOf(lowest.Pod, corev1.PodScheduled).LastTransitionTime.Time
	if told := f.latest(q, scheduled, func(string) bool { return true }); told != nil {
		who := idset.Of(ranks...)
		found.hindrances = []Hindrance{{
			api.ReasonContainerNotStarted, who,
			fmt.Sprintf("the containers of %s cannot be made: %s: %s", who.Words(), told.Reason, quote(told.Message)),
		}}
	}
	return found
}

// isBeingMade tells whether no container of the pod has been made yet, and nothing in
// its status says why.
func isBeingMade(pod *corev1.Pod) bool {
	for _, status := range allStatuses(pod) {
		if status.State.Waiting == nil || notStartedReason(status.State.Waiting.Reason) != "" {
			return false
		}
	}
	return true
}
