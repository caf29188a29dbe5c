package resizeplan_test

import (
	"slices"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

func TestQueueIsToldInWords(t *testing.T) {
	for want, queue := range map[string]*resizeplan.QueueState{
		"the queue; it has asked for nothing yet":                                       nil,
		"the queue: no job waits, 1 rank wanted":                                        {Wanted: 1},
		"the queue: 3 jobs wait, 5 ranks wanted":                                        {Pending: 3, Wanted: 5},
		"the queue: 1 job waits, 1 job runs, 1 job is held, 2 ranks wanted":             {Pending: 1, Running: 1, Held: 1, Wanted: 2},
		"the queue: no job waits, 2 jobs run, 10000 jobs are held, 100000 ranks wanted": {Running: 2, Held: 10_000, Wanted: 100_000},
	} {
		if got := (&resizeplan.QueueAutoscaler{Queue: queue}).String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestQueueOwnsTheSize as a HorizontalPodAutoscaler does.
func TestQueueOwnsTheSize(t *testing.T) {
	said := &api.QueueStatus{Running: 2, Wanted: 4}
	scaled := func() *scenario {
		s := newScenario(t, "sample", 3, 1, 5, true)
		s.there.MiniCluster.Spec.Size = 4
		s.there = newLive(t, s)
		return s.queued(said)
	}
	restarting := scaled().update(map[string]any{"deadlineSeconds": 9.0}, "spec.deadlineSeconds").unanswered()
	resized := scaled().update(map[string]any{"size": 2.0}, "spec.size").unanswered()
	raised := scaled().update(map[string]any{"minSize": 5.0}, "spec.minSize")
	for _, tt := range []struct {
		name     string
		scenario *scenario
		change   resizeplan.Change
		after    int32
		note     string
	}{
		{"its size is not the declared one", scaled(), resizeplan.ChangeNone, 4, ""},
		{"its size is kept where the API server has not answered", restarting, resizeplan.ChangeRestart, 4, ""},
		{"another declared size is not known to be applied", resized, resizeplan.ChangeNone, 4, ""},
		{"a raised minSize", raised, resizeplan.ChangeGrow, 5, "the operator runs minSize 5 instead of size 4, which is below it"},
	} {
		m := tt.scenario.only()
		if m.Change != tt.change || *m.SizeAfter != tt.after || m.Room == nil {
			t.Errorf("%s: %s to %d, room %v; want %s to %d", tt.name, m.Change, *m.SizeAfter, m.Room, tt.change, tt.after)
		}
		if q := m.QueueAutoscaler; q == nil || q.Queue == nil || q.Queue.Wanted != 4 {
			t.Errorf("%s: %+v", tt.name, q)
		}
		if notes := strings.Join(m.Notes, "\n"); notes != tt.note {
			t.Errorf("%s: notes %q, want %q", tt.name, notes, tt.note)
		}
	}
	unseen := scaled().update(map[string]any{"size": 2.0}, "spec.size").unanswered()
	unseen.there = resizeplan.LiveMiniCluster{Unknown: "forbidden", AutoscalersUnknown: "forbidden"}
	if m := unseen.only(); m.Change != resizeplan.ChangeUnknown || m.QueueAutoscaler == nil || m.QueueAutoscaler.Queue != nil {
		t.Errorf("a declared size that the cluster was not asked about: %s, %+v", m.Change, m.QueueAutoscaler)
	}
}

// TestAutoscalersTakeEachOthersPlace without another size and without a restart.
func TestAutoscalersTakeEachOthersPlace(t *testing.T) {
	queue := map[string]any{"autoscaling": map[string]any{"queue": map[string]any{}}}
	flux := func() *scenario {
		s := newScenario(t, "sample", 2, 1, 5, true)
		s.there.MiniCluster.Spec.Size = 4
		s.there = newLive(t, s)
		return s.autoscaler(1, 5, 4)
	}
	toQueue := flux().update(queue, "spec.autoscaling")
	toQueue.preview.Autoscalers[0].Operation, toQueue.preview.Autoscalers[0].After = resizeplan.Delete, nil
	toQueue.there.MiniCluster.Status.Queue = &api.QueueStatus{Wanted: 2} // of an earlier time
	toCPU := flux().queued(&api.QueueStatus{Wanted: 4}).update(nil, "spec.autoscaling")
	toCPU.preview.Autoscalers[0].Operation, toCPU.there.Autoscalers = resizeplan.Create, nil
	delete(toCPU.declared.After["spec"].(map[string]any), "autoscaling")
	delete(toCPU.declared.Result["spec"].(map[string]any), "autoscaling")
	for name, s := range map[string]*scenario{"to the queue": toQueue, "to CPU": toCPU} {
		m := s.only()
		if m.Change != resizeplan.ChangeNone || m.Restart.AllRanks != resizeplan.No || *m.SizeAfter != 4 || len(m.Notes) > 0 {
			t.Errorf("%s: %s to %d, restart %+v, notes %q", name, m.Change, *m.SizeAfter, m.Restart, m.Notes)
		}
		if byQueue := m.QueueAutoscaler != nil && m.QueueAutoscaler.Queue == nil; byQueue != (s == toQueue) || (m.Autoscaler != nil) != (s == toCPU) {
			t.Errorf("%s: scaled by %+v and %+v", name, m.Autoscaler, m.QueueAutoscaler)
		}
	}
}

func TestQueueBesideAnotherAutoscalerIsNoted(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true).queued(&api.QueueStatus{Message: "an HPA wants to choose the size too"})
	s.there.Autoscalers = []autoscalingv2.HorizontalPodAutoscaler{s.liveAutoscaler(1, 5, 3)}
	want := []string{
		"the operator says of the queue: an HPA wants to choose the size too",
		"spec.autoscaling.queue does nothing beside HorizontalPodAutoscaler sample-hpa: remove one of the two",
	}
	if m := s.only(); !slices.Equal(m.Notes, want) {
		t.Errorf("notes %q, want %q", m.Notes, want)
	}
}

func TestQueueThatIsKnownOnlyDuringTheUpdate(t *testing.T) {
	for name, notKnown := range map[string]any{"autoscaling": resizeplan.NotKnown{}, "queue": map[string]any{"queue": resizeplan.NotKnown{}}} {
		s := newScenario(t, "sample", 3, 1, 5, true).queued(nil).update(nil, "spec.autoscaling").unanswered()
		s.declared.After["spec"].(map[string]any)["autoscaling"] = notKnown
		if m := s.only(); m.QueueAutoscaler != nil || m.AutoscalerUnknown != "spec.autoscaling is known only during the update" {
			t.Errorf("%s: %+v, %q", name, m.QueueAutoscaler, m.AutoscalerUnknown)
		}
	}
}
