package plan

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// allStatuses returns those of the pod's containers, in the order of their start.
func allStatuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// notStartedReason returns the reason of the hindrance that a container waits for
// another reason than that its turn has not come; "" when it does not. A container that
// waits because it has failed has been started.
// Source: pkg/kubelet/images/types.go and pkg/kubelet/container/sync_result.go of
// Kubernetes.
func notStartedReason(waiting string) string {
	switch waiting {
	case "", "ContainerCreating", "PodInitializing", crashLoop:
		return ""
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"RegistryUnavailable", "SignatureValidationFailed":
		return api.ReasonImagePullFailed
	}
	return api.ReasonContainerNotStarted
}

const crashLoop = "CrashLoopBackOff"

// containersNotStarted tells of containers whose image cannot be pulled, or that cannot
// be made or started, of ranks and of services.
func (f facts) containersNotStarted() finding {
	var all troubles
	for _, p := range f.rankPods {
		if !p.isLive() {
			continue
		}
		for _, status := range allStatuses(p.Pod) {
			if reason, say := notStarted(status); reason != "" {
				all.add(reason+" "+status.Name, p.rank, reason, func(who idset.Set) string { return say(who.Words()) })
			}
		}
	}
	found := finding{hindrances: all.hindrances()}
	for i := range f.ServicesPods {
		for _, status := range allStatuses(&f.ServicesPods[i]) {
			if reason, say := notStarted(status); reason != "" {
				found.hindrances = append(found.hindrances, Hindrance{Reason: reason, Message: say("the services")})
			}
		}
	}
	return found
}

// notStarted returns the reason why the container has not been started, and what says
// so of whom it belongs to; "" where it has been, or is about to be.
func notStarted(status corev1.ContainerStatus) (reason string, say func(whose string) string) {
	waiting := status.State.Waiting
	if waiting == nil {
		return "", nil
	}
	reason = notStartedReason(waiting.Reason)
	what := fmt.Sprintf("cannot start (%s)", waiting.Reason)
	if reason == api.ReasonImagePullFailed {
		what = fmt.Sprintf("cannot have its image %q (%s)", status.Image, waiting.Reason)
	}
	return reason, func(whose string) string {
		return behind(fmt.Sprintf("container %q of %s %s", status.Name, whose, what), quote(waiting.Message))
	}
}

// sideContainersEnded tells of containers that have ended beside a rank that runs. They
// are not started again, and a pod is ready only while all its containers run.
func (f facts) sideContainersEnded() finding {
	var all troubles
	for _, p := range f.rankPods {
		if !p.isLive() || isReady(p.Pod) || f.runningRank(p.Pod) == nil {
			continue
		}
		for _, status := range p.Status.ContainerStatuses {
			ended := status.State.Terminated
			if ended == nil {
				continue
			}
			all.add(status.Name+exitOf(ended), p.rank, api.ReasonContainerFailing, func(who idset.Set) string {
				return behind(fmt.Sprintf("container %q of %s has ended with %s, and %s not ready without it",
					status.Name, who.Words(), exitOf(ended), verb(who.Len(), "the rank is", "the ranks are")), lastWords(ended))
			})
		}
	}
	return finding{hindrances: all.hindrances()}
}

// runningRank returns the status of the pod's container of the rank; nil unless it runs.
func (f facts) runningRank(pod *corev1.Pod) *corev1.ContainerStatus {
	if status := statusOf(pod, build.RankContainerName(f.MiniCluster)); status != nil && status.State.Running != nil {
		return status
	}
	return nil
}

func statusOf(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if s := &pod.Status.ContainerStatuses[i]; s.Name == container {
			return s
		}
	}
	return nil
}

// servicesFailing tells of services that end again and again. The kubelet starts them
// again, ever later.
func (f facts) servicesFailing() finding {
	var found finding
	for i := range f.ServicesPods {
		for _, status := range allStatuses(&f.ServicesPods[i]) {
			last := status.LastTerminationState.Terminated
			if status.State.Terminated != nil && status.RestartCount > 0 {
				last = status.State.Terminated
			}
			if last == nil {
				continue
			}
			if running := status.State.Running; running != nil {
				steady := running.StartedAt.Add(failingMemory)
				if !f.Now.Before(steady) {
					continue
				}
				found.lookAt = Earliest(found.lookAt, steady)
			}
			found.hindrances = append(found.hindrances, Hindrance{
				Reason: api.ReasonContainerFailing,
				Message: behind(fmt.Sprintf("container %q of the services has ended %s, last with %s",
					status.Name, times(max(status.RestartCount, 1)), exitOf(last)), lastWords(last)),
			})
		}
	}
	return found
}

// readyPatience is how long a rank may run until it is ready. What it does first may
// take minutes, such as to install packages.
const readyPatience = 5 * time.Minute

// ranksNotReady tells of ranks that run and are not ready, where nothing is known that
// is in their way. Without the lead, followers cannot be: then only the lead counts.
func (f facts) ranksNotReady() finding {
	var found finding
	var ranks []int32
	for _, p := range f.rankPods {
		status := f.runningRank(p.Pod)
		if !p.isLive() || isReady(p.Pod) || status == nil || othersEnded(p.Pod) || nodeNotReady(p.Pod) {
			continue
		}
		if f.flux && p.rank > 0 && !f.ranks.LeadReady {
			continue
		}
		if due := status.State.Running.StartedAt.Add(readyPatience); f.Now.Before(due) {
			found.lookAt = Earliest(found.lookAt, due)
			continue
		}
		ranks = append(ranks, p.rank)
	}
	if len(ranks) == 0 {
		return found
	}
	who := idset.Of(ranks...)
	state := "run for more than %d minutes and are not ready; their logs say what they wait for"
	if who.Len() == 1 {
		state = "runs for more than %d minutes and is not ready; its log says what it waits for"
	}
	found.hindrances = []Hindrance{{api.ReasonRanksNotReady, who, who.Words() + " " + fmt.Sprintf(state, int(readyPatience.Minutes()))}}
	return found
}

// othersEnded tells whether a container of the pod has ended; sideContainersEnded tells
// of it.
func othersEnded(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Terminated != nil })
}
