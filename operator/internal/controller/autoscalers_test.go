package controller

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// hpaOf is a HorizontalPodAutoscaler as the cache gets it, with measurements.
func hpaOf(apiVersion, kind string) *autoscalingv2.HorizontalPodAutoscaler {
	return &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "scaler", ResourceVersion: "7", Annotations: map[string]string{"a": "b"}},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: apiVersion, Kind: kind, Name: "sample"},
			MinReplicas:    ptr.To[int32](1), MaxReplicas: 10,
			Metrics:  []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType}},
			Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{},
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			CurrentMetrics: []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{
				Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageValue: ptr.To(resource.MustParse("1"))},
			}}},
			Conditions: []autoscalingv2.HorizontalPodAutoscalerCondition{
				{Type: autoscalingv2.AbleToScale, Status: corev1.ConditionFalse}, {Type: autoscalingv2.ScalingActive},
			},
		},
	}
}

func TestTargetsOfAutoscalersAreFoundByEitherVersion(t *testing.T) {
	for apiVersion, want := range map[string]string{
		api.GroupVersion.String(): "sample", api.GroupVersion.Group + "/v1alpha1": "sample", "example.org/v1": "", "a/b/c": "",
	} {
		if got := targetOf(hpaOf(apiVersion, api.Kind)); got != want {
			t.Errorf("%s: target %q, want %q", apiVersion, got, want)
		}
	}
	if got := targetOf(hpaOf(api.GroupVersion.String(), "Other")); got != "" {
		t.Errorf("the target is another kind, and %q is found", got)
	}
}

func TestAutoscalersAreKeptSmall(t *testing.T) {
	strip := func(hpa *autoscalingv2.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
		t.Helper()
		kept, err := stripAutoscaler(hpa)
		if err != nil {
			t.Fatal(err)
		}
		return kept.(*autoscalingv2.HorizontalPodAutoscaler)
	}
	ours := strip(hpaOf(api.GroupVersion.String(), api.Kind))
	if ours.Annotations != nil || ours.Status.CurrentMetrics != nil || ours.Spec.Behavior != nil || len(ours.Status.Conditions) != 1 {
		t.Errorf("kept is more than the plan reads: %+v", ours)
	}
	if ours.Spec.MaxReplicas != 10 || *ours.Spec.MinReplicas != 1 || len(ours.Spec.Metrics) != 1 || ours.ResourceVersion != "7" || targetOf(ours) != "sample" {
		t.Errorf("kept is less than the plan reads: %+v", ours)
	}
	other := strip(hpaOf("apps/v1", "Deployment"))
	if other.Name != "scaler" || other.Spec.Metrics != nil || other.Spec.MaxReplicas != 0 || other.Status.Conditions != nil {
		t.Errorf("of one that scales something else is kept %+v", other)
	}
	again := hpaOf(api.GroupVersion.String(), api.Kind)
	again.Status.CurrentMetrics, again.ResourceVersion = nil, "8"
	if !sameAutoscaler(ours, strip(again)) {
		t.Error("another measurement is news")
	}
	again.Spec.MaxReplicas = 4
	if sameAutoscaler(ours, strip(again)) {
		t.Error("another maximum is no news")
	}
}
