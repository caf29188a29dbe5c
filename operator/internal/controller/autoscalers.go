package controller

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// targetIndex finds the HorizontalPodAutoscalers whose target is a MiniCluster, by its
// name.
const targetIndex = "minicluster"

// indexTargets sets up targetIndex.
func indexTargets(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &autoscalingv2.HorizontalPodAutoscaler{}, targetIndex, func(o client.Object) []string {
		if name := targetOf(o); name != "" {
			return []string{name}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("index HorizontalPodAutoscalers by their targets: %w", err)
	}
	return nil
}

// targetOf returns the name of the MiniCluster that the HorizontalPodAutoscaler scales,
// by whichever version of the API; "" where it scales something else.
func targetOf(o client.Object) string {
	hpa, ok := o.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return ""
	}
	target := hpa.Spec.ScaleTargetRef
	version, err := schema.ParseGroupVersion(target.APIVersion)
	if err != nil || version.Group != api.GroupVersion.Group || target.Kind != api.Kind {
		return ""
	}
	return target.Name
}

// stripAutoscaler keeps of a HorizontalPodAutoscaler what the plan reads, and of one
// that scales something else its name alone: no label tells them apart, so that the
// cache has all of the cluster.
func stripAutoscaler(o any) (any, error) {
	hpa, ok := o.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return o, nil
	}
	kept := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{
		Namespace: hpa.Namespace, Name: hpa.Name, UID: hpa.UID, ResourceVersion: hpa.ResourceVersion,
	}}
	if targetOf(hpa) != "" {
		kept.Spec.ScaleTargetRef = hpa.Spec.ScaleTargetRef
		kept.Spec.MinReplicas, kept.Spec.MaxReplicas, kept.Spec.Metrics = hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas, hpa.Spec.Metrics
		for _, c := range hpa.Status.Conditions {
			if c.Type == autoscalingv2.AbleToScale {
				kept.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{c}
			}
		}
	}
	return kept, nil
}

// autoscaled looks at MiniClusters when their HorizontalPodAutoscalers change. Most
// writes to these are of measurements, and change nothing of what is kept of them.
func autoscaled() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(o client.Object, q queue) {
		if name := targetOf(o); name != "" {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}, batchTime)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if !sameAutoscaler(e.ObjectOld, e.ObjectNew) {
				add(e.ObjectOld, q)
				add(e.ObjectNew, q)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}

func sameAutoscaler(before, after client.Object) bool {
	from, ok := before.(*autoscalingv2.HorizontalPodAutoscaler)
	to, ok2 := after.(*autoscalingv2.HorizontalPodAutoscaler)
	return ok && ok2 && equality.Semantic.DeepEqual(from.Spec, to.Spec) && equality.Semantic.DeepEqual(from.Status, to.Status)
}
