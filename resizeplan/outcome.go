package resizeplan

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
)

// describeOutcome fills in what the operator would do.
func (m *MiniCluster) describeOutcome(d Declared, there LiveMiniCluster, after specAfter, nodes Nodes) {
	exists := there.MiniCluster != nil
	if !exists && d.Operation == Same {
		m.note("it is not in the cluster; Pulumi finds that out only with --refresh")
		return
	}
	if !exists {
		there.MiniCluster = &api.MiniCluster{ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name}}
	}
	outcome := whatif.Predict(there.Live, after.spec)
	m.SizeAfter = &outcome.Desired
	if outcome.Sleep {
		m.SizeAfter = new(int32)
	}
	m.describeBounds(after.spec, outcome)
	switch {
	case outcome.Problem != "" && d.Operation == Same:
		m.note("the operator does nothing: %s", outcome.Problem)
	case outcome.Problem != "":
		m.Refusals = append(m.Refusals, Finding{By: "operator", Message: outcome.Problem})
	case outcome.Ended != "":
		m.note("it has ended: %s", outcome.Ended)
	}
	m.Restart = restart(d, outcome, after)
	switch {
	case exists && d.Operation != Replace && m.Restart.AllRanks != Unknown && sameAnyway(there, outcome):
		m.Restart = Restart{AllRanks: No}
	default:
		m.describeRanks(exists, outcome, there)
		if m.Restart.AllRanks != No || m.Change == ChangeSleep {
			m.leaveQueue(there, &after.spec)
		}
	}
	m.describeRoom(there, outcome, nodes)
}

// sameAnyway tells whether the operator does the same without the update. It then
// goes on with that whatever Pulumi does, and the live state shows it.
func sameAnyway(there LiveMiniCluster, outcome whatif.Outcome) bool {
	anyway := whatif.Predict(there.Live, there.MiniCluster.Spec)
	return anyway.Desired == outcome.Desired && anyway.Restart == outcome.Restart && anyway.Sleep == outcome.Sleep &&
		anyway.RestartWhenAsked == outcome.RestartWhenAsked
}

// describeRanks fills in which ranks come and go.
func (m *MiniCluster) describeRanks(exists bool, outcome whatif.Outcome, there LiveMiniCluster) {
	switch {
	case m.Restart.AllRanks == Yes:
		m.Change = ChangeRestart
		m.Arriving = ranks(allRanks(outcome.Desired))
		m.leave(allRanks(outcome.Ranks), outcome.DrainTimeout, there)
	case outcome.Sleep:
		m.Change = ChangeSleep
		m.leave(allRanks(outcome.Ranks), outcome.DrainTimeout, there)
	case !outcome.Arriving.IsEmpty():
		m.Change = ChangeGrow
		switch {
		case !exists:
			m.Change = ChangeCreate
		case there.MiniCluster.Spec.Suspend:
			m.Change = ChangeWake
		}
		m.Arriving = ranks(outcome.Arriving)
	case !outcome.Leaving.IsEmpty():
		m.Change = ChangeShrink
		m.leave(outcome.Leaving, outcome.DrainTimeout, there)
	}
	if m.Restart.AllRanks == Unknown {
		if m.Change == ChangeNone {
			m.Change = ChangeUnknown
		}
		m.leave(allRanks(outcome.Ranks), 0, there)
	}
}

// restart says whether all ranks restart.
func restart(d Declared, outcome whatif.Outcome, after specAfter) Restart {
	switch {
	case d.Operation == Create && outcome.Ranks == 0:
		return Restart{AllRanks: No}
	case d.Operation == Replace:
		return Restart{AllRanks: Yes, Because: "Pulumi deletes the MiniCluster and creates it anew"}
	case outcome.Restart && outcome.PassedCeiling > 0:
		return Restart{AllRanks: Yes, Because: fmt.Sprintf("the maximum %d is above the ceiling %d, the number of hosts that Flux knows", outcome.Bounds.Max, outcome.PassedCeiling)}
	case outcome.Restart:
		return Restart{AllRanks: Yes, Because: because(d.Changed)}
	case outcome.RestartWhenAsked:
		return Restart{AllRanks: No, Due: because(d.Changed)}
	case len(after.notKnown) > 0:
		return Restart{AllRanks: Unknown, Because: fmt.Sprintf("%s is known only during the update", after.notKnown[0])}
	}
	return Restart{AllRanks: No}
}

// describeRoom says whether the nodes have room, if ranks come or may come.
func (m *MiniCluster) describeRoom(there LiveMiniCluster, outcome whatif.Outcome, nodes Nodes) {
	if m.Arriving == nil && !m.scalesItself() {
		return
	}
	m.Room = &Room{Fits: Unknown}
	if m.Arriving != nil {
		m.Room.Needed = m.Arriving.Count
	}
	switch {
	case outcome.RankPod == nil:
		m.Room.Because = "there can be no rank"
		return
	case nodes.Unknown != "":
		m.Room.Because = nodes.Unknown
		return
	}
	own := whatif.RankLabels(m.Name)
	m.Room.OnePerNode = onePerNode(*outcome.RankPod)
	m.Room.Available = available(*outcome.RankPod, nodes, func(pod *corev1.Pod) bool {
		return pod.Namespace == m.Namespace && hasLabels(pod.Labels, own)
	}, m.Restart.AllRanks == Yes)
	m.Room.Fits = No
	if m.Room.Available >= m.Room.Needed {
		m.Room.Fits = Yes
	}
}
