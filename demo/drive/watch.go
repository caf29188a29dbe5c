package drive

import (
	"context"
	"fmt"
	"strconv"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Watcher keeps a picture of one MiniCluster, its pods, and what else is asked for.
type Watcher struct {
	// Cluster is namespace and name of the MiniCluster.
	Cluster client.ObjectKey
	// Reader reads what is watched.
	Reader client.Reader

	cache   cache.Cache
	changed chan struct{} // holds one token while there is news
}

// Watch watches until ctx ends. It returns when the first picture is complete.
func Watch(ctx context.Context, restConfig *rest.Config, cluster client.ObjectKey) (*Watcher, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, autoscalingv2.AddToScheme, v1alpha2.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("types of the API: %w", err)
		}
	}
	watched, err := cache.New(restConfig, cache.Options{
		Scheme:            scheme,
		DefaultNamespaces: map[string]cache.Config{cluster.Namespace: {}},
	})
	if err != nil {
		return nil, fmt.Errorf("cache of the cluster: %w", err)
	}
	w := &Watcher{Cluster: cluster, Reader: watched, cache: watched, changed: make(chan struct{}, 1)}
	go func() { _ = watched.Start(ctx) }() // Ends with ctx, and then only.
	for _, object := range []client.Object{&v1alpha2.MiniCluster{}, &corev1.Pod{}} {
		if err := w.Also(ctx, object); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Also watches objects of another kind in the namespace. It returns when they are read.
func (w *Watcher) Also(ctx context.Context, object client.Object) error {
	informer, err := w.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err == nil {
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { w.notify() },
			UpdateFunc: func(any, any) { w.notify() },
			DeleteFunc: func(any) { w.notify() },
		})
	}
	if err == nil && !w.cache.WaitForCacheSync(ctx) {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("watching %T in namespace %s: %w", object, w.Cluster.Namespace, err)
	}
	return nil
}

func (w *Watcher) notify() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// Follow takes a step now, whenever there is news, and once a second, until one says
// that it was the last, or fails. When ctx ends first, that is the error.
func (w *Watcher) Follow(ctx context.Context, step func() (last bool, err error)) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		if last, err := step(); last || err != nil {
			return err
		}
		select {
		case <-w.changed:
		case <-second.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Sight is a MiniCluster and its pods at one moment.
type Sight struct {
	MiniCluster *v1alpha2.MiniCluster
	// Pods are those of the ranks that are neither terminating nor have failed, by rank.
	Pods map[int]*corev1.Pod
	// Selected are the options of a list by which the ranks' pods are selected.
	Selected []client.ListOption
}

// Look reads what is watched.
func (w *Watcher) Look(ctx context.Context) (Sight, error) {
	var cluster v1alpha2.MiniCluster
	if err := w.Reader.Get(ctx, w.Cluster, &cluster); err != nil {
		return Sight{}, fmt.Errorf("MiniCluster %s (run \"make up\" first, or name another one: gopherlocks-demo -namespace NAMESPACE -name NAME): %w", w.Cluster, err)
	}
	selector, err := labels.Parse(cluster.Status.Selector)
	if err != nil {
		return Sight{}, fmt.Errorf("status.selector of MiniCluster %s: %w", w.Cluster, err)
	}
	s := Sight{MiniCluster: &cluster, Pods: map[int]*corev1.Pod{}, Selected: []client.ListOption{
		client.InNamespace(w.Cluster.Namespace), client.MatchingLabelsSelector{Selector: selector},
	}}
	var pods corev1.PodList
	if err := w.Reader.List(ctx, &pods, s.Selected...); err != nil {
		return Sight{}, fmt.Errorf("pods of MiniCluster %s: %w", w.Cluster, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		rank, err := strconv.Atoi(pod.Annotations[batchv1.JobCompletionIndexAnnotation])
		if err == nil && pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed {
			s.Pods[rank] = pod
		}
	}
	return s, nil
}

// Ranks are the ranks that are seen.
func (s Sight) Ranks() Ranks {
	r := Ranks{
		Min:    int(s.MiniCluster.Spec.MinSize),
		Max:    int(s.MiniCluster.Status.MaximumSize),
		Wished: int(s.MiniCluster.Spec.Size),
		Size:   int(s.MiniCluster.Status.Size),
		Ready:  int(s.MiniCluster.Status.Ready),
		Pods:   map[int]string{},
	}
	for rank, pod := range s.Pods {
		r.Pods[rank] = string(pod.UID)
	}
	return r
}

// Lead is the pod of rank 0.
func (s Sight) Lead() (*corev1.Pod, error) {
	lead, ok := s.Pods[0]
	if !ok {
		return nil, fmt.Errorf("MiniCluster %s has no lead (rank 0) now", client.ObjectKeyFromObject(s.MiniCluster))
	}
	return lead, nil
}
