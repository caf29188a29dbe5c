package components

import (
	"fmt"

	autoscalingv2 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/autoscaling/v2"
	metav1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/meta/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// autoscalerName is the name of a MiniCluster's HPA.
func autoscalerName(miniCluster string) string { return miniCluster + "-hpa" }

// newAutoscaler declares the HPA of a MiniCluster, named after it. It comes
// after the MiniCluster and goes before it, so that it never looks for a
// target that is not there.
func newAutoscaler(ctx *pulumi.Context, name string, args MiniClusterArgs, parent *MiniCluster) error {
	_, err := autoscalingv2.NewHorizontalPodAutoscaler(ctx, name, &autoscalingv2.HorizontalPodAutoscalerArgs{
		Metadata: metav1.ObjectMetaArgs{
			Name:        pulumi.String(autoscalerName(args.Name)),
			Namespace:   parent.Object.Metadata.Namespace(),
			Annotations: signature(args.Stack),
		},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpecArgs{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReferenceArgs{
				ApiVersion: pulumi.String(miniClusterAPIVersion),
				Kind:       pulumi.String(miniClusterKind),
				Name:       pulumi.String(args.Name),
			},
			MinReplicas: pulumi.Int(args.MinSize),
			MaxReplicas: pulumi.Int(args.MaxSize),
			Metrics: autoscalingv2.MetricSpecArray{autoscalingv2.MetricSpecArgs{
				Type: pulumi.String("Resource"),
				Resource: autoscalingv2.ResourceMetricSourceArgs{
					Name: pulumi.String("cpu"),
					Target: autoscalingv2.MetricTargetArgs{
						Type:               pulumi.String("Utilization"),
						AverageUtilization: pulumi.Int(args.Autoscale.CPUTarget),
					},
				},
			}},
			Behavior: autoscalingv2.HorizontalPodAutoscalerBehaviorArgs{
				ScaleDown: autoscalingv2.HPAScalingRulesArgs{
					StabilizationWindowSeconds: pulumi.Int(args.Autoscale.ScaleDownStabilization),
				},
			},
		},
	}, pulumi.Parent(parent))
	if err != nil {
		return fmt.Errorf("HPA of MiniCluster %s: %w", args.Name, err)
	}
	return nil
}
