// Package controller is the shell around package plan: it gathers what the plan
// needs, applies what the plan says, and reports.
package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlbuilder "sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/autoscaler"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/drain"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
	"github.com/gopherlocks/gopherlocks/operator/internal/queue"
)

// concurrency is how many MiniClusters are reconciled at a time; one MiniCluster
// is never reconciled twice at once.
const concurrency = 10

// firstRetry is the time until what has failed is tried again, doubled with each
// failure up to lastRetry: what a person has mended is not to wait for longer.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// limits returns how many MiniClusters a controller works on, and when it tries again.
func limits() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: concurrency,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	}
}

// contentionRetry is the time until a write is tried again that met another one.
const contentionRetry = time.Second

// reconciler brings the objects of one MiniCluster to what its spec says.
type reconciler struct {
	client client.Client
	// live reads past the caches, which hold labelled objects only.
	live     client.Reader
	events   record.EventRecorder
	settings build.Settings
	key      []byte
	// drains and queues are the conversations with leads.
	drains *drain.Manager
	queues *queue.Manager
	// autoscaler makes sizes follow the queues.
	autoscaler *autoscaler.Autoscaler
	memory     memory
	// wake has a MiniCluster looked at after a time, or sooner.
	wake func(reconcile.Request, time.Duration)
}

// Options of the controller.
type Options struct {
	Settings build.Settings
	// Key is the operator's, of credentials.KeySize bytes.
	Key []byte
}

// Add adds the controller to the manager, which must have been made with
// CacheOptions.
func Add(mgr ctrl.Manager, options Options) error {
	r := &reconciler{
		client:   mgr.GetClient(),
		live:     mgr.GetAPIReader(),
		events:   mgr.GetEventRecorderFor(plan.FieldManager), //nolint:staticcheck // The newer events have other fields, and need another permission.
		settings: options.Settings,
		key:      options.Key,
	}
	var work workqueue.TypedRateLimitingInterface[reconcile.Request]
	r.drains = drain.New(mgr.GetLogger(), func(key types.NamespacedName) { work.Add(reconcile.Request{NamespacedName: key}) })
	r.wake = func(req reconcile.Request, after time.Duration) { work.AddAfter(req, after) }
	queueTold := func(key types.NamespacedName) { r.wake(reconcile.Request{NamespacedName: key}, queueInterval) }
	r.queues = queue.New(mgr.GetLogger(), func(key types.NamespacedName) {
		r.autoscaler.Answered(key)
		queueTold(key)
	})
	r.autoscaler = autoscaler.New(mgr, r.queues.Answer, queueTold)
	if err := errors.Join(mgr.Add(r.drains), mgr.Add(r.queues)); err != nil {
		return fmt.Errorf("add the conversations with leads: %w", err)
	}
	if err := r.autoscaler.AddTo(mgr, limits()); err != nil {
		return err
	}
	if err := indexTargets(context.Background(), mgr.GetFieldIndexer()); err != nil {
		return err
	}
	builder := ctrl.NewControllerManagedBy(mgr).
		For(&api.MiniCluster{}).
		Owns(&corev1.Service{}).
		// Not Owns: the owner of a rank's pod is its Job.
		Watches(&batchv1.Job{}, batched()).
		Watches(&corev1.Pod{}, batched()).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.miniClustersIn)).
		Watches(&autoscalingv2.HorizontalPodAutoscaler{}, autoscaled()).
		// What leads say about drained ranks, and the time. Nobody asks before the
		// first reconciliation, which is after this.
		WatchesRawSource(source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			work = q
			return nil
		})).
		WithOptions(limits())
	for _, kind := range partKinds {
		builder.WatchesMetadata(kind, batched(), ctrlbuilder.WithPredicates(partChanged()))
	}
	if err := builder.Complete(r); err != nil {
		return fmt.Errorf("add the MiniCluster controller: %w", err)
	}
	return nil
}

// batchTime is how long what happens to ranks is collected before it is looked
// at. A resize by hundreds makes thousands of events, and a plan for each would
// take from the control plane the time that the ranks need to come.
const batchTime = 50 * time.Millisecond

// batched looks at the MiniCluster once for all that happens within batchTime.
func batched() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(o client.Object, q queue) { q.AddAfter(miniClusterOf(o), batchTime) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { add(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { add(e.Object, q) },
	}
}

// miniClusterOf returns the MiniCluster that an object with our label belongs to.
func miniClusterOf(o client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{
		Namespace: o.GetNamespace(),
		Name:      o.GetLabels()[api.LabelMiniCluster],
	}}
}

// Reconcile brings one MiniCluster on. An operator that is being stopped leaves the
// rest to the next one, which is no error.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	result, err := r.reconcile(ctx, req)
	if err != nil && ctx.Err() != nil {
		log.FromContext(ctx).V(1).Info("Stopped", "unfinished", err.Error())
		return ctrl.Result{}, nil
	}
	return result, err
}

// reconcile gathers, plans, applies and reports. The status is written also when
// applying failed: that is when it matters most.
func (r *reconciler) reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	observed, err := r.gather(ctx, req.NamespacedName)
	if apierrors.IsNotFound(err) {
		// Deleted: the garbage collector does the rest.
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}

	p, noAnswer := r.plan(ctx, observed)
	err = r.apply(ctx, observed, &p)
	if apierrors.IsConflict(err) {
		// Our view was old, and what is newer is on its way to the cache; or others
		// write a ResourceQuota that our object counts against, which we do not watch.
		log.FromContext(ctx).V(1).Info("An object has changed meanwhile", "conflict", err.Error())
		return ctrl.Result{RequeueAfter: contentionRetry}, nil
	}

	again, statusErr := r.syncStatus(ctx, observed, p.Report)
	after := nextLook(p, again)
	if err = cmp.Or(err, statusErr, noAnswer); err != nil {
		// A Result beside an error is not looked at. Of this time and that of the
		// next try, the queue takes the sooner.
		if after > 0 {
			r.wake(req, after)
		}
		return ctrl.Result{}, err
	}
	r.memory.of(observed.MiniCluster).resize.follow(observed.MiniCluster, p.Report, observed.Now)
	if p.State == api.ReasonReady {
		r.autoscaler.AllReady(observed.MiniCluster, p.Desired, observed.Now)
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// nextLook returns after which time the MiniCluster is to be looked at although
// nothing has happened; 0 for none. again is when its status is to be.
func nextLook(p plan.Plan, again time.Duration) time.Duration {
	if p.WakeAt.IsZero() {
		return again
	}
	wake := max(time.Until(p.WakeAt), time.Millisecond)
	if again > 0 {
		wake = min(wake, again)
	}
	return wake
}

// forget drops what is remembered of a MiniCluster that is no more.
func (r *reconciler) forget(key types.NamespacedName) {
	r.drains.Drop(key)
	r.queues.Drop(key)
	r.memory.forget(key)
}
