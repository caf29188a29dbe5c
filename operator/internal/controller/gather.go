package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// CacheOptions restrict the caches to objects that bear our label, since a cluster may
// hold very many pods that are nobody's rank; and to namespaces that are being deleted.
func CacheOptions() (cache.Options, error) {
	ours, err := labels.NewRequirement(api.LabelMiniCluster, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select objects by label %s: %w", api.LabelMiniCluster, err)
	}
	labelled := cache.ByObject{Label: labels.NewSelector().Add(*ours)}
	stripped := labelled
	stripped.Transform = cache.TransformStripManagedFields()
	// Of a Job, our own managed fields are read when it is applied: see plan.editJob.
	jobs := labelled
	jobs.Transform = stripForeignFields
	all := map[client.Object]cache.ByObject{
		&api.MiniCluster{}:                       {Transform: cache.TransformStripManagedFields()},
		&autoscalingv2.HorizontalPodAutoscaler{}: {Transform: stripAutoscaler},
		&batchv1.Job{}:                           jobs,
		&corev1.Service{}:                        stripped,
		&corev1.Pod{}:                            stripped,
		&corev1.Namespace{}:                      {Field: fields.OneTermEqualSelector("status.phase", string(corev1.NamespaceTerminating)), Transform: stripMetadata},
	}
	parts := labelled
	parts.Transform = stripMetadata
	for _, kind := range partKinds {
		all[kind] = parts
	}
	return cache.Options{ByObject: all}, nil
}

// stripForeignFields keeps of an object's managed fields those that the operator applies.
func stripForeignFields(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil
	}
	isForeign := func(f metav1.ManagedFieldsEntry) bool { return f.Manager != plan.FieldManager || f.Subresource != "" }
	// What is in the cache already comes here too, and others may be reading it.
	if fields := o.GetManagedFields(); slices.ContainsFunc(fields, isForeign) {
		o.SetManagedFields(slices.DeleteFunc(slices.Clone(fields), isForeign))
	}
	return in, nil
}

// stripMetadata keeps of an object's metadata what tells whether it was changed, and
// whose it is.
func stripMetadata(in any) (any, error) {
	o, err := meta.Accessor(in)
	// What is in the cache already comes here too, and others may be reading it.
	if err == nil && (o.GetManagedFields() != nil || o.GetAnnotations() != nil) {
		o.SetManagedFields(nil)
		o.SetAnnotations(nil)
	}
	return in, nil
}

// namespaceEnds tells whether the namespace is being deleted.
func (r *reconciler) namespaceEnds(ctx context.Context, name string) (bool, error) {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.client.Get(ctx, types.NamespacedName{Name: name}, namespace)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("look whether the namespace is being deleted: %w", err)
	}
	return err == nil, nil
}

// miniClustersIn returns the MiniClusters of a namespace that is being deleted.
func (r *reconciler) miniClustersIn(ctx context.Context, namespace client.Object) []reconcile.Request {
	var list api.MiniClusterList
	if err := r.client.List(ctx, &list, client.InNamespace(namespace.GetName())); err != nil {
		log.FromContext(ctx).Error(err, "Failed to list the MiniClusters of a namespace that is being deleted", "namespace", namespace.GetName())
	}
	var all []reconcile.Request
	for i := range list.Items {
		all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return all
}

// gather reads all that the plan is made from. The error is NotFound when there
// is no such MiniCluster (any more).
func (r *reconciler) gather(ctx context.Context, key types.NamespacedName) (plan.Observed, error) {
	o := plan.Observed{MiniCluster: &api.MiniCluster{}}
	if err := r.client.Get(ctx, key, o.MiniCluster); err != nil {
		return o, err
	}
	r.memory.of(o.MiniCluster).catchUp(o.MiniCluster)
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
	for _, wanted := range build.SideServices(o.MiniCluster) {
		var beside corev1.Service
		if found, err := r.getLabelledOrNot(ctx, types.NamespacedName{Namespace: key.Namespace, Name: *wanted.Name}, &beside); err != nil {
			return o, fmt.Errorf("get the Service %s: %w", *wanted.Name, err)
		} else if found {
			o.SideServices = append(o.SideServices, beside)
		}
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
	if o.NamespaceEnds, err = r.namespaceEnds(ctx, key.Namespace); err != nil {
		return o, err
	}
	o.SecretSeen = r.memory.of(o.MiniCluster).secretSeen
	if err = r.gatherBeside(ctx, &o); err != nil {
		return o, err
	}
	o.Drain = r.drains.Answer(key, o.MiniCluster.UID)
	o.Queue = r.queues.Answer(key, o.MiniCluster.UID)
	o.Autoscaled = r.autoscaler.Outcome(key, o.MiniCluster.UID)
	o.Now = time.Now()
	o.Settings = r.settings
	return o, nil
}

// gatherBeside reads, from the caches, what is beside the ranks.
func (r *reconciler) gatherBeside(ctx context.Context, o *plan.Observed) error {
	mc := o.MiniCluster
	if len(mc.Spec.Services) > 0 {
		var pods corev1.PodList
		err := r.client.List(ctx, &pods, client.InNamespace(mc.Namespace), client.MatchingLabels(build.ServicesLabels(mc.Name)), client.UnsafeDisableDeepCopy)
		if err != nil {
			return fmt.Errorf("list the pods of the services: %w", err)
		}
		o.ServicesPods = pods.Items
	}
	var autoscalers autoscalingv2.HorizontalPodAutoscalerList
	err := r.client.List(ctx, &autoscalers, client.InNamespace(mc.Namespace), client.MatchingFields{targetIndex: mc.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list the HorizontalPodAutoscalers: %w", err)
	}
	o.Autoscalers = autoscalers.Items
	return nil
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
