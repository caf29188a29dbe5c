package plan

import (
	"fmt"
	"math"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// failingMemory is how long what fails again and again must run until it counts as
// mended. Else each try would look like the end of the trouble.
const failingMemory = time.Minute

// tryLimits are the Job controller's shortest and longest wait until it replaces a
// rank. Source: DefaultJobPodFailureBackOff and MaxJobPodFailureBackOff in
// pkg/controller/job of Kubernetes.
const (
	shortestWait = 10 * time.Second
	longestWait  = 10 * time.Minute
	// waitSlack is how much later it may be.
	waitSlack = 10 * time.Second
)

// manyStops is from how many stops on, one after the other, a rank counts as failing
// although each is a stop from outside.
const manyStops = 3

// history is how a rank came to where it is. Pods that have failed stay with their
// Job, and tell it.
type history struct {
	// last is the rank's last pod that has failed, and live the one that neither ends
	// nor has ended; nil without one.
	last, live *corev1.Pod
	// ends is how often a pod of the rank has ended.
	ends int32
}

// historiesOf returns that of each rank that has one.
func historiesOf(pods []rankPod) map[int32]history {
	all := map[int32]history{}
	failed := map[int32]int32{}
	for _, p := range pods {
		h := all[p.rank]
		ends := indexCount(p.Pod, batchv1.JobIndexFailureCountAnnotation) + indexCount(p.Pod, batchv1.JobIndexIgnoredFailureCountAnnotation)
		if p.Status.Phase == corev1.PodFailed {
			failed[p.rank]++
			ends++
			if h.last == nil || finishedAt(p.Pod).After(finishedAt(h.last)) {
				h.last = p.Pod
			}
		} else if p.isLive() {
			h.live = p.Pod
		}
		h.ends = max(h.ends, ends, failed[p.rank])
		all[p.rank] = h
	}
	return all
}

// indexCount returns a number that the Job controller has put on the pod.
func indexCount(pod *corev1.Pod, annotation string) int32 {
	count, err := strconv.ParseInt(pod.Annotations[annotation], 10, 32)
	if err != nil {
		return 0
	}
	return int32(count)
}

// finishedAt returns when the pod has ended.
func finishedAt(pod *corev1.Pod) time.Time {
	at := pod.CreationTimestamp.Time
	for _, status := range allStatuses(pod) {
		if ended := status.State.Terminated; ended != nil && ended.FinishedAt.After(at) {
			at = ended.FinishedAt.Time
		}
	}
	return at
}

// nextTry returns until when the rank may have no pod because the Job controller waits
// after a failure; zero without one.
func (h history) nextTry() time.Time {
	if h.last == nil {
		return time.Time{}
	}
	wait := shortestWait
	for n := int32(1); n < h.ends && wait < longestWait; n++ {
		wait *= 2
	}
	return finishedAt(h.last).Add(min(wait, longestWait) + waitSlack)
}

// holds tells whether the last failure is why the rank is not there. lookAt, when not
// zero, is when the answer may be another by the clock alone.
func (h history) holds(now time.Time) (holds bool, lookAt time.Time) {
	switch {
	case h.last == nil || isStop(h.last) && h.ends < manyStops:
		return false, time.Time{}
	case h.live == nil:
		next := h.nextTry()
		if now.Before(next) {
			return true, next
		}
		return false, time.Time{}
	case h.live.CreationTimestamp.After(h.nextTry()):
		return false, time.Time{} // the rank was back in between
	}
	ready := readyCondition(h.live)
	if ready == nil {
		return true, time.Time{}
	}
	steady := ready.LastTransitionTime.Add(failingMemory)
	if h.ends == 1 || !now.Before(steady) {
		return false, time.Time{}
	}
	return true, steady
}

// isStop tells whether the pod was stopped from outside, which is no failure of its
// own. A container that used too much memory is killed as well, but by its own fault.
func isStop(pod *corev1.Pod) bool {
	if c := conditionOf(pod, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		return true
	}
	for _, status := range pod.Status.ContainerStatuses {
		if ended := status.State.Terminated; ended != nil && ended.Reason != "OOMKilled" {
			switch ended.ExitCode {
			case agentapi.ExitKilled, agentapi.ExitStopped, agentapi.ExitLost:
				return true
			}
		}
	}
	return false
}

// ranksFailing tells of ranks whose pods fail.
func (f facts) ranksFailing() finding {
	var found finding
	var all troubles
	most := map[string]int32{}
	for rank := range idset.Range(0, f.desired).Minus(f.ranks.Completed).All() {
		h := f.histories[rank]
		holds, lookAt := h.holds(f.Now)
		found.lookAt = Earliest(found.lookAt, lookAt)
		if !holds {
			continue
		}
		e := howFailed(f.MiniCluster, h.last)
		key := e.container + e.exit
		most[key] = max(most[key], h.ends)
		all.add(key, rank, api.ReasonContainerFailing, func(who idset.Set) string { return e.message(who, most[key]) })
	}
	found.hindrances = all.hindrances()
	return found
}

// failedEnd is how a rank's pod has failed.
type failedEnd struct {
	// container is the one whose end it was; empty for that of the rank.
	container string
	stopped   bool
	// exit is how it has ended; empty when no container was started.
	exit, words string
}

// howFailed returns how the pod has failed. The rank's container counts before others.
func howFailed(mc *api.MiniCluster, pod *corev1.Pod) failedEnd {
	e := failedEnd{stopped: isStop(pod)}
	rank := statusOf(pod, build.RankContainerName(mc))
	if rank != nil && rank.State.Terminated != nil && rank.State.Terminated.ExitCode != 0 {
		e.exit, e.words = exitOf(rank.State.Terminated), lastWords(rank.State.Terminated)
		return e
	}
	for _, status := range allStatuses(pod) {
		if ended := status.State.Terminated; ended != nil && ended.ExitCode != 0 {
			e.container, e.exit, e.words = status.Name, exitOf(ended), lastWords(ended)
			return e
		}
	}
	// A kubelet that does not take the pod says why. It starts no container.
	e.words = quote(behind(pod.Status.Reason, pod.Status.Message))
	return e
}

// lastFailure says how the lowest rank that the Job has given up has failed last; "" when
// none of its pods is left.
func lastFailure(o Observed) string {
	given, _ := idset.Parse(ptr.Deref(o.Job.Status.FailedIndexes, "")) // the API server lets nothing else pass
	histories := historiesOf(rankPods(o, math.MaxInt32))
	for rank := range given.All() {
		if h := histories[rank]; h.last != nil {
			return howFailed(o.MiniCluster, h.last).message(idset.Of(rank), h.ends)
		}
	}
	return ""
}

// message tells of the end, which the ranks have had up to most times each.
func (e failedEnd) message(who idset.Set, most int32) string {
	text := who.Words()
	if e.container != "" {
		text = fmt.Sprintf("container %q of %s", e.container, text)
	}
	one := who.Len() == 1 || e.container != ""
	switch {
	case e.stopped && one:
		text += " has been stopped"
	case e.stopped:
		text += " have been stopped"
	case one:
		text += " has failed"
	default:
		text += " have failed"
	}
	if most > 1 && who.Len() == 1 {
		text += " " + times(most)
	} else if most > 1 {
		text += " up to " + times(most) + " each"
	}
	switch {
	case e.exit != "" && most > 1:
		text += ", last with " + e.exit
	case e.exit != "":
		text += " with " + e.exit
	}
	return behind(text, e.words)
}
