// Package autoscaler makes the size of MiniClusters follow their queues. It writes /scale,
// as a HorizontalPodAutoscaler does, and nothing else. Package autoscale decides.
//
// It works for those MiniClusters whose leads are asked about their queues: package plan
// says which these are, and the controller of MiniClusters has them asked. Where a lead
// says nothing, the size stays.
package autoscaler

import (
	"context"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlbuilder "sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// FieldManager owns spec.size where the queue chooses it.
const FieldManager = "gopherlocks-autoscaler"

// conflictRetry is the time until a write is tried again that met another one. By then
// the cache has what is newer.
const conflictRetry = 100 * time.Millisecond

// Autoscaler is the controller.
type Autoscaler struct {
	client client.Client
	events record.EventRecorder
	answer func(types.NamespacedName, types.UID) *plan.QueueAnswer
	// told is called when what Outcome returns is another one.
	told func(types.NamespacedName)

	mu       sync.Mutex
	memories map[types.NamespacedName]*memory
	queue    workqueue.TypedRateLimitingInterface[reconcile.Request] // nil until it starts
}

// New returns an autoscaler that goes by the answers, and calls told when what is to be
// told of a MiniCluster changes. told must not block.
func New(mgr ctrl.Manager, answer func(types.NamespacedName, types.UID) *plan.QueueAnswer, told func(types.NamespacedName)) *Autoscaler {
	return &Autoscaler{
		client:   mgr.GetClient(),
		events:   mgr.GetEventRecorderFor(FieldManager), //nolint:staticcheck // As in package controller.
		answer:   answer,
		told:     told,
		memories: map[types.NamespacedName]*memory{},
	}
}

// AddTo adds the controller to the manager.
func (a *Autoscaler) AddTo(mgr ctrl.Manager, limits controller.Options) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("autoscaler").
		// A status tells it nothing.
		For(&api.MiniCluster{}, ctrlbuilder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.queue = q
			return nil
		})).
		WithOptions(limits).
		Complete(a)
	if err != nil {
		return fmt.Errorf("add the autoscaler by the queue: %w", err)
	}
	return nil
}

// Answered says that there is another answer about a MiniCluster.
func (a *Autoscaler) Answered(key types.NamespacedName) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queue != nil { // Else it has still to look at all of them.
		a.queue.Add(reconcile.Request{NamespacedName: key})
	}
}

// Reconcile brings the size of one MiniCluster to what its queue asks for.
func (a *Autoscaler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var mc api.MiniCluster
	if err := a.client.Get(ctx, req.NamespacedName, &mc); err != nil {
		if apierrors.IsNotFound(err) {
			a.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	policy, follows := plan.QueuePolicy(&mc)
	if !follows || mc.DeletionTimestamp != nil || mc.Spec.Suspend {
		a.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	now := time.Now()
	known := a.look(&mc, now)
	answer := a.answer(req.NamespacedName, mc.UID)
	if answer == nil || known.writtenOn == mc.ResourceVersion {
		return ctrl.Result{}, nil // What was written is on its way to the cache.
	}
	needs, grownAt := a.hear(&mc, policy, answer, now)
	situation := autoscale.Situation{Size: mc.Spec.Size, Use: answer.Use, GrownAt: grownAt, Needs: needs, Now: now}
	sleepAt := autoscale.SleepAt(policy, situation)
	if !sleepAt.IsZero() && !now.Before(sleepAt) {
		return a.sleep(ctx, &mc, policy)
	}
	d := autoscale.Decide(policy, situation)
	if d.Size == mc.Spec.Size {
		a.rest(&mc, d)
		return ctrl.Result{RequeueAfter: until(plan.Earliest(d.LookAt, sleepAt))}, nil
	}
	cause := a.wants(&mc, answer, d)
	if wait := known.refusal.wait(mc.Generation, d.Size, now); wait > 0 {
		a.update(&mc, d, func(*memory) {})
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	err := a.write(ctx, &mc, d.Size)
	if err == nil {
		a.done(ctx, &mc, d, cause)
		return ctrl.Result{}, nil // The write is an event.
	}
	if isRefusal(err) {
		return ctrl.Result{RequeueAfter: a.refused(ctx, &mc, d, err, now)}, nil
	}
	if result, ok := passes(ctx, err); ok {
		return result, nil
	}
	return ctrl.Result{}, fmt.Errorf("scale to %d: %w", d.Size, err)
}

// write sets the size of the MiniCluster, if it is still the one that was looked at.
func (a *Autoscaler) write(ctx context.Context, mc *api.MiniCluster, size int32) error {
	scale := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: mc.Namespace, Name: mc.Name, UID: mc.UID, ResourceVersion: mc.ResourceVersion},
		Spec:       autoscalingv1.ScaleSpec{Replicas: size},
	}
	return a.client.SubResource("scale").Update(ctx, mc.DeepCopy(), client.WithSubResourceBody(scale), client.FieldOwner(FieldManager))
}

// done notes that the size was written, and tells of it.
func (a *Autoscaler) done(ctx context.Context, mc *api.MiniCluster, d autoscale.Decision, cause time.Time) {
	now := time.Now()
	a.update(mc, d, func(m *memory) {
		m.writtenOn, m.refusal, m.wantedSince, m.growth = mc.ResourceVersion, refusal{}, time.Time{}, growth{}
		if d.Size > mc.Spec.Size {
			m.size, m.grownAt = d.Size, now
			m.growth = growth{size: d.Size, since: cause}
		}
	})
	direction, reason, line := "down", api.EventQueueScalingDown, "Shrank by the queue"
	if d.Size > mc.Spec.Size {
		direction, reason, line = "up", api.EventQueueScalingUp, "Grew by the queue"
		if !cause.IsZero() {
			writeSeconds.Observe(now.Sub(cause).Seconds())
		}
	}
	decisions.WithLabelValues(direction).Inc()
	a.events.Event(mc, corev1.EventTypeNormal, reason, plan.Capital(d.Because))
	log.FromContext(ctx).Info(line, "from", mc.Spec.Size, "to", d.Size, "reason", d.Because)
}

// refused notes that the API server does not take the size. It returns the time until the
// next try.
func (a *Autoscaler) refused(ctx context.Context, mc *api.MiniCluster, d autoscale.Decision, err error, now time.Time) time.Duration {
	r := refusal{generation: mc.Generation, size: d.Size, words: fmt.Sprintf("cannot set size %d: %s", d.Size, err), at: now}
	isNew := false
	a.update(mc, d, func(m *memory) {
		isNew = m.refusal.words != r.words
		m.refusal = r
	})
	if isNew {
		log.FromContext(ctx).Info("The API server refuses the size", "from", mc.Spec.Size, "to", d.Size, "reason", err.Error())
	}
	return r.wait(mc.Generation, d.Size, now)
}

// passes tells of failures of a write that are nobody's fault, and what follows them.
func passes(ctx context.Context, err error) (ctrl.Result, bool) {
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, true // deleted meanwhile
	case apierrors.IsConflict(err):
		log.FromContext(ctx).V(1).Info("The MiniCluster has changed meanwhile", "conflict", err.Error())
		return ctrl.Result{RequeueAfter: conflictRetry}, true
	}
	return ctrl.Result{}, ctx.Err() != nil // The next operator goes on.
}

// until returns the time until at; 0 where it is zero, for never.
func until(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(time.Until(at), time.Millisecond)
}
