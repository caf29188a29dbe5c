package resizeplan

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Make returns what the preview means.
func Make(p Preview, live Live) Report {
	report := Report{Stack: p.Stack, Verdict: VerdictUnchanged, Warnings: p.Warnings, OtherChanges: p.OtherChanges, MiniClusters: []MiniCluster{}}
	refused := len(p.Refusals) > 0
	claimed := map[string]bool{}
	for _, d := range p.MiniClusters {
		m := describe(d, p, live)
		m.tellDrift(d, p.Notices)
		for _, f := range p.Refusals {
			if f.concerns(d) {
				m.Refusals = append(m.Refusals, f)
				claimed[f.resource] = true
			}
		}
		if len(m.Refusals) > 0 {
			m.stay()
			refused = true
		}
		if m.Change != ChangeNone {
			report.Verdict = VerdictResize
		}
		report.MiniClusters = append(report.MiniClusters, m)
	}
	for _, f := range p.Refusals {
		if !claimed[f.resource] {
			report.Refusals = append(report.Refusals, f)
		}
	}
	if refused {
		report.Verdict = VerdictRefused
	}
	slices.SortFunc(report.MiniClusters, func(a, b MiniCluster) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return report
}

// stay describes a MiniCluster after a refused change: it stays as it is.
func (m *MiniCluster) stay() {
	m.Change, m.Restart = ChangeRefused, Restart{AllRanks: No}
	m.SizeAfter, m.Arriving, m.Leaving, m.Room, m.Notes = nil, nil, nil, nil, nil
	if m.Live != nil {
		m.SizeAfter = &m.Live.Wished
	}
}

// describe returns what happens to one MiniCluster, without refusals by others.
func describe(d Declared, p Preview, live Live) MiniCluster {
	there := live.of(d)
	m := MiniCluster{
		Namespace: d.Namespace, Name: d.Name, Change: ChangeNone,
		DeclaredNow: declaredSize(d.Before), DeclaredWished: declaredSize(d.After),
		LiveUnknown: there.Unknown, AutoscalerUnknown: there.AutoscalersUnknown,
		Restart: Restart{AllRanks: No},
	}
	if there.MiniCluster != nil {
		m.Live = liveState(there.MiniCluster)
	}
	if d.Operation == Delete {
		m.describeDelete(there)
		return m
	}
	autoscaler, err := autoscalerAfter(d, p.Autoscalers, there.Autoscalers)
	if err != nil {
		m.AutoscalerUnknown = err.Error()
	}
	m.Autoscaler = autoscaler
	after, err := calculateSpec(d, there.MiniCluster)
	if err != nil || !after.knows("spec", "spec.size", "spec.minSize", "spec.maxSize") {
		m.Change = ChangeUnknown
		m.Restart = Restart{AllRanks: Unknown, Because: "the sizes are known only during the update"}
		if err != nil {
			m.Restart.Because = err.Error()
		}
		return m
	}
	if !after.knows("spec.autoscaling", "spec.autoscaling.queue") {
		m.AutoscalerUnknown = "spec.autoscaling is known only during the update"
	} else {
		m.QueueAutoscaler = queueAutoscalerAfter(after.spec, there.MiniCluster)
	}
	m.tellQueue()
	m.ownSize(d, there.MiniCluster, &after)
	if there.Unknown != "" && d.Operation != Create {
		m.describeUnseen(d, after)
		return m
	}
	m.describeOutcome(d, there, after, live.nodes(d))
	return m
}

// of returns what is known of the declared MiniCluster.
func (l Live) of(d Declared) LiveMiniCluster {
	switch {
	case d.NewCluster:
		return LiveMiniCluster{} // there is none
	case l.Unknown != "":
		return LiveMiniCluster{Unknown: l.Unknown, AutoscalersUnknown: l.Unknown}
	}
	return l.MiniClusters[d.Key()]
}

// nodes returns what is known of the nodes for the declared MiniCluster.
func (l Live) nodes(d Declared) Nodes {
	switch {
	case d.NewCluster:
		return Nodes{Unknown: "the cluster is made by the update"}
	case l.Unknown != "":
		return Nodes{Unknown: l.Unknown}
	}
	return l.Nodes
}

func liveState(mc *api.MiniCluster) *LiveState {
	state := &LiveState{Wished: mc.Spec.Size, Size: mc.Status.Size, Ready: mc.Status.Ready}
	if c := meta.FindStatusCondition(mc.Status.Conditions, api.ConditionProgressing); c != nil {
		state.State = c.Reason
	}
	return state
}

func (m *MiniCluster) note(format string, args ...any) {
	m.Notes = append(m.Notes, fmt.Sprintf(format, args...))
}

// describeDelete is for a MiniCluster that goes with all its ranks.
func (m *MiniCluster) describeDelete(there LiveMiniCluster) {
	m.Change = ChangeDelete
	if there.Job != nil {
		m.leave(allRanks(ptr.Deref(there.Job.Spec.Completions, 0)), 0, there)
		m.leaveQueue(there, nil)
	}
}

// describeUnseen compares only what is declared: what exists is not known.
func (m *MiniCluster) describeUnseen(d Declared, after specAfter) {
	if d.Operation == Same {
		return
	}
	m.Restart = Restart{AllRanks: Unknown, Because: "the cluster could not be asked"}
	m.Change = ChangeUnknown
	if !m.scalesItself() && m.DeclaredNow != nil {
		switch now := *m.DeclaredNow; {
		case after.spec.Size > now:
			m.Change = ChangeGrow
		case after.spec.Size < now:
			m.Change = ChangeShrink
		}
	}
}
