package drive

import (
	"context"
	"fmt"
	"strconv"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// watcher keeps a picture of one MiniCluster, its HPA and its pods.
type watcher struct {
	cluster, hpa client.ObjectKey
	cache        cache.Cache
	direct       client.Client // for metrics, which cannot be watched
	changed      chan struct{} // holds one token while there is news
}

// newWatcher watches until ctx ends. It returns when the first picture is
// complete.
func newWatcher(ctx context.Context, restConfig *rest.Config, cluster, hpa client.ObjectKey) (*watcher, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, v1alpha2.AddToScheme, metricsv1beta1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("types of the API: %w", err)
		}
	}
	w := &watcher{cluster: cluster, hpa: hpa, changed: make(chan struct{}, 1)}
	var err error
	if w.direct, err = client.New(restConfig, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	w.cache, err = cache.New(restConfig, cache.Options{
		Scheme:            scheme,
		DefaultNamespaces: map[string]cache.Config{cluster.Namespace: {}},
	})
	if err != nil {
		return nil, fmt.Errorf("cache of the cluster: %w", err)
	}
	for _, object := range []client.Object{&v1alpha2.MiniCluster{}, &autoscalingv2.HorizontalPodAutoscaler{}, &corev1.Pod{}} {
		informer, err := w.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err == nil {
			_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
				AddFunc:    func(any) { w.notify() },
				UpdateFunc: func(any, any) { w.notify() },
				DeleteFunc: func(any) { w.notify() },
			})
		}
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", object, err)
		}
	}
	go func() { _ = w.cache.Start(ctx) }() // Ends with ctx, and then only.
	if !w.cache.WaitForCacheSync(ctx) {
		return nil, fmt.Errorf("reading MiniCluster, HPA and pods in namespace %s: %w", cluster.Namespace, context.Cause(ctx))
	}
	return w, nil
}

func (w *watcher) notify() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// observe reads what is watched; CPU use is not part of it.
func (w *watcher) observe(ctx context.Context) (Observation, error) {
	cluster, selected, err := w.miniCluster(ctx)
	if err != nil {
		return Observation{}, err
	}
	var hpa autoscalingv2.HorizontalPodAutoscaler
	if err = w.cache.Get(ctx, w.hpa, &hpa); err != nil {
		return Observation{}, fmt.Errorf("HPA %s (is gopherlocks:autoscale on?): %w", w.hpa, err)
	}
	pods, err := w.ranks(ctx, selected)
	if err != nil {
		return Observation{}, err
	}
	o := Observation{
		Min:     int(cluster.Spec.MinSize),
		Max:     int(cluster.Status.MaximumSize),
		Wished:  int(cluster.Spec.Size),
		Size:    int(cluster.Status.Size),
		Ready:   int(cluster.Status.Ready),
		Pods:    map[int]string{},
		HPAWish: int(hpa.Status.DesiredReplicas),
		Target:  cpuTarget(&hpa),
		Limit:   limitReason(&hpa),
	}
	for rank, pod := range pods {
		o.Pods[rank] = string(pod.UID)
	}
	return o, nil
}

// miniCluster is the MiniCluster, and what selects its ranks' pods in a list.
func (w *watcher) miniCluster(ctx context.Context) (*v1alpha2.MiniCluster, []client.ListOption, error) {
	var cluster v1alpha2.MiniCluster
	if err := w.cache.Get(ctx, w.cluster, &cluster); err != nil {
		return nil, nil, fmt.Errorf("MiniCluster %s (run \"make up\" first, or name another one: gopherlocks-demo -namespace NAMESPACE -name NAME): %w", w.cluster, err)
	}
	selector, err := labels.Parse(cluster.Status.Selector)
	if err != nil {
		return nil, nil, fmt.Errorf("status.selector of MiniCluster %s: %w", w.cluster, err)
	}
	return &cluster, []client.ListOption{
		client.InNamespace(w.cluster.Namespace), client.MatchingLabelsSelector{Selector: selector},
	}, nil
}

// ranks are the selected pods that are not terminating, by rank.
func (w *watcher) ranks(ctx context.Context, selected []client.ListOption) (map[int]*corev1.Pod, error) {
	var pods corev1.PodList
	if err := w.cache.List(ctx, &pods, selected...); err != nil {
		return nil, fmt.Errorf("pods of MiniCluster %s: %w", w.cluster, err)
	}
	ranks := map[int]*corev1.Pod{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		rank, err := strconv.Atoi(pod.Annotations[batchv1.JobCompletionIndexAnnotation])
		if err == nil && pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed {
			ranks[rank] = pod
		}
	}
	return ranks, nil
}

// lead is the pod of rank 0.
func (w *watcher) lead(ctx context.Context) (*corev1.Pod, error) {
	_, selected, err := w.miniCluster(ctx)
	if err != nil {
		return nil, err
	}
	ranks, err := w.ranks(ctx, selected)
	if err != nil {
		return nil, err
	}
	lead, ok := ranks[0]
	if !ok {
		return nil, fmt.Errorf("MiniCluster %s has no lead (rank 0) now", w.cluster)
	}
	return lead, nil
}

// millicores is the CPU use of all ranks that metrics-server knows, and their
// number.
func (w *watcher) millicores(ctx context.Context) (used int64, ranks int, err error) {
	_, selected, err := w.miniCluster(ctx)
	if err != nil {
		return 0, 0, err
	}
	var metrics metricsv1beta1.PodMetricsList
	if err := w.direct.List(ctx, &metrics, selected...); err != nil {
		return 0, 0, fmt.Errorf("metrics of MiniCluster %s: %w", w.cluster, err)
	}
	for _, pod := range metrics.Items {
		for _, container := range pod.Containers {
			used += container.Usage.Cpu().MilliValue()
		}
	}
	return used, len(metrics.Items), nil
}

func cpuTarget(hpa *autoscalingv2.HorizontalPodAutoscaler) int {
	for _, metric := range hpa.Spec.Metrics {
		if metric.Resource != nil && metric.Resource.Name == corev1.ResourceCPU && metric.Resource.Target.AverageUtilization != nil {
			return int(*metric.Resource.Target.AverageUtilization)
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
