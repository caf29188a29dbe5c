package autoscaler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

var (
	key      = types.NamespacedName{Namespace: "ns", Name: "sample"}
	resource = schema.GroupResource{Group: api.GroupVersion.Group, Resource: "miniclusters"}
)

// server is an API server with one MiniCluster, and a cache that may be behind it.
type server struct {
	client.Client
	mc     *api.MiniCluster // nil when it is deleted
	cached *api.MiniCluster // nil for none that is behind
	refuse error            // of the next writes
	writes []int32
}

func (s *server) Get(_ context.Context, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	if s.mc == nil {
		return apierrors.NewNotFound(resource, key.Name)
	}
	from := s.mc
	if s.cached != nil {
		from = s.cached
	}
	from.DeepCopyInto(o.(*api.MiniCluster))
	return nil
}

func (s *server) SubResource(name string) client.SubResourceClient {
	if name != "scale" {
		panic(name)
	}
	return scales{server: s}
}

// scales is the subresource.
func (s *server) Patch(_ context.Context, _ client.Object, patch client.Patch, options ...client.PatchOption) error {
	var o client.PatchOptions
	o.ApplyOptions(options)
	data, err := patch.Data(nil)
	switch {
	case err != nil:
		return err
	case s.mc == nil:
		return apierrors.NewNotFound(resource, key.Name)
	case o.FieldManager != FieldManager || string(data) != fmt.Sprintf(`{"metadata":{"resourceVersion":%q,"uid":%q},"spec":{"suspend":true}}`, s.mc.ResourceVersion, s.mc.UID):
		return apierrors.NewConflict(resource, key.Name, errors.New("it has changed"))
	case s.refuse != nil:
		return s.refuse
	}
	s.change(func(mc *api.MiniCluster) { mc.Spec.Suspend = true })
	return nil
}

type scales struct {
	client.SubResourceClient
	server *server
}

func (s scales) Update(_ context.Context, _ client.Object, options ...client.SubResourceUpdateOption) error {
	var o client.SubResourceUpdateOptions
	o.ApplyOptions(options)
	return s.server.scale(o.SubResourceBody.(*autoscalingv1.Scale), o.FieldManager)
}

func (s *server) scale(scale *autoscalingv1.Scale, manager string) error {
	switch {
	case s.mc == nil:
		return apierrors.NewNotFound(resource, key.Name)
	case scale.UID != s.mc.UID || scale.ResourceVersion != s.mc.ResourceVersion:
		return apierrors.NewConflict(resource, key.Name, errors.New("it has changed"))
	case manager != FieldManager:
		return errors.New("the field manager is " + manager)
	}
	s.writes = append(s.writes, scale.Spec.Replicas)
	if s.refuse != nil {
		return s.refuse
	}
	s.change(func(mc *api.MiniCluster) { mc.Spec.Size = scale.Spec.Replicas })
	return nil
}

// change makes another generation of the MiniCluster.
func (s *server) change(edit func(*api.MiniCluster)) {
	edit(s.mc)
	s.mc.Generation++
	s.mc.ResourceVersion = strconv.Itoa(int(s.mc.Generation))
}

// world is an autoscaler with one MiniCluster from 1 to 8 ranks, and an idle time of a
// minute.
type world struct {
	*server
	*Autoscaler
	answer *plan.QueueAnswer
	events *record.FakeRecorder
	told   int
	lines  []string
}

func newWorld(size int32) *world {
	w := &world{events: record.NewFakeRecorder(20)}
	w.server = &server{mc: &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: "a", Generation: 1, ResourceVersion: "1"},
		Spec:       api.MiniClusterSpec{Size: size, MinSize: 1, MaxSize: 8, Autoscaling: api.Autoscaling{Queue: &api.QueueAutoscaling{}}},
	}}
	w.Autoscaler = &Autoscaler{
		client: w.server, events: w.events, memories: map[types.NamespacedName]*memory{},
		told: func(types.NamespacedName) { w.told++ },
		answer: func(asked types.NamespacedName, uid types.UID) *plan.QueueAnswer {
			if asked != key || uid != w.mc.UID {
				return nil
			}
			return w.answer
		},
	}
	return w
}

// look has the autoscaler look once.
func (w *world) look(t *testing.T) ctrl.Result {
	t.Helper()
	ctx := log.IntoContext(t.Context(), funcr.New(func(_, line string) { w.lines = append(w.lines, line) }, funcr.Options{}))
	result, err := w.Reconcile(ctx, ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// says makes the lead say that jobs take so many ranks, and how many of those that are up
// are busy; the others have been idle for an hour.
func (w *world) says(wanted, busy, up int32) {
	w.answer = &plan.QueueAnswer{At: time.Now(), Use: &autoscale.Use{
		Wanted: wanted, Busy: idset.Range(0, busy), Largest: &autoscale.Job{ID: "ƒA", Ranks: wanted},
		Idle: []autoscale.IdleRanks{{Ranks: idset.Range(busy, up), Since: time.Now().Add(-time.Hour)}},
	}}
}

func (w *world) wantWrites(t *testing.T, sizes ...int32) {
	t.Helper()
	if !slices.Equal(w.writes, sizes) {
		t.Errorf("wrote %v, want %v", w.writes, sizes)
	}
}

func (w *world) wantEvent(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-w.events.Events:
		if got != want {
			t.Errorf("event %q, want %q", got, want)
		}
	default:
		t.Errorf("no event, want %q", want)
	}
}

// TestLeadThatBeginsAnewKeepsItsRanks: one that was lost with its queue knows of no jobs,
// and its followers are not up yet.
func TestLeadThatBeginsAnewKeepsItsRanks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		w.says(4, 4, 4)
		w.look(t)
		time.Sleep(time.Hour)
		w.answer = &plan.QueueAnswer{Problem: "connection refused", At: time.Now()}
		w.look(t)
		time.Sleep(10 * time.Second)
		w.says(0, 0, 1)
		if result := w.look(t); result.RequeueAfter != time.Minute {
			t.Errorf("looks again after %s, want a minute", result.RequeueAfter)
		}
		w.wantWrites(t)
		time.Sleep(time.Minute)
		w.look(t)
		w.wantWrites(t, 1)
	})
}

// TestAnotherLeadBeginsTheIdleTimeAnew: the ranks that it does not know yet may be on
// their way to it.
func TestAnotherLeadBeginsTheIdleTimeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.says(0, 0, 1)
		w.look(t)
		w.change(func(mc *api.MiniCluster) { mc.Spec.Size = 4 }) // by a person, for later
		w.look(t)
		time.Sleep(50 * time.Second)
		w.says(0, 0, 1)
		w.answer.Pod = "another"
		if result := w.look(t); result.RequeueAfter != time.Minute {
			t.Errorf("looks again after %s, want a minute", result.RequeueAfter)
		}
		w.wantWrites(t)
	})
}

func TestSizeFollowsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		if w.look(t); w.Outcome(key, "a") != nil || w.told > 0 {
			t.Error("decided before the lead has said anything")
		}
		w.says(4, 0, 1)
		w.look(t)
		w.wantWrites(t, 4)
		w.wantEvent(t, "Normal QueueScalingUp Grows to 4: job ƒA needs 4 ranks")
		if got := w.Outcome(key, "a"); got == nil || *got != (plan.Autoscaled{Wish: 4, Because: "grows to 4: job ƒA needs 4 ranks"}) {
			t.Errorf("outcome %+v", got)
		}
		w.says(4, 4, 4)
		if result := w.look(t); result.RequeueAfter != 0 {
			t.Errorf("looks again after %s for nothing", result.RequeueAfter)
		}
		// Nobody shrinks within the idle time of a growth.
		w.says(1, 1, 4)
		if result := w.look(t); result.RequeueAfter != time.Minute {
			t.Errorf("looks again after %s, want a minute", result.RequeueAfter)
		}
		time.Sleep(time.Minute)
		w.look(t)
		w.look(t)
		w.wantWrites(t, 4, 1)
		w.wantEvent(t, "Normal QueueScalingDown Shrinks to 1: ranks 1-3 have been idle for 60 s")
		if want := []string{
			`"level"=0 "msg"="Grew by the queue" "from"=1 "to"=4 "reason"="grows to 4: job ƒA needs 4 ranks"`,
			`"level"=0 "msg"="Shrank by the queue" "from"=4 "to"=1 "reason"="shrinks to 1: ranks 1-3 have been idle for 60 s"`,
		}; !slices.Equal(w.lines, want) {
			t.Errorf("logged %q, want %q", w.lines, want)
		}
		told := w.told
		if w.look(t); w.told != told {
			t.Error("told again of nothing new")
		}
	})
}

// TestOperatorThatStartsAnewWaits: it has not seen when the size has grown.
func TestOperatorThatStartsAnewWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		w.says(1, 1, 4)
		if result := w.look(t); result.RequeueAfter != time.Minute {
			t.Errorf("looks again after %s, want a minute", result.RequeueAfter)
		}
		w.wantWrites(t)
	})
}

func TestSizeThatSomebodyHasRaisedGoesBackAfterTheIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.says(1, 1, 1)
		w.look(t)
		time.Sleep(time.Hour)
		w.change(func(mc *api.MiniCluster) { mc.Spec.Size = 4 })
		w.says(1, 1, 4)
		if result := w.look(t); result.RequeueAfter != time.Minute {
			t.Errorf("looks again after %s, want a minute", result.RequeueAfter)
		}
		time.Sleep(time.Minute)
		w.look(t)
		w.wantWrites(t, 1)
		// What somebody takes away that jobs need comes back at once.
		w.says(4, 4, 4)
		w.look(t)
		w.change(func(mc *api.MiniCluster) { mc.Spec.Size = 2 })
		w.look(t)
		w.wantWrites(t, 1, 4, 4)
	})
}

func TestSilentLeadHoldsTheSizeWithinItsBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		w.look(t)
		time.Sleep(time.Hour)
		w.answer = &plan.QueueAnswer{Problem: "no route", At: time.Now()}
		if result := w.look(t); result.RequeueAfter != 0 {
			t.Errorf("looks again after %s", result.RequeueAfter)
		}
		w.wantWrites(t)
		w.change(func(mc *api.MiniCluster) { mc.Spec.MinSize = 6 })
		w.look(t)
		w.wantWrites(t, 6)
	})
}

func TestNothingIsWrittenOnWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.cached = w.mc.DeepCopy()
		w.says(4, 0, 1)
		w.look(t)
		w.look(t) // The cache has still the size before.
		w.wantWrites(t, 4)
		w.cached = w.mc.DeepCopy()
		w.change(func(mc *api.MiniCluster) { mc.Spec.Size = 2 })
		w.says(6, 4, 4)
		if result := w.look(t); result.RequeueAfter != conflictRetry {
			t.Errorf("looks again after %s, want %s", result.RequeueAfter, conflictRetry)
		}
		w.wantWrites(t, 4)
		w.cached = nil
		w.look(t)
		w.wantWrites(t, 4, 6)
	})
}

func TestRefusedSizeIsToldAndTriedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.refuse = apierrors.NewForbidden(resource, key.Name, errors.New("too many"))
		w.says(4, 0, 1)
		if result := w.look(t); result.RequeueAfter != plan.RefusalRetry {
			t.Errorf("tries again after %s, want %s", result.RequeueAfter, plan.RefusalRetry)
		}
		w.look(t)
		w.wantWrites(t, 4)
		const words = `cannot set size 4: miniclusters.flux-framework.org "sample" is forbidden: too many`
		if got := w.Outcome(key, "a"); got == nil || got.Refusal != words {
			t.Errorf("outcome %+v, want %q", got, words)
		}
		// Another size may do, but not at any rate.
		w.says(3, 0, 1)
		if result := w.look(t); result.RequeueAfter != otherSizeRetry {
			t.Errorf("tries another size after %s, want %s", result.RequeueAfter, otherSizeRetry)
		}
		time.Sleep(otherSizeRetry)
		w.refuse = nil
		w.look(t)
		w.wantWrites(t, 4, 3)
		if got := w.Outcome(key, "a"); got.Refusal != "" {
			t.Errorf("still refused: %+v", got)
		}
		if want := `"level"=0 "msg"="The API server refuses the size" "from"=1 "to"=4 "reason"="miniclusters.flux-framework.org \"sample\" is forbidden: too many"`; w.lines[0] != want || len(w.lines) != 2 {
			t.Errorf("logged %q, want %q first", w.lines, want)
		}
	})
}

// TestRefusedSizeIsTriedWithAnotherSpec: it may allow what the one before did not.
func TestRefusedSizeIsTriedWithAnotherSpec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.refuse = apierrors.NewForbidden(resource, key.Name, errors.New("too many"))
		w.says(4, 0, 1)
		w.look(t)
		w.change(func(mc *api.MiniCluster) { mc.Spec.MaxSize = 9 })
		w.look(t)
		w.wantWrites(t, 4, 4)
		// What is not wanted any more is not in the way.
		w.says(1, 1, 1)
		if w.look(t); w.Outcome(key, "a").Refusal != "" {
			t.Error("still refused")
		}
	})
}

func TestFailuresAreNoRefusals(t *testing.T) {
	for err, want := range map[error]bool{
		apierrors.NewForbidden(resource, "", nil):           true,
		apierrors.NewBadRequest("no"):                       true,
		apierrors.NewConflict(resource, "", nil):            false,
		apierrors.NewNotFound(resource, ""):                 false,
		apierrors.NewTooManyRequests("", 1):                 false,
		apierrors.NewInternalError(errors.New("no")):        false,
		apierrors.NewServerTimeout(resource, "update", 1):   false,
		errors.New("no route"):                              false,
		apierrors.NewInvalid(schema.GroupKind{}, "", nil):   true,
		apierrors.NewMethodNotSupported(resource, "update"): true,
	} {
		if isRefusal(err) != want {
			t.Errorf("%v is a refusal: %t", err, !want)
		}
	}
}

func TestWhoDoesNotFollowIsForgotten(t *testing.T) {
	for name, leave := range map[string]func(*world){
		"deleted": func(w *world) { w.mc = nil },
		"being deleted": func(w *world) {
			w.change(func(mc *api.MiniCluster) { now := metav1.Now(); mc.DeletionTimestamp = &now })
		},
		"not asked for": func(w *world) { w.change(func(mc *api.MiniCluster) { mc.Spec.Autoscaling.Queue = nil }) },
	} {
		w := newWorld(1)
		w.says(1, 1, 1)
		w.look(t)
		leave(w)
		if w.look(t); len(w.memories) > 0 || w.Outcome(key, "a") != nil {
			t.Errorf("%s: still remembered", name)
		}
		w.wantWrites(t)
	}
}

// observed returns the number and the sum of what a histogram has seen.
func observed(t *testing.T, h prometheus.Histogram) (count uint64, sum float64) {
	t.Helper()
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.Histogram.GetSampleCount(), m.Histogram.GetSampleSum()
}

func TestReactionIsMeasuredFromTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.look(t)
		time.Sleep(time.Minute)
		writes, written := observed(t, writeSeconds)
		readies, ready := observed(t, readySeconds)
		w.says(4, 0, 1)
		// The first try meets another write; meanwhile there is another report.
		w.cached = w.mc.DeepCopy()
		w.cached.ResourceVersion = "0"
		w.look(t)
		time.Sleep(2 * time.Second)
		w.says(5, 0, 1)
		w.cached = nil
		w.look(t)
		w.wantWrites(t, 5)
		if n, sum := observed(t, writeSeconds); n != writes+1 || sum-written < 1.999 || sum-written > 2.001 {
			t.Errorf("%d reactions of %f s, want one of 2 s", n-writes, sum-written)
		}
		w.AllReady(w.mc, 1, time.Now()) // of the size before
		time.Sleep(3 * time.Second)
		w.AllReady(w.mc, 5, time.Now())
		w.AllReady(w.mc, 5, time.Now())
		if n, sum := observed(t, readySeconds); n != readies+1 || sum-ready < 4.999 || sum-ready > 5.001 {
			t.Errorf("%d growths of %f s, want one of 5 s", n-readies, sum-ready)
		}
		// A report of long ago is not why a size comes back that somebody has taken away.
		w.says(5, 5, 5)
		w.look(t)
		time.Sleep(time.Hour)
		w.change(func(mc *api.MiniCluster) { mc.Spec.Size = 2 })
		w.look(t)
		if n, sum := observed(t, writeSeconds); n != writes+2 || sum-written > 2.001 {
			t.Errorf("%d reactions of %f s, want another of none", n-writes, sum-written)
		}
	})
}
