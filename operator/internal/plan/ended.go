package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// endedAfter is how long a rank must have ended until its pod is marked. Where all
// ranks end at about the same time, so does the Job, and no mark is needed.
const endedAfter = 10 * time.Second

// endedPods finds the pods of ranks that have ended with exit code 0 while others go on
// and that status.selector still picks. A HorizontalPodAutoscaler finds no measurement of
// them and, to be on the safe side, takes them for busy ranks: it would never shrink. It
// leaves out pods that have failed itself. wakeAt, when not zero, is when there may be
// more of them.
// Source: groupPods in k8s.io/kubernetes/pkg/controller/podautoscaler.
func endedPods(f facts) (pods []*corev1.Pod, wakeAt time.Time) {
	if f.hasEnded() {
		return nil, time.Time{}
	}
	for i := range f.Pods {
		pod := &f.Pods[i]
		if pod.Status.Phase != corev1.PodSucceeded || pod.DeletionTimestamp != nil || pod.Labels[api.LabelEnded] != "" {
			continue
		}
		if due := endOf(pod).Add(endedAfter); f.Now.Before(due) {
			wakeAt = Earliest(wakeAt, due)
			continue
		}
		pods = append(pods, pod)
	}
	return pods, wakeAt
}

// endOf returns when the pod has stopped being ready; zero when it does not say so.
func endOf(pod *corev1.Pod) time.Time {
	if c := conditionOf(pod, corev1.PodReady); c != nil && c.Status == corev1.ConditionFalse {
		return c.LastTransitionTime.Time
	}
	return time.Time{}
}
