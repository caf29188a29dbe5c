package controller

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

func TestConditionsOfEachState(t *testing.T) {
	tests := map[string]struct{ ready, progressing, warns bool }{
		api.ReasonReady:        {ready: true},
		api.ReasonScalingDown:  {ready: true, progressing: true},
		api.ReasonDraining:     {ready: true, progressing: true},
		api.ReasonLeadLost:     {progressing: true, warns: true},
		api.ReasonStarting:     {progressing: true},
		api.ReasonScalingUp:    {progressing: true},
		api.ReasonRecreating:   {progressing: true},
		api.ReasonCompleting:   {progressing: true},
		api.ReasonDeleting:     {progressing: true},
		api.ReasonCompleted:    {},
		api.ReasonJobFailed:    {warns: true},
		api.ReasonNameConflict: {warns: true},
		api.ReasonInvalidSpec:  {warns: true},
		api.ReasonApplyFailed:  {warns: true},
	}
	for state, want := range tests {
		p := plan.Report{State: state, Message: "why"}
		if state == api.ReasonJobFailed {
			p.End = &plan.End{Failed: true, Reason: api.ReasonCommandFailed, Message: "why"}
		}
		for _, c := range []struct {
			got  metav1.Condition
			want bool
		}{{readyCondition(3, p), want.ready}, {progressingCondition(3, p), want.progressing}} {
			if (c.got.Status == metav1.ConditionTrue) != c.want || c.got.Reason != state || c.got.Message != "why" || c.got.ObservedGeneration != 3 {
				t.Errorf("%s: %+v, want %v", state, c.got, c.want)
			}
		}
		after := calculateStatus(&api.MiniCluster{}, p)
		if got := warnings(api.MiniClusterStatus{}, after, p); (len(got) == 1) != want.warns {
			t.Errorf("%s: warnings %v, want %v", state, got, want.warns)
		}
		if got := warnings(after, after, p); len(got) > 0 {
			t.Errorf("%s: warned of again: %v", state, got)
		}
	}
}

// TestNotReadyWhileARankThatStaysIsNot: not even while others drain.
func TestNotReadyWhileARankThatStaysIsNot(t *testing.T) {
	p := plan.Report{State: api.ReasonDraining, Ranks: plan.Ranks{Missing: idset.Of(1)}}
	if got := readyCondition(1, p); got.Status != metav1.ConditionFalse || got.Reason != api.ReasonDraining {
		t.Errorf("%+v", got)
	}
}

func TestSizeWithinBoundsNamesEveryViolation(t *testing.T) {
	sizes := bounds.Sizes{Size: 9, MinSize: 5, MaxSize: 4}
	p := plan.Report{Desired: 4, Maximum: 4, Violations: bounds.Check(sizes)}
	got := sizeWithinBoundsCondition(1, p)
	want := "minSize 5 must be at most maxSize 4; size 9 must be at most maxSize 4; running with size 4"
	if got.Status != metav1.ConditionFalse || got.Message != want || got.Reason != bounds.ReasonMinAboveMaxSize {
		t.Errorf("%+v, want %q", got, want)
	}
	p.Violations = nil
	if got := sizeWithinBoundsCondition(1, p); got.Status != metav1.ConditionTrue || got.Reason != api.ReasonWithinBounds {
		t.Errorf("%+v", got)
	}
}

func TestLongMessageIsCutToWhatTheAPIServerTakes(t *testing.T) {
	p := plan.Report{State: api.ReasonApplyFailed, Message: "the quota " + strings.Repeat("ƒ", longestMessage)}
	got := readyCondition(1, p).Message
	if len(got) > longestMessage || !utf8.ValidString(got) || !strings.HasPrefix(got, "the quota ƒ") || !strings.HasSuffix(got, "ƒ…") {
		t.Errorf("a message of %d bytes, %q to %q", len(got), got[:20], got[len(got)-20:])
	}
}

func TestStatusIsTheSameWhenNothingChanged(t *testing.T) {
	mc := &api.MiniCluster{ObjectMeta: metav1.ObjectMeta{Name: "sample", Generation: 2}}
	p := plan.Report{State: api.ReasonStarting, Desired: 2, Maximum: 4}
	mc.Status = calculateStatus(mc, p)
	for i := range mc.Status.Conditions {
		mc.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Unix(1000, 0))
	}
	before := *mc.Status.DeepCopy()
	if again := calculateStatus(mc, p); !reflect.DeepEqual(again, before) {
		t.Errorf("the status changed from %+v to %+v", before, again)
	}

	p.State, p.Ranks.Existing, p.Ranks.Ready = api.ReasonReady, 2, 2
	after := calculateStatus(mc, p)
	if !reflect.DeepEqual(mc.Status, before) {
		t.Error("calculating the status changed the observed one")
	}
	if after.Size != 2 || after.Ready != 2 || after.Desired != 2 || after.MaximumSize != 4 || after.ObservedGeneration != 2 {
		t.Errorf("status %+v", after)
	}
	ready := meta.FindStatusCondition(after.Conditions, api.ConditionReady)
	if ready.LastTransitionTime.Unix() == 1000 {
		t.Error("a transition must have a new time")
	}
	bounded := meta.FindStatusCondition(after.Conditions, api.ConditionSizeWithinBounds)
	if bounded.LastTransitionTime.Unix() != 1000 {
		t.Error("a condition that stays must keep its time")
	}
}
