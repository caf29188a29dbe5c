// Package controller is the shell around package plan: it gathers what the plan
// needs, applies what the plan says, and reports.
package controller

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/drain"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// concurrency is how many MiniClusters are reconciled at a time; one MiniCluster
// is never reconciled twice at once.
const concurrency = 10

// conflictRetry is the time between two looks at an object of somebody else that
// has a MiniCluster's name. Such objects bear no label of ours, so that no watch
// tells when they go.
const conflictRetry = time.Minute

// reconciler brings the objects of one MiniCluster to what its spec says.
type reconciler struct {
	client client.Client
	// live reads past the caches, which hold labelled objects only.
	live     client.Reader
	events   record.EventRecorder
	settings build.Settings
	key      []byte
	// drains are the conversations with leads.
	drains *drain.Manager
	// founded tells of each MiniCluster what it was given to stand on.
	founded foundations
	wishes  wishes
	// pace is that of writing statuses.
	pace pace
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
		events:   mgr.GetEventRecorderFor(plan.FieldManager),
		settings: options.Settings,
		key:      options.Key,
	}
	var queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	r.drains = drain.New(func(key types.NamespacedName) { queue.Add(reconcile.Request{NamespacedName: key}) })
	if err := mgr.Add(r.drains); err != nil {
		return fmt.Errorf("add the conversations with leads: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).
		For(&api.MiniCluster{}).
		Owns(&corev1.Service{}).
		// Not Owns: the owner of a rank's pod is its Job.
		Watches(&batchv1.Job{}, batched()).
		Watches(&corev1.Pod{}, batched()).
		// What leads say about drained ranks. Nobody asks them before the first
		// reconciliation, which is after this.
		WatchesRawSource(source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			queue = q
			return nil
		})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
	if err != nil {
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

	p := plan.Make(observed)
	err = r.apply(ctx, observed, p)
	if apierrors.IsConflict(err) {
		// Our view was old. What is newer is on its way to the cache, and its
		// arrival starts the next reconciliation.
		log.FromContext(ctx).V(1).Info("An object has changed meanwhile", "conflict", err.Error())
		return ctrl.Result{}, nil
	}
	if err != nil {
		p.State, p.Message = api.ReasonApplyFailed, err.Error()
	}

	again, statusErr := r.syncStatus(ctx, observed, p)
	if statusErr != nil && err == nil {
		err = statusErr
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	measure(observed, p)
	r.wishes.follow(req.NamespacedName, observed.MiniCluster, p, observed.Now)
	switch {
	case p.State == api.ReasonNameConflict:
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	case !p.WakeAt.IsZero():
		wake := max(time.Until(p.WakeAt), time.Millisecond)
		if again > 0 {
			wake = min(wake, again)
		}
		return ctrl.Result{RequeueAfter: wake}, nil
	}
	return ctrl.Result{RequeueAfter: again}, nil
}

// forget drops what is remembered of a MiniCluster that is no more.
func (r *reconciler) forget(key types.NamespacedName) {
	r.drains.Drop(key)
	r.founded.drop(key)
	r.wishes.drop(key)
	r.pace.drop(key)
}

// apply does what the plan says. Each write is tied to the version of the object
// that the plan was made for.
func (r *reconciler) apply(ctx context.Context, o plan.Observed, p plan.Plan) error {
	mc := o.MiniCluster
	owner := []client.ApplyOption{client.FieldOwner(plan.FieldManager), client.ForceOwnership}
	if err := r.converse(o, p); err != nil {
		return err
	}
	if p.Foundation {
		if o.Job == nil {
			// New ranks begin on firm ground, whatever became of the old.
			r.founded.drop(client.ObjectKeyFromObject(mc))
		}
		if err := r.lay(ctx, mc); err != nil {
			return err
		}
	}
	if p.Service != nil {
		if err := r.client.Apply(ctx, p.Service, owner...); err != nil {
			return fmt.Errorf("apply the Service: %w", err)
		}
	}
	if p.DeleteJob != nil {
		err := r.client.Delete(ctx, p.DeleteJob,
			// In the foreground, so that the Job's name is taken until the last
			// pod has ended.
			client.PropagationPolicy(metav1.DeletePropagationForeground),
			client.Preconditions{UID: &p.DeleteJob.UID, ResourceVersion: &p.DeleteJob.ResourceVersion})
		if err != nil {
			return fmt.Errorf("delete the Job: %w", err)
		}
	}
	if p.Job != nil {
		if err := r.client.Apply(ctx, p.Job, owner...); err != nil {
			return fmt.Errorf("apply the Job: %w", err)
		}
	}
	for _, pod := range p.ForgetStops {
		if err := r.forgetStops(ctx, pod); err != nil {
			return err
		}
	}
	for _, pod := range p.GiveUp {
		if err := r.giveUp(ctx, pod); err != nil {
			return err
		}
	}
	if p.DeleteServices {
		// By label, so that nobody else's Deployment of the name is deleted.
		err := r.client.DeleteAllOf(ctx, &appsv1.Deployment{}, client.InNamespace(mc.Namespace), client.MatchingLabels(build.Labels(mc.Name)))
		if err != nil {
			return fmt.Errorf("delete the services: %w", err)
		}
	}
	for _, e := range p.Events {
		r.record(mc, e)
	}
	return nil
}

// converse tells the lead what the plan orders, and nothing more when it orders
// nothing.
func (r *reconciler) converse(o plan.Observed, p plan.Plan) error {
	key := client.ObjectKeyFromObject(o.MiniCluster)
	if p.DrainOrder == nil {
		r.drains.Drop(key)
		return nil
	}
	c, err := r.credentials(o.MiniCluster)
	if err != nil {
		return err
	}
	r.drains.Set(key, drain.Order{UID: o.MiniCluster.UID, Host: p.Ranks.LeadAddress, Ranks: p.DrainOrder.Ranks}, c)
	return nil
}

func (r *reconciler) record(mc *api.MiniCluster, e plan.Event) {
	r.events.Event(mc, e.Type, e.Reason, e.Message)
}
