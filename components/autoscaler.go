package components

import (
	autoscalingv2 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/autoscaling/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/declared"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// AutoscaleArgs say how an HPA chooses the size, between MinSize and MaxSize.
type AutoscaleArgs struct {
	// CPUTarget is the mean CPU use of the ranks to aim at, in percent of
	// their CPU request; at least 1. Other containers in their pods, such as one that
	// a service mesh adds, do not count. Required.
	CPUTarget int `pulumi:"cpuTarget"`
	// ScaleDownStabilization is for how many seconds the HPA must have wanted fewer
	// ranks before it shrinks the MiniCluster; 0 to 3600. Default: 0, at once.
	ScaleDownStabilization int `pulumi:"scaleDownStabilization"`
}

// maxStabilization is the longest stabilization window that the API server
// takes, in seconds.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
const maxStabilization = 3600

func checkAutoscale(m MiniClusterArgs) (found []Problem) {
	if m.Autoscale == nil {
		return nil
	}
	if target := m.Autoscale.CPUTarget; target < 1 {
		found = append(found, problem("cpuTarget", "cpuTarget %d must be at least 1 (percent of the CPU request)", target))
	}
	if window := m.Autoscale.ScaleDownStabilization; window < 0 || window > maxStabilization {
		found = append(found, problem("scaleDownStabilization", "scaleDownStabilization %d must be from 0 to %d (seconds)", window, maxStabilization))
	}
	if cpu := request(m.Resources, "cpu"); !isPositiveQuantity(cpu) {
		found = append(found, problem("resources", "requests.cpu %q must be more than 0: autoscaling measures CPU use in percent of it", cpu))
	}
	return found
}

// autoscalerPart is the HPA of a MiniCluster, named after it. It comes after the
// MiniCluster and goes before it, so that it never looks for a target that is not
// there.
func (a MiniClusterArgs) autoscalerPart() *part {
	return &part{
		Object:      declared.Object{Resource: declared.Autoscalers, Namespace: Literal(a.Namespace), Name: a.Name + "-hpa", Exclusive: true},
		suffix:      "-hpa",
		annotations: signature(a.Stack),
		declare: func(c child) (pulumi.Resource, error) {
			c.meta.Namespace = a.Namespace
			return autoscalingv2.NewHorizontalPodAutoscaler(c.ctx, c.name, &autoscalingv2.HorizontalPodAutoscalerArgs{
				Metadata: c.meta,
				Spec: autoscalingv2.HorizontalPodAutoscalerSpecArgs{
					ScaleTargetRef: autoscalingv2.CrossVersionObjectReferenceArgs{
						ApiVersion: pulumi.String(api.GroupVersion.String()),
						Kind:       pulumi.String(miniClusterKind),
						Name:       pulumi.String(a.Name),
					},
					MinReplicas: pulumi.Int(a.MinSize),
					MaxReplicas: pulumi.Int(a.MaxSize),
					Metrics:     a.metrics(),
					Behavior: autoscalingv2.HorizontalPodAutoscalerBehaviorArgs{
						ScaleDown: autoscalingv2.HPAScalingRulesArgs{
							StabilizationWindowSeconds: pulumi.Int(a.Autoscale.ScaleDownStabilization),
						},
					},
				},
			}, c.opts...)
		},
	}
}

// metrics measure the ranks' container alone. Measured over whole pods, CPU use is
// unknown as soon as somebody's webhook adds a container without a request, and the
// HPA stands still.
func (a MiniClusterArgs) metrics() autoscalingv2.MetricSpecArray {
	return autoscalingv2.MetricSpecArray{autoscalingv2.MetricSpecArgs{
		Type: pulumi.String("ContainerResource"),
		ContainerResource: autoscalingv2.ContainerResourceMetricSourceArgs{
			Container: pulumi.String(a.Name),
			Name:      pulumi.String("cpu"),
			Target: autoscalingv2.MetricTargetArgs{
				Type:               pulumi.String("Utilization"),
				AverageUtilization: pulumi.Int(a.Autoscale.CPUTarget),
			},
		},
	}}
}
