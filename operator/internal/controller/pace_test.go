package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

func TestStatusOfProgressIsHeldBackAndNoOther(t *testing.T) {
	plans := func(edit func(*plan.Plan)) plan.Plan {
		p := plan.Plan{Desired: 4, Maximum: 4, State: api.ReasonScalingUp, Message: "1 of 4", Ranks: plan.Ranks{Existing: 4, Ready: 1}}
		edit(&p)
		return p
	}
	tests := map[string]struct {
		edit func(*plan.Plan)
		held bool
	}{
		"another rank is ready": {func(p *plan.Plan) { p.Ranks.Ready, p.Message = 2, "2 of 4" }, true},
		"a pod is missing":      {func(p *plan.Plan) { p.Ranks.Existing = 3 }, true},
		"no rank is ready yet":  {func(p *plan.Plan) { p.State = api.ReasonStarting }, true},
		"all are ready":         {func(p *plan.Plan) { p.State = api.ReasonReady }, false},
		"the lead is lost":      {func(p *plan.Plan) { p.State = api.ReasonLeadLost }, false},
		"another size":          {func(p *plan.Plan) { p.Desired = 3 }, false},
		"another maximum":       {func(p *plan.Plan) { p.Maximum = 5 }, false},
		"ranks drain":           {func(p *plan.Plan) { p.DrainStatus = &api.Drain{Ranks: "3"} }, false},
		"the end":               {func(p *plan.Plan) { p.End = &plan.End{Reason: api.ReasonCommandSucceeded} }, false},
	}
	key := types.NamespacedName{Name: "flux-sample"}
	now := time.Unix(1000, 0)
	for name, test := range tests {
		mc := &api.MiniCluster{}
		mc.Name = key.Name
		mc.Status = calculateStatus(mc, plans(func(*plan.Plan) {}))
		after := calculateStatus(mc, plans(test.edit))
		var p pace
		if got := p.delay(key, mc.Status, after, now); got != 0 {
			t.Errorf("%s: the first difference waits %s", name, got)
		}
		p.note(mc, after, now)
		want := time.Duration(0)
		if test.held {
			want = progressInterval - time.Second
		}
		if got := p.delay(key, mc.Status, after, now.Add(time.Second)); got != want {
			t.Errorf("%s: waits %s, want %s", name, got, want)
		}
		if got := p.delay(key, mc.Status, after, now.Add(progressInterval)); got != 0 {
			t.Errorf("%s: still waits %s when the time is over", name, got)
		}
		if got := p.delay(types.NamespacedName{Name: "other"}, mc.Status, after, now); got != 0 {
			t.Errorf("%s: waits %s for another MiniCluster", name, got)
		}
		p.drop(key)
		if got := p.delay(key, mc.Status, after, now); got != 0 {
			t.Errorf("%s: waits %s for one that was deleted", name, got)
		}
	}
}

func TestNewGenerationIsToldAtOnce(t *testing.T) {
	mc := &api.MiniCluster{}
	p := plan.Plan{Desired: 4, State: api.ReasonScalingUp}
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
	var p pace
	p.note(cached, api.MiniClusterStatus{Size: 3}, time.Unix(1000, 0))
	p.catchUp(cached)
	if cached.Status.Size != 3 {
		t.Errorf("the version that was written on has size %d, want the written 3", cached.Status.Size)
	}
	newer := &api.MiniCluster{}
	newer.Name, newer.ResourceVersion = "flux-sample", "8"
	p.catchUp(newer)
	if newer.Status.Size != 0 {
		t.Errorf("another version has size %d, want its own 0", newer.Status.Size)
	}
}
