package controller

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
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
// somebody's attention.
func (r *reconciler) syncStatus(ctx context.Context, mc *api.MiniCluster, p plan.Plan) error {
	status := calculateStatus(mc, p)
	if equality.Semantic.DeepEqual(mc.Status, status) {
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return fmt.Errorf("encode the status: %w", err)
	}
	config := &unstructured.Unstructured{Object: map[string]any{"status": content}}
	config.SetGroupVersionKind(api.GroupVersion.WithKind(api.Kind))
	config.SetNamespace(mc.Namespace)
	config.SetName(mc.Name)
	// Of a MiniCluster of the same name that was created since, nothing is known.
	config.SetUID(mc.UID)
	err = r.client.Status().Patch(ctx, config, client.Apply, client.FieldOwner(statusFieldManager), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply the status: %w", client.IgnoreNotFound(err))
	}
	for _, e := range warnings(mc.Status, status, p) {
		r.record(mc, e)
	}
	return nil
}

// calculateStatus returns the status that the plan amounts to. Times of
// transition are kept where a condition's status stays.
func calculateStatus(mc *api.MiniCluster, p plan.Plan) api.MiniClusterStatus {
	status := api.MiniClusterStatus{
		Size:               p.Ranks.Existing,
		Ready:              p.Ranks.Ready,
		Desired:            p.Desired,
		MaximumSize:        p.Maximum,
		Selector:           build.Selector(mc.Name),
		Drain:              p.DrainStatus,
		ObservedGeneration: mc.Generation,
		Conditions:         slices.Clone(mc.Status.Conditions),
	}
	meta.SetStatusCondition(&status.Conditions, readyCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, progressingCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, sizeWithinBoundsCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, completeCondition(mc.Generation, p))
	meta.SetStatusCondition(&status.Conditions, failedCondition(mc.Generation, p))
	if p.End != nil {
		status.ExitCode = p.End.ExitCode
	}
	return status
}

// warnings returns the events for what has gone wrong between two statuses.
func warnings(before, after api.MiniClusterStatus, p plan.Plan) []plan.Event {
	var events []plan.Event
	warn := func(conditionType string, isWarning bool) {
		old := meta.FindStatusCondition(before.Conditions, conditionType)
		now := meta.FindStatusCondition(after.Conditions, conditionType)
		if isWarning && (old == nil || old.Reason != now.Reason || old.Message != now.Message) {
			events = append(events, plan.Event{Type: corev1.EventTypeWarning, Reason: now.Reason, Message: now.Message})
		}
	}
	warn(api.ConditionSizeWithinBounds, len(p.Violations) > 0)
	if p.State != api.ReasonJobFailed {
		warn(api.ConditionReady, needsAttention(p.State))
	}
	warn(api.ConditionFailed, p.End != nil && p.End.Failed)
	if done := meta.IsStatusConditionTrue; done(after.Conditions, api.ConditionComplete) && !done(before.Conditions, api.ConditionComplete) {
		events = append(events, plan.Event{Type: corev1.EventTypeNormal, Reason: p.End.Reason, Message: p.End.Message})
	}
	return events
}
