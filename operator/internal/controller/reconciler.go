// Package controller is the shell around package plan: it gathers what the plan
// needs, applies what the plan says, and reports.
package controller

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// concurrency is how many MiniClusters are reconciled at a time; one MiniCluster
// is never reconciled twice at once.
const concurrency = 4

// conflictRetry is the time between two looks at an object of somebody else that
// has a MiniCluster's name. Such objects bear no label of ours, so that no watch
// tells when they go.
const conflictRetry = time.Minute

// reconciler brings the objects of one MiniCluster to what its spec says.
type reconciler struct {
	client client.Client
	// live reads past the caches, which hold labelled objects only.
	live   client.Reader
	events record.EventRecorder
}

// Add adds the controller to the manager, which must have been made with
// CacheOptions.
func Add(mgr ctrl.Manager) error {
	r := &reconciler{
		client: mgr.GetClient(),
		live:   mgr.GetAPIReader(),
		events: mgr.GetEventRecorderFor(plan.FieldManager),
	}
	err := ctrl.NewControllerManagedBy(mgr).
		For(&api.MiniCluster{}).
		Owns(&batchv1.Job{}).
		Owns(&corev1.Service{}).
		// Not Owns: the owner of a rank's pod is its Job.
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(miniClusterOf)).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("add the MiniCluster controller: %w", err)
	}
	return nil
}

// miniClusterOf returns the MiniCluster that a pod is a rank of.
func miniClusterOf(_ context.Context, pod client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{
		Namespace: pod.GetNamespace(),
		Name:      pod.GetLabels()[api.LabelMiniCluster],
	}}}
}

// Reconcile gathers, plans, applies and reports. The status is written also when
// applying failed: that is when it matters most.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	observed, err := r.gather(ctx, req.NamespacedName)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, nil // deleted: the garbage collector does the rest
	}
	if err != nil {
		return ctrl.Result{}, err
	}

	p := plan.Make(observed)
	err = r.apply(ctx, observed.MiniCluster, p)
	if apierrors.IsConflict(err) {
		// Our view was old. What is newer is on its way to the cache, and its
		// arrival starts the next reconciliation.
		log.FromContext(ctx).V(1).Info("An object has changed meanwhile", "conflict", err.Error())
		return ctrl.Result{}, nil
	}
	if err != nil {
		p.State, p.Message = api.ReasonApplyFailed, err.Error()
	}

	if statusErr := r.syncStatus(ctx, observed.MiniCluster, p); statusErr != nil && err == nil {
		err = statusErr
	}
	if err == nil && p.State == api.ReasonNameConflict {
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	return ctrl.Result{}, err
}

// apply does what the plan says. Each write is tied to the version of the object
// that the plan was made for.
func (r *reconciler) apply(ctx context.Context, mc *api.MiniCluster, p plan.Plan) error {
	owner := []client.ApplyOption{client.FieldOwner(plan.FieldManager), client.ForceOwnership}
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
	if p.Event.Reason != "" {
		r.record(mc, p.Event)
	}
	return nil
}

func (r *reconciler) record(mc *api.MiniCluster, e plan.Event) {
	r.events.Event(mc, e.Type, e.Reason, e.Message)
}
