package controller

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

func TestDegradedTellsOfAllThatIsInTheWay(t *testing.T) {
	refused := plan.Hindrance{Reason: api.ReasonPodsRefused, Ranks: idset.Of(1), Message: "no quota"}
	again := plan.Hindrance{Reason: api.ReasonPodsRefused, Message: "no quota for services"}
	nowhere := plan.Hindrance{Reason: api.ReasonUnschedulable, Message: "no node"}
	for name, test := range map[string]struct {
		report plan.Report
		want   metav1.Condition
	}{
		"nothing": {
			plan.Report{State: api.ReasonReady},
			metav1.Condition{Status: metav1.ConditionFalse, Reason: api.ReasonAsExpected, Message: "nothing keeps ranks from coming or going"},
		},
		"hindrances": {
			plan.Report{State: api.ReasonStarting, Message: "0 of 1", Hindrances: []plan.Hindrance{refused, again, nowhere}},
			metav1.Condition{Status: metav1.ConditionTrue, Reason: "PodsRefused,Unschedulable", Message: "no quota; no quota for services; no node"},
		},
		"a state": {
			plan.Report{State: api.ReasonInvalidSpec, Message: "no such command"},
			metav1.Condition{Status: metav1.ConditionTrue, Reason: api.ReasonInvalidSpec, Message: "no such command"},
		},
		"both": {
			plan.Report{State: api.ReasonApplyFailed, Message: "refused", Hindrances: []plan.Hindrance{nowhere}},
			metav1.Condition{Status: metav1.ConditionTrue, Reason: "ApplyFailed,Unschedulable", Message: "refused; no node"},
		},
		"a state that says both": {
			plan.Report{State: api.ReasonLeadLost, Message: "lost; no node", Hindrances: []plan.Hindrance{nowhere}},
			metav1.Condition{Status: metav1.ConditionTrue, Reason: "LeadLost,Unschedulable", Message: "lost; no node"},
		},
	} {
		got := degradedCondition(3, test.report)
		test.want.Type, test.want.ObservedGeneration = api.ConditionDegraded, 3
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestLostLeadIsWarnedOfOnce: not again with each rank that its message counts.
func TestLostLeadIsWarnedOfOnce(t *testing.T) {
	lost := plan.Report{State: api.ReasonLeadLost, Message: "3 of 4 ranks are ready"}
	before := calculateStatus(&api.MiniCluster{}, lost)
	if got := warnings(api.MiniClusterStatus{}, before, lost); len(got) != 1 {
		t.Errorf("warned of %+v, want once", got)
	}
	lost.Message = "2 of 4 ranks are ready"
	if got := warnings(before, calculateStatus(&api.MiniCluster{}, lost), lost); len(got) > 0 {
		t.Errorf("warned again: %+v", got)
	}
}

// TestEachHindranceIsWarnedOfWhenItBegins: by the status alone, which an operator that
// starts anew knows.
func TestEachHindranceIsWarnedOfWhenItBegins(t *testing.T) {
	mc := &api.MiniCluster{}
	step := func(name string, want []string, hindrances ...plan.Hindrance) {
		t.Helper()
		p := plan.Report{State: api.ReasonStarting, Hindrances: hindrances}
		after := calculateStatus(mc, p)
		var got []string
		for _, e := range warnings(mc.Status, after, p) {
			if e.Reason != "" { // else it is for the log alone
				got = append(got, e.Reason)
			}
		}
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("%s: warned of %v, want %v", name, got, want)
		}
		mc.Status = after
	}
	refused := plan.Hindrance{Reason: api.ReasonPodsRefused, Message: "1 is missing"}
	nowhere := plan.Hindrance{Reason: api.ReasonUnschedulable, Message: "no node"}
	step("at first", nil)
	step("it begins", []string{api.ReasonPodsRefused}, refused)
	refused.Message = "2 are missing"
	step("another count", nil, refused)
	step("another one", []string{api.ReasonUnschedulable}, refused, nowhere)
	step("one is over", nil, nowhere)
	step("it is back", []string{api.ReasonPodsRefused}, refused, nowhere)
	step("over", nil)
}
