package controller

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

func TestStatusOfProgressIsHeldBackAndNoOther(t *testing.T) {
	plans := func(edit func(*plan.Report)) plan.Report {
		p := plan.Report{Desired: 4, Maximum: 4, State: api.ReasonScalingUp, Message: "1 of 4", Ranks: plan.Ranks{Existing: 4, Ready: 1}}
		edit(&p)
		return p
	}
	tests := map[string]struct {
		edit func(*plan.Report)
		held bool
	}{
		"another rank is ready":   {func(p *plan.Report) { p.Ranks.Ready, p.Message = 2, "2 of 4" }, true},
		"a pod is missing":        {func(p *plan.Report) { p.Ranks.Existing = 3 }, true},
		"no rank is ready yet":    {func(p *plan.Report) { p.State = api.ReasonStarting }, true},
		"all are ready":           {func(p *plan.Report) { p.State = api.ReasonReady }, false},
		"the lead is lost":        {func(p *plan.Report) { p.State = api.ReasonLeadLost }, false},
		"another size":            {func(p *plan.Report) { p.Desired = 3 }, false},
		"another maximum":         {func(p *plan.Report) { p.Maximum = 5 }, false},
		"ranks drain":             {func(p *plan.Report) { p.DrainStatus = &api.Drain{Ranks: "3"} }, false},
		"ranks wait longer":       {func(p *plan.Report) { p.Hindrances = nil; p.Message = "still" }, true},
		"something is in the way": {func(p *plan.Report) { p.Hindrances = []plan.Hindrance{{Reason: api.ReasonPodsRefused, Message: "no"}} }, false},
		"the end":                 {func(p *plan.Report) { p.End = &plan.End{Reason: api.ReasonCommandSucceeded} }, false},
	}
	now := time.Unix(1000, 0)
	for name, test := range tests {
		mc := &api.MiniCluster{}
		mc.Status = calculateStatus(mc, plans(func(*plan.Report) {}))
		after := calculateStatus(mc, plans(test.edit))
		var r reports
		if got := r.delay(mc.Status, after, now); got != 0 {
			t.Errorf("%s: the first difference waits %s", name, got)
		}
		r.note(mc, after, now)
		want := time.Duration(0)
		if test.held {
			want = progressInterval - time.Second
		}
		if got := r.delay(mc.Status, after, now.Add(time.Second)); got != want {
			t.Errorf("%s: waits %s, want %s", name, got, want)
		}
		if got := r.delay(mc.Status, after, now.Add(progressInterval)); got != 0 {
			t.Errorf("%s: still waits %s when the time is over", name, got)
		}
	}
}

// TestOfAResizeOnlyTheEndIsToldWhenItIsQuick: see resizeDelay.
func TestOfAResizeOnlyTheEndIsToldWhenItIsQuick(t *testing.T) {
	first := metav1.NewTime(time.Unix(500, 0))
	status := func(generation int64, desired int32, state string, edit func(*plan.Report)) api.MiniClusterStatus {
		mc := &api.MiniCluster{}
		mc.Generation = generation
		mc.Status.Conditions = []metav1.Condition{
			{Type: api.ConditionSizeWithinBounds, Status: metav1.ConditionTrue, LastTransitionTime: first},
			{Type: api.ConditionDegraded, Status: metav1.ConditionFalse, LastTransitionTime: first},
			{Type: api.ConditionComplete, Status: metav1.ConditionFalse, LastTransitionTime: first},
			{Type: api.ConditionFailed, Status: metav1.ConditionFalse, LastTransitionTime: first},
		}
		p := plan.Report{Desired: desired, Maximum: 4, State: state, Message: state, Ranks: plan.Ranks{Existing: 2, Ready: 2}}
		if edit != nil {
			edit(&p)
		}
		return calculateStatus(mc, p)
	}
	draining := func(p *plan.Report) { p.DrainStatus = &api.Drain{Ranks: "1"} }
	rest := status(1, 2, api.ReasonReady, nil)
	tests := map[string]struct {
		before, after api.MiniClusterStatus
		held          bool
	}{
		"it grows":                   {rest, status(2, 4, api.ReasonScalingUp, nil), true},
		"it shrinks":                 {rest, status(2, 1, api.ReasonScalingDown, nil), true},
		"another size while it does": {status(2, 4, api.ReasonScalingUp, nil), status(3, 3, api.ReasonScalingUp, nil), true},
		"drained ranks go":           {status(2, 1, api.ReasonDraining, draining), status(2, 1, api.ReasonScalingDown, nil), true},
		"it drains":                  {rest, status(2, 1, api.ReasonDraining, draining), false},
		"it is over":                 {rest, status(2, 4, api.ReasonReady, nil), false},
		"drained ranks stay":         {status(2, 1, api.ReasonDraining, draining), status(3, 4, api.ReasonScalingUp, nil), false},
		"a rank is lost":             {rest, status(1, 2, api.ReasonScalingUp, nil), false},
		"the lead is lost":           {rest, status(2, 4, api.ReasonLeadLost, nil), false},
		"it cannot be":               {rest, status(2, 4, api.ReasonApplyFailed, nil), false},
		"the lead is back":           {status(1, 2, api.ReasonLeadLost, nil), status(2, 4, api.ReasonScalingUp, nil), false},
		"another maximum":            {rest, status(2, 4, api.ReasonScalingUp, func(p *plan.Report) { p.Maximum = 5 }), false},
		"it begins to be":            {api.MiniClusterStatus{}, status(1, 2, api.ReasonStarting, nil), false},
	}
	mc := &api.MiniCluster{}
	now := time.Unix(1000, 0)
	for name, test := range tests {
		var r reports
		expect := func(when string, at time.Time, want time.Duration) {
			t.Helper()
			if !test.held {
				want = 0
			}
			if got := r.delay(test.before, test.after, at); got != want {
				t.Errorf("%s: %s the status waits %s, want %s", name, when, got, want)
			}
		}
		expect("at first", now, resizeDelay)
		expect("later", now.Add(resizeDelay/4), 3*resizeDelay/4)
		expect("in the end", now.Add(resizeDelay), 0)
		r.note(mc, test.before, now)
		expect("with the next resize", now.Add(time.Hour), resizeDelay)
	}
}

func TestNewGenerationIsNotProgress(t *testing.T) {
	mc := &api.MiniCluster{}
	p := plan.Report{Desired: 4, State: api.ReasonScalingUp}
	mc.Status = calculateStatus(mc, p)
	before := mc.Status
	mc.Generation++
	if progressOnly(before, calculateStatus(mc, p)) {
		t.Error("a status of another generation passes for progress")
	}
}

func TestStatusIsNotWrittenAgainWhileTheCacheIsBehind(t *testing.T) {
	cached := &api.MiniCluster{}
	cached.Name, cached.ResourceVersion = "flux-sample", "7"
	var r reports
	r.note(cached, api.MiniClusterStatus{Size: 3}, time.Unix(1000, 0))
	r.catchUp(cached)
	if cached.Status.Size != 3 {
		t.Errorf("the version that was written on has size %d, want the written 3", cached.Status.Size)
	}
	newer := &api.MiniCluster{}
	newer.Name, newer.ResourceVersion = "flux-sample", "8"
	r.catchUp(newer)
	if newer.Status.Size != 0 {
		t.Errorf("another version has size %d, want its own 0", newer.Status.Size)
	}
}

// TestNewsOfTheQueueAreToldOnceASecond: and hold back nothing else.
func TestNewsOfTheQueueAreToldOnceASecond(t *testing.T) {
	mc := &api.MiniCluster{}
	status := func(state string, ready, pending int32) api.MiniClusterStatus {
		return calculateStatus(mc, plan.Report{
			Desired: 4, Maximum: 4, State: state, Message: state, Ranks: plan.Ranks{Existing: 4, Ready: ready},
			QueueStatus: &api.QueueStatus{Pending: pending},
		})
	}
	before := status(api.ReasonScalingUp, 1, 1)
	mc.Status = before
	tests := map[string]struct {
		after api.MiniClusterStatus
		want  time.Duration // 400 ms after the last write
	}{
		"the queue":                  {status(api.ReasonScalingUp, 1, 2), 600 * time.Millisecond},
		"the queue, and progress":    {status(api.ReasonScalingUp, 2, 2), 600 * time.Millisecond},
		"progress":                   {status(api.ReasonScalingUp, 2, 1), progressInterval - 400*time.Millisecond},
		"the queue, and other news":  {status(api.ReasonReady, 4, 2), 0},
		"the queue that is left out": {calculateStatus(mc, plan.Report{Desired: 4, Maximum: 4, State: api.ReasonReady}), 0},
	}
	now := time.Unix(1000, 0)
	for name, test := range tests {
		var r reports
		r.note(&api.MiniCluster{}, before, now)
		if got := r.delay(before, test.after, now.Add(400*time.Millisecond)); got != test.want {
			t.Errorf("%s: waits %s, want %s", name, got, test.want)
		}
		if got := r.delay(before, test.after, now.Add(queueInterval)); test.want < queueInterval && got != 0 {
			t.Errorf("%s: still waits %s when the time is over", name, got)
		}
	}
}
