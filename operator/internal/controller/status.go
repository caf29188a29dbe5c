package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// statusFieldManager owns the status. It is not plan.FieldManager, so that
// applying one never gives up fields of the other.
const statusFieldManager = plan.FieldManager + "-status"

// syncStatus writes the status where it changed, and tells of changes that need
// somebody's attention. A status that tells of progress only may be held back: it
// is to be looked at again after the time that is returned.
func (r *reconciler) syncStatus(ctx context.Context, o plan.Observed, p plan.Report) (again time.Duration, err error) {
	mc := o.MiniCluster
	status := calculateStatus(mc, p)
	if equality.Semantic.DeepEqual(mc.Status, status) {
		return 0, nil
	}
	reports := &r.memory.of(mc).reports
	if again = reports.delay(mc.Status, status, o.Now); again > 0 {
		return again, nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return 0, fmt.Errorf("encode the status: %w", err)
	}
	config := &unstructured.Unstructured{Object: map[string]any{"status": content}}
	config.SetGroupVersionKind(api.GroupVersion.WithKind(api.Kind))
	config.SetNamespace(mc.Namespace)
	config.SetName(mc.Name)
	// Of a MiniCluster of the same name that was created since, nothing is known.
	config.SetUID(mc.UID)
	err = r.client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(config), client.FieldOwner(statusFieldManager), client.ForceOwnership)
	switch {
	case apierrors.IsNotFound(err):
		return 0, nil // deleted meanwhile
	case err != nil:
		return 0, fmt.Errorf("apply the status: %w", err)
	}
	reports.note(mc, status, o.Now)
	for _, e := range warnings(mc.Status, status, p) {
		r.record(ctx, mc, e)
	}
	return 0, nil
}

// calculateStatus returns the status that the plan amounts to. Times of
// transition are kept where a condition's status stays.
func calculateStatus(mc *api.MiniCluster, p plan.Report) api.MiniClusterStatus {
	status := api.MiniClusterStatus{
		Size:               p.Ranks.Existing,
		Ready:              p.Ranks.Ready,
		Desired:            p.Desired,
		MaximumSize:        p.Maximum,
		Selector:           build.Selector(mc.Name),
		Queue:              p.QueueStatus,
		Drain:              p.DrainStatus,
		ObservedGeneration: mc.Generation,
		Conditions:         slices.Clone(mc.Status.Conditions),
	}
	meta.SetStatusCondition(&status.Conditions, readyCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, progressingCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, sizeWithinBoundsCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, degradedCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, completeCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, failedCondition(mc.Generation, p))
	if p.End != nil {
		status.ExitCode, status.EndedTemplate = p.End.ExitCode, p.End.Template
	}
	return status
}

// warnings returns the events for what has gone wrong between two statuses, and for
// the end.
func warnings(before, after api.MiniClusterStatus, p plan.Report) []plan.Event {
	var events []plan.Event
	tell := func(conditionType, eventType, log string) {
		old := meta.FindStatusCondition(before.Conditions, conditionType)
		now := meta.FindStatusCondition(after.Conditions, conditionType)
		if old != nil && old.Reason == now.Reason && old.Message == now.Message {
			return
		}
		if old != nil && old.Reason == now.Reason && now.Reason == api.ReasonLeadLost {
			return // Only the ranks that its message counts are others.
		}
		events = append(events, plan.Event{
			Type: eventType, Reason: now.Reason, Message: now.Message,
			Log: log, Values: []any{"state", now.Reason, "reason", now.Message},
		})
	}
	if len(p.Violations) > 0 {
		tell(api.ConditionSizeWithinBounds, corev1.EventTypeWarning, "Held the size within its bounds")
	}
	if log, ok := needAttention[p.State]; ok {
		tell(api.ConditionReady, corev1.EventTypeWarning, log)
	}
	events = append(events, begun(before, p.Hindrances)...)
	if was := meta.FindStatusCondition(before.Conditions, api.ConditionDegraded); was != nil && was.Status == metav1.ConditionTrue &&
		meta.IsStatusConditionFalse(after.Conditions, api.ConditionDegraded) {
		events = append(events, plan.Event{Log: "Nothing is in the way any more", Values: []any{"was", was.Reason}})
	}
	switch done := meta.IsStatusConditionTrue; {
	case p.End == nil:
	case p.End.Failed:
		tell(api.ConditionFailed, corev1.EventTypeWarning, "The MiniCluster has failed")
	case !done(before.Conditions, api.ConditionComplete):
		tell(api.ConditionComplete, corev1.EventTypeNormal, "The MiniCluster has completed")
	}
	return events
}

// begun returns the events for hindrances of kinds that the status before did not tell
// of. What changes while one lasts is in the condition alone.
func begun(before api.MiniClusterStatus, hindrances []plan.Hindrance) []plan.Event {
	var events []plan.Event
	told := map[string]bool{}
	for _, h := range hindrances {
		if told[h.Reason] || isDegradedBy(before, h.Reason) {
			continue
		}
		told[h.Reason] = true
		events = append(events, plan.Event{
			Type: corev1.EventTypeWarning, Reason: h.Reason, Message: h.Message,
			Log: "Something is in the way", Values: []any{"state", h.Reason, "ranks", h.Ranks.Short(), "reason", h.Message},
		})
	}
	return events
}
