package controller

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// CacheOptions restrict the caches to objects that bear our label: a cluster may
// hold very many pods that are nobody's rank.
func CacheOptions() (cache.Options, error) {
	ours, err := labels.NewRequirement(api.LabelMiniCluster, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select objects by label %s: %w", api.LabelMiniCluster, err)
	}
	labelled := cache.ByObject{Label: labels.NewSelector().Add(*ours)}
	pods := labelled
	// Of Jobs and Services, the managed fields are read when they are applied.
	pods.Transform = cache.TransformStripManagedFields()
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&batchv1.Job{}:    labelled,
		&corev1.Service{}: labelled,
		&corev1.Pod{}:     pods,
	}}, nil
}

// gather reads all that the plan is made from. The error is NotFound when there
// is no such MiniCluster (any more).
func (r *reconciler) gather(ctx context.Context, key types.NamespacedName) (plan.Observed, error) {
	o := plan.Observed{MiniCluster: &api.MiniCluster{}}
	if err := r.client.Get(ctx, key, o.MiniCluster); err != nil {
		return o, err
	}
	r.memory.of(o.MiniCluster).reports.catchUp(o.MiniCluster)
	service, job := &corev1.Service{}, &batchv1.Job{}
	serviceKey := types.NamespacedName{Namespace: key.Namespace, Name: build.ServiceName(o.MiniCluster)}
	if found, err := r.getLabelledOrNot(ctx, serviceKey, service); err != nil {
		return o, fmt.Errorf("get the Service: %w", err)
	} else if found {
		o.Service = service
	}
	if found, err := r.getLabelledOrNot(ctx, key, job); err != nil {
		return o, fmt.Errorf("get the Job: %w", err)
	} else if found {
		o.Job = job
	}
	var pods corev1.PodList
	err := r.client.List(ctx, &pods, client.InNamespace(key.Namespace), client.MatchingLabels(build.RankLabels(key.Name)),
		// The plan only reads them, and there may be hundreds: copies of all of
		// them at every event would cost more than the plan.
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return o, fmt.Errorf("list the pods of the ranks: %w", err)
	}
	o.Pods = pods.Items
	o.Drain = r.drains.Answer(key, o.MiniCluster.UID)
	o.Now = time.Now()
	o.Settings = r.settings
	return o, nil
}

// getLabelledOrNot reads obj from the cache and, when it is not there, from the
// API server: it may be somebody else's, without our label, or ours and newer
// than the cache. That costs a request only where something is about to be
// created.
func (r *reconciler) getLabelledOrNot(ctx context.Context, key types.NamespacedName, obj client.Object) (found bool, err error) {
	for _, reader := range []client.Reader{r.client, r.live} {
		err = reader.Get(ctx, key, obj)
		if !apierrors.IsNotFound(err) {
			return err == nil, err
		}
	}
	return false, nil
}
