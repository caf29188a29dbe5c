package controller

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestMiniClusterIsRememberedByItsUID(t *testing.T) {
	miniCluster := func(name string, uid types.UID) *api.MiniCluster {
		mc := &api.MiniCluster{}
		mc.Name, mc.UID = name, uid
		return mc
	}
	var m memory
	isNew := func(what string, mc *api.MiniCluster) {
		t.Helper()
		if got := m.of(mc); !reflect.DeepEqual(got, &entry{uid: mc.UID}) {
			t.Errorf("of %s is remembered %+v, want nothing", what, got)
		}
	}
	first, again := miniCluster("flux-sample", "a"), miniCluster("flux-sample", "c")
	isNew("the first", first)
	m.of(first).refusal.text = "no"
	if m.of(first).refusal.text != "no" {
		t.Error("what was noted is not remembered")
	}
	isNew("another one", miniCluster("other", "b"))
	isNew("a later one of the same name", again)
	m.of(again).refusal.text = "no"
	m.forget(client.ObjectKeyFromObject(again))
	isNew("one that was forgotten", again)
	if len(m.entries) != 2 {
		t.Errorf("%d MiniClusters are remembered, want the last of each of 2 names", len(m.entries))
	}
}

// TestDrainThatTheCacheHasNotSeenIsRemembered: else its ranks would stay drained when the
// size grows again at once.
func TestDrainThatTheCacheHasNotSeenIsRemembered(t *testing.T) {
	e := &entry{drain: &api.Drain{Ranks: "1-3"}}
	mc := &api.MiniCluster{}
	if e.catchUp(mc); mc.Status.Drain == nil || mc.Status.Drain.Ranks != "1-3" {
		t.Errorf("status.drain is %+v", mc.Status.Drain)
	}
	mc.Status.Drain = &api.Drain{Ranks: "2"}
	if e.catchUp(mc); mc.Status.Drain.Ranks != "2" {
		t.Errorf("status.drain is %+v, want what the cache has", mc.Status.Drain)
	}
	mc.Status.Drain, e.drain = nil, nil
	if e.catchUp(mc); mc.Status.Drain != nil {
		t.Errorf("status.drain is %+v, and no rank is to go", mc.Status.Drain)
	}
}
