package cpu

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/demo/drive"
)

// newMetricsReader reads CPU use, which cannot be watched.
func newMetricsReader(restConfig *rest.Config) (client.Reader, error) {
	scheme := runtime.NewScheme()
	if err := metricsv1beta1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("types of the API: %w", err)
	}
	reader, err := client.New(restConfig, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return reader, nil
}

// observe reads the HPA of a MiniCluster that was seen. CPU use is not part of it.
func observe(ctx context.Context, reader client.Reader, seen drive.Sight) (Observation, error) {
	// The HPA has the MiniCluster's name with "-hpa" appended.
	key := client.ObjectKey{Namespace: seen.MiniCluster.Namespace, Name: seen.MiniCluster.Name + "-hpa"}
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err := reader.Get(ctx, key, &hpa); err != nil {
		return Observation{}, fmt.Errorf("HPA %s (is gopherlocks:autoscale on, and gopherlocks:autoscaler cpu?): %w", key, err)
	}
	return Observation{
		Ranks:   seen.Ranks(),
		HPAWish: int(hpa.Status.DesiredReplicas),
		Target:  cpuTarget(&hpa),
		Limit:   limitReason(&hpa),
	}, nil
}

// millicores is the CPU use of all ranks that metrics-server knows, and their
// number.
func millicores(ctx context.Context, metrics client.Reader, seen drive.Sight) (used int64, ranks int, err error) {
	var list metricsv1beta1.PodMetricsList
	if err := metrics.List(ctx, &list, seen.Selected...); err != nil {
		return 0, 0, fmt.Errorf("metrics of MiniCluster %s: %w", client.ObjectKeyFromObject(seen.MiniCluster), err)
	}
	for _, pod := range list.Items {
		for _, container := range pod.Containers {
			used += container.Usage.Cpu().MilliValue()
		}
	}
	return used, len(list.Items), nil
}

func cpuTarget(hpa *autoscalingv2.HorizontalPodAutoscaler) int {
	for _, metric := range hpa.Spec.Metrics {
		// A program of an earlier version declares the metric of whole pods.
		if metric.Resource != nil && metric.Resource.Name == corev1.ResourceCPU && metric.Resource.Target.AverageUtilization != nil {
			return int(*metric.Resource.Target.AverageUtilization)
		}
		if ranks := metric.ContainerResource; ranks != nil && ranks.Name == corev1.ResourceCPU && ranks.Target.AverageUtilization != nil {
			return int(*ranks.Target.AverageUtilization)
		}
	}
	return 0
}

func limitReason(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	for _, condition := range hpa.Status.Conditions {
		if condition.Type == autoscalingv2.ScalingLimited && condition.Status == corev1.ConditionTrue {
			return condition.Reason
		}
	}
	return ""
}
