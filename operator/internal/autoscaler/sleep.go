package autoscaler

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// sleep sets spec.suspend, since the queue has been empty for long enough: everybody sees
// there what the MiniCluster is to be, and can change it.
func (a *Autoscaler) sleep(ctx context.Context, mc *api.MiniCluster, policy autoscale.Policy) (ctrl.Result, error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": mc.UID, "resourceVersion": mc.ResourceVersion},
		"spec":     map[string]any{"suspend": true},
	})
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("encode spec.suspend: %w", err)
	}
	err = a.client.Patch(ctx, mc.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldManager))
	if isRefusal(err) {
		log.FromContext(ctx).Info("The API server does not let the MiniCluster sleep", "reason", err.Error())
		return ctrl.Result{RequeueAfter: plan.RefusalRetry}, nil
	}
	if err != nil {
		if result, ok := passes(ctx, err); ok {
			return result, nil
		}
		return ctrl.Result{}, fmt.Errorf("set spec.suspend: %w", err)
	}
	because := fmt.Sprintf("the queue has been empty for %d s", int64(policy.SleepTime.Seconds()))
	a.events.Event(mc, corev1.EventTypeNormal, api.EventQueueSleeping, plan.Capital(because))
	log.FromContext(ctx).Info("Set spec.suspend", "reason", because)
	return ctrl.Result{}, nil // The write is an event.
}
