package resizeplan_test

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/resizeplan"
)

func TestRoomByRequests(t *testing.T) {
	tainted := oneNode("10", "0")
	tainted.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	preferred := oneNode("1000m", "0")
	preferred.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "old", Effect: corev1.TaintEffectPreferNoSchedule}}
	cordoned := oneNode("10", "0")
	cordoned.Nodes[0].Spec.Unschedulable = true
	full := oneNode("10", "0")
	full.Nodes[0].Status.Allocatable[corev1.ResourcePods] = *full.Nodes[0].Status.Allocatable.Pods()
	full.Pods = slices.Repeat(full.Pods, 109)
	two := oneNode("1000m", "100m")
	two.Nodes = append(two.Nodes, two.Nodes[0])
	two.Nodes[1].Name = "empty"
	for _, tt := range []struct {
		name      string
		nodes     resizeplan.Nodes
		available int
		fits      resizeplan.Answer
	}{
		{"by CPU", oneNode("1000m", "100m"), 9, resizeplan.Yes},
		{"just enough", oneNode("300m", "100m"), 2, resizeplan.Yes},
		{"one short", oneNode("299m", "100m"), 1, resizeplan.No},
		{"none left", oneNode("100m", "200m"), 0, resizeplan.No},
		{"two nodes", two, 19, resizeplan.Yes},
		{"a taint", tainted, 0, resizeplan.No},
		{"a taint that only asks", preferred, 10, resizeplan.Yes},
		{"cordoned", cordoned, 0, resizeplan.No},
		{"by pods", full, 1, resizeplan.No},
		{"not known", resizeplan.Nodes{Unknown: "nodes is forbidden"}, 0, resizeplan.Unknown},
	} {
		s := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"size": 5.0}, "spec.size")
		s.live.Nodes = tt.nodes
		room := s.only().Room
		if room.Available != tt.available || room.Fits != tt.fits || room.Needed != 2 || room.Because != tt.nodes.Unknown {
			t.Errorf("%s: %+v, want %d and %s", tt.name, room, tt.available, tt.fits)
		}
	}
}

// TestRoomForOneRankPerNode: a node with a rank of the MiniCluster has no room for
// another, however large it is, until that rank goes.
func TestRoomForOneRankPerNode(t *testing.T) {
	onePerNode := func(nodes int) *scenario {
		s := newScenario(t, "sample", 2, 1, 5, true, func(spec map[string]any) {
			spec["pod"] = map[string]any{"placement": map[string]any{"policy": "OnePerNode"}}
		})
		s.live.Nodes = resizeplan.Nodes{}
		for i := range nodes {
			node := oneNode("10", "0").Nodes[0]
			node.Name = fmt.Sprint("node-", i)
			s.live.Nodes.Nodes = append(s.live.Nodes.Nodes, node)
		}
		for i, pod := range s.there.Pods {
			pod.Spec.NodeName = fmt.Sprint("node-", i)
			s.live.Nodes.Pods = append(s.live.Nodes.Pods, pod)
		}
		// A rank in another namespace does not belong to this MiniCluster.
		other := s.live.Nodes.Pods[0]
		other.Namespace, other.Spec.NodeName = "other", "node-2"
		s.live.Nodes.Pods = append(s.live.Nodes.Pods, other)
		return s
	}
	tests := []struct {
		nodes     int
		size      float64
		available int
		fits      resizeplan.Answer
		text      string
	}{
		{3, 3, 1, resizeplan.Yes, "enough: 1 rank to place, and the nodes have room for 1, one per node"},
		{3, 4, 1, resizeplan.No, "too little: 2 ranks to place, and the nodes have room for 1, one per node; the others stay pending"},
		{2, 3, 0, resizeplan.No, "too little: 1 rank to place, and the nodes have room for 0, one per node; the others stay pending"},
	}
	for _, tt := range tests {
		room := onePerNode(tt.nodes).update(map[string]any{"size": tt.size}, "spec.size").only().Room
		if room.Available != tt.available || room.Fits != tt.fits || !room.OnePerNode || room.String() != tt.text {
			t.Errorf("%d nodes, size %v: %+v, %q", tt.nodes, tt.size, room, room)
		}
	}
	room := onePerNode(2).update(map[string]any{"deadlineSeconds": 9.0}, "spec.deadlineSeconds").only().Room
	if room.Available != 2 || room.Fits != resizeplan.Yes {
		t.Errorf("with a restart: %+v", room)
	}
}

func TestRestartingRanksMakeRoomForThemselves(t *testing.T) {
	s := newScenario(t, "sample", 3, 1, 5, true).update(map[string]any{"deadlineSeconds": 9.0}, "spec.deadlineSeconds")
	s.live.Nodes = oneNode("300m", "0")
	for _, pod := range s.there.Pods {
		pod.Spec.NodeName = "node"
		s.live.Nodes.Pods = append(s.live.Nodes.Pods, pod)
	}
	if room := s.only().Room; room.Available != 3 || room.Fits != resizeplan.Yes {
		t.Errorf("%+v", room)
	}
}
