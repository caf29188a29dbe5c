package plan

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// scaledBy is a MiniCluster of 3 ranks, with the bounds 2 and 4, and an autoscaler.
func scaledBy(minReplicas *int32, maxReplicas int32, metrics ...autoscalingv2.MetricSpec) Observed {
	o := settled(miniCluster(3, 2, 4))
	o.Now = now
	o.Autoscalers = []autoscalingv2.HorizontalPodAutoscaler{{
		ObjectMeta: metav1.ObjectMeta{Name: "generous"},
		Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{MinReplicas: minReplicas, MaxReplicas: maxReplicas, Metrics: metrics},
	}}
	return o
}

func TestAutoscalerBeyondTheBoundsIsTold(t *testing.T) {
	const refusal = "the HPA controller was unable to update the target scale: size 5 must be at most maxSize 4"
	unable := []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionFalse, Reason: "FailedUpdateScale", Message: refusal}}
	for name, test := range map[string]struct {
		least           *int32
		most            int32
		conditions      []autoscalingv2.HorizontalPodAutoscalerCondition
		reason, message string
	}{
		"within": {ptr.To[int32](2), 4, nil, "", ""},
		"both": {
			nil, 10, unable, api.ReasonAutoscalerOutOfBounds,
			"HorizontalPodAutoscaler generous may scale from 1 to 10, and the bounds are 2 to 4: a size outside of them is refused, and it stands still then; " +
				"set minReplicas: 2 and maxReplicas: 4 in it: " + refusal,
		},
		"wholly above": {
			ptr.To[int32](5), 10, nil, api.ReasonAutoscalerOutOfBounds,
			"HorizontalPodAutoscaler generous may scale from 5 to 10, and the bounds are 2 to 4: a size outside of them is refused, and it stands still then; " +
				"set minReplicas: 4 and maxReplicas: 4 in it",
		},
		"refused by others": {ptr.To[int32](2), 4, unable, api.ReasonAutoscalerRefused, "HorizontalPodAutoscaler generous cannot scale: " + refusal},
	} {
		o := scaledBy(test.least, test.most)
		o.Autoscalers[0].Status.Conditions = test.conditions
		p := Make(o)
		switch {
		case test.reason != "":
			wantHindrance(t, p, test.reason, "", test.message)
		case len(p.Hindrances) > 0:
			t.Errorf("%s: in the way: %+v", name, p.Hindrances)
		}
	}
}

func TestContainerWithoutTheRequestThatAnAutoscalerMeasuresIsTold(t *testing.T) {
	cpu := corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
	rank, proxy := corev1.Container{Name: "sample", Resources: cpu}, corev1.Container{Name: "proxy"}
	sidecar := proxy
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	whole := autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](50)},
	}}
	value := *whole.DeepCopy()
	value.Resource.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: ptr.To(resource.MustParse("1"))}
	one := autoscalingv2.MetricSpec{Type: autoscalingv2.ContainerResourceMetricSourceType, ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
		Name: corev1.ResourceCPU, Container: "sample", Target: whole.Resource.Target,
	}}
	const message = `HorizontalPodAutoscaler generous measures cpu of all containers, and container "proxy" of rank 1 requests none; ` +
		"give it a request, or measure one container by type: ContainerResource"
	for name, test := range map[string]struct {
		metric autoscalingv2.MetricSpec
		spec   corev1.PodSpec
		told   bool
	}{
		"a container beside the rank":       {whole, corev1.PodSpec{Containers: []corev1.Container{rank, proxy}}, true},
		"an init container that goes on":    {whole, corev1.PodSpec{InitContainers: []corev1.Container{sidecar}, Containers: []corev1.Container{rank}}, true},
		"an init container that ends":       {whole, corev1.PodSpec{InitContainers: []corev1.Container{proxy}, Containers: []corev1.Container{rank}}, false},
		"a request of the pod as a whole":   {whole, corev1.PodSpec{Resources: &cpu, Containers: []corev1.Container{rank, proxy}}, false},
		"all request it":                    {whole, corev1.PodSpec{Containers: []corev1.Container{rank}}, false},
		"measured by one container":         {one, corev1.PodSpec{Containers: []corev1.Container{rank, proxy}}, false},
		"measured by what is used, not how": {value, corev1.PodSpec{Containers: []corev1.Container{rank, proxy}}, false},
	} {
		o := scaledBy(ptr.To[int32](2), 4, test.metric)
		for i := range o.Pods {
			o.Pods[i].Spec.Containers = []corev1.Container{rank}
		}
		o.Pods[1].Spec = test.spec
		p := Make(o)
		switch {
		case test.told:
			wantHindrance(t, p, api.ReasonAutoscalerNeedsRequests, "", message)
		case len(p.Hindrances) > 0:
			t.Errorf("%s: in the way: %+v", name, p.Hindrances)
		}
	}
}
