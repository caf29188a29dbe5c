package plan

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// autoscalersHeld tells of HorizontalPodAutoscalers that cannot do what they are told
// to. Their writes are held to the same bounds as everybody's. A validation rule cannot
// tell an autoscaler, which may be content with the bound, from a person, who is to
// hear that a size is not to be had; and who reconciles never writes spec.size.
func (f facts) autoscalersHeld() finding {
	var found finding
	for i := range f.Autoscalers {
		hpa := &f.Autoscalers[i]
		for _, hindrance := range []*Hindrance{f.outOfBounds(hpa), f.withoutRequests(hpa)} {
			if hindrance != nil {
				found.hindrances = append(found.hindrances, *hindrance)
			}
		}
	}
	return found
}

// outOfBounds tells that the autoscaler may want sizes that are refused, or that one was.
func (f facts) outOfBounds(hpa *autoscalingv2.HorizontalPodAutoscaler) *Hindrance {
	least, most := ptr.Deref(hpa.Spec.MinReplicas, 1), hpa.Spec.MaxReplicas
	refusal := ""
	for _, c := range hpa.Status.Conditions {
		if c.Type == autoscalingv2.AbleToScale && c.Status == corev1.ConditionFalse {
			refusal = quote(c.Message)
		}
	}
	minimum, maximum := int32(f.bounds.Min), f.maximum()
	within := least >= minimum && most <= maximum
	switch {
	case within && refusal == "":
		return nil
	case within:
		return &Hindrance{
			Reason:  api.ReasonAutoscalerRefused,
			Message: fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: %s", hpa.Name, refusal),
		}
	}
	return &Hindrance{
		Reason: api.ReasonAutoscalerOutOfBounds,
		Message: behind(fmt.Sprintf("HorizontalPodAutoscaler %s may scale from %d to %d, and the bounds are %d to %d: a size outside of them is refused, and it stands still then; set minReplicas: %d and maxReplicas: %d in it",
			hpa.Name, least, most, minimum, maximum, min(max(least, minimum), maximum), min(max(most, minimum), maximum)), refusal),
	}
}

// withoutRequests tells that the autoscaler measures all containers of the pods by what
// they request, and that one requests nothing. Then it measures nothing at all.
// Source: calculatePodRequests in pkg/controller/podautoscaler of Kubernetes.
func (f facts) withoutRequests(hpa *autoscalingv2.HorizontalPodAutoscaler) *Hindrance {
	for _, metric := range hpa.Spec.Metrics {
		if metric.Type != autoscalingv2.ResourceMetricSourceType || metric.Resource == nil || metric.Resource.Target.AverageUtilization == nil {
			continue
		}
		name := metric.Resource.Name
		for _, p := range f.rankPods {
			container := withoutRequest(p.Pod, name)
			if !p.isLive() || container == "" {
				continue
			}
			return &Hindrance{
				Reason: api.ReasonAutoscalerNeedsRequests,
				Message: fmt.Sprintf("HorizontalPodAutoscaler %s measures %s of all containers, and container %q of rank %d requests none; give it a request, or measure one container by type: ContainerResource",
					hpa.Name, name, container, p.rank),
			}
		}
	}
	return nil
}

// withoutRequest returns a container of the pod that goes on and requests none of the
// resource; "" where all do.
func withoutRequest(pod *corev1.Pod, name corev1.ResourceName) string {
	if pod.Spec.Resources != nil {
		if _, whole := pod.Spec.Resources.Requests[name]; whole {
			return "" // requested for the pod as a whole
		}
	}
	for _, c := range pod.Spec.InitContainers {
		if _, requests := c.Resources.Requests[name]; !requests && ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			return c.Name
		}
	}
	for _, c := range pod.Spec.Containers {
		if _, requests := c.Resources.Requests[name]; !requests {
			return c.Name
		}
	}
	return ""
}
