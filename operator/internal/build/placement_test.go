package build

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestRanksPreferNodesOfTheirOwn(t *testing.T) {
	spread := builtPod(t, sample()).Spec.Affinity
	if terms := spread.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution; len(terms) != 1 ||
		terms[0].PodAffinityTerm.TopologyKey != corev1.LabelHostname ||
		encode(t, terms[0].PodAffinityTerm.LabelSelector.MatchLabels) != encode(t, RankLabels("sample")) {
		t.Errorf("affinity %s", encode(t, spread))
	}
	if spread.NodeAffinity != nil || spread.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		t.Errorf("affinity %s", encode(t, spread))
	}
	alone := with(sample(), func(s *api.MiniClusterSpec) { s.Network.DisableAffinity = true })
	if affinity := builtPod(t, alone).Spec.Affinity; affinity != nil {
		t.Errorf("affinity %s", encode(t, affinity))
	}
}

func TestRanksAreSpreadOverZonesFirst(t *testing.T) {
	spread := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Pod.Placement.TopologyKey = corev1.LabelTopologyZone
	})).Spec.Affinity.PodAntiAffinity
	terms := spread.PreferredDuringSchedulingIgnoredDuringExecution
	if len(terms) != 2 || terms[0].PodAffinityTerm.TopologyKey != corev1.LabelTopologyZone ||
		terms[1].PodAffinityTerm.TopologyKey != corev1.LabelHostname || terms[0].Weight <= terms[1].Weight ||
		len(spread.RequiredDuringSchedulingIgnoredDuringExecution) != 0 {
		t.Errorf("affinity %s", encode(t, spread))
	}
}

func TestOneRankPerNodeIsDemanded(t *testing.T) {
	affinity := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Pod.Placement.Policy = api.PlacementOnePerNode
	})).Spec.Affinity
	equal(t, "affinity", affinity, &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: RankLabels("sample")},
			TopologyKey:   corev1.LabelHostname,
		}},
	}})
}

func TestAnyPlacementIsTheSchedulers(t *testing.T) {
	any := with(sample(), func(s *api.MiniClusterSpec) { s.Pod.Placement.Policy = api.PlacementAny })
	if affinity := builtPod(t, any).Spec.Affinity; affinity != nil {
		t.Errorf("affinity %s", encode(t, affinity))
	}
}

func TestNodesMustHaveOneOfTheValuesOfEachLabel(t *testing.T) {
	affinity := builtPod(t, with(sample(), func(s *api.MiniClusterSpec) {
		s.Network.DisableAffinity = true
		s.Pod.NodeAffinity = map[string][]string{"zone": {"b", "a"}, "arch": {"arm64"}}
	})).Spec.Affinity
	equal(t, "affinity", affinity, &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: "arch", Operator: corev1.NodeSelectorOpIn, Values: []string{"arm64"}},
				{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"b", "a"}},
			},
		}}},
	}})
}
