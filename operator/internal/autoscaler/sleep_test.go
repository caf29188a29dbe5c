package autoscaler

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// sleepy has 1 rank, and sleeps once its queue has been empty for 10 minutes.
func sleepy() *world {
	w := newWorld(1)
	w.mc.Spec.Autoscaling.Queue.SleepSeconds = 600
	w.says(0, 0, 1)
	return w
}

func TestSleepsWhenTheQueueHasBeenEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sleepy()
		// An operator that begins does not know since when.
		if result := w.look(t); result.RequeueAfter != 10*time.Minute || w.mc.Spec.Suspend {
			t.Errorf("asleep %v, looks again after %s, want 10 minutes", w.mc.Spec.Suspend, result.RequeueAfter)
		}
		time.Sleep(10 * time.Minute)
		w.cached = w.mc.DeepCopy()
		w.change(func(mc *api.MiniCluster) { mc.Labels = map[string]string{"a": "b"} })
		if result := w.look(t); result.RequeueAfter != conflictRetry || w.mc.Spec.Suspend {
			t.Errorf("asleep %v, looks again after %s, want that a conflict is tried again", w.mc.Spec.Suspend, result.RequeueAfter)
		}
		w.cached = nil
		w.look(t)
		if !w.mc.Spec.Suspend {
			t.Fatal("does not sleep")
		}
		w.wantEvent(t, "Normal QueueSleeping The queue has been empty for 600 s")
		w.wantWrites(t)
		// While it sleeps, nothing is decided; woken, its time begins anew.
		w.says(4, 0, 1)
		w.look(t)
		w.wantWrites(t)
		w.change(func(mc *api.MiniCluster) { mc.Spec.Suspend = false })
		w.says(0, 0, 1)
		if result := w.look(t); result.RequeueAfter != 10*time.Minute || w.mc.Spec.Suspend {
			t.Errorf("asleep %v, looks again after %s, want 10 minutes", w.mc.Spec.Suspend, result.RequeueAfter)
		}
	})
}

func TestSleepThatIsRefusedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := sleepy()
		w.look(t)
		time.Sleep(10 * time.Minute)
		w.refuse = apierrors.NewForbidden(resource, key.Name, errors.New("a policy"))
		if result := w.look(t); result.RequeueAfter != plan.RefusalRetry {
			t.Errorf("looks again after %s, want %s", result.RequeueAfter, plan.RefusalRetry)
		}
		w.refuse = apierrors.NewGenericServerResponse(http.StatusServiceUnavailable, "patch", resource, key.Name, "away", 0, true)
		if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: key}); err == nil {
			t.Error("an API server that is away is no error")
		}
	})
}
