package config

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Placements of the ranks over the nodes: the API's policies.
const (
	PlacementSpread     = "Spread"
	PlacementOnePerNode = "OnePerNode"
	PlacementAny        = "Any"
)

var placements = []string{PlacementSpread, PlacementOnePerNode, PlacementAny}

// hostnameLabel is the API's default of what ranks are spread over.
const hostnameLabel = "kubernetes.io/hostname"

// checkPlacement is the API's rule about pod.placement.
func checkPlacement(m MiniCluster) (found []Problem) {
	if m.Placement != "" && !slices.Contains(placements, m.Placement) {
		return []Problem{problem("placement", "%q is not a placement; take %q, %q or %q", m.Placement, PlacementSpread, PlacementOnePerNode, PlacementAny)}
	}
	if m.TopologyKey == "" {
		return nil
	}
	for _, fault := range validation.IsQualifiedName(m.TopologyKey) {
		found = append(found, problem("topologyKey", "%q: %s", m.TopologyKey, fault))
	}
	spreads := m.Placement == "" || m.Placement == PlacementSpread
	if !spreads && (m.Placement != PlacementOnePerNode || m.TopologyKey != hostnameLabel) {
		found = append(found, problem("topologyKey", "topologyKey %s has no meaning with placement %s: it says what placement %s spreads over", m.TopologyKey, m.Placement, PlacementSpread))
	}
	return found
}

// nodesForRanks is how many nodes the stack's cluster has for ranks; known is false
// for a cluster that somebody else has made.
func (s Settings) nodesForRanks() (nodes int, known bool) {
	switch s.ClusterProvider {
	case ProviderEmbedded:
		return 1, true
	case ProviderKind:
		return max(s.KindWorkers, 1), true
	}
	return 0, false
}

// checkRoom refuses a MiniCluster that could not begin: an update would wait for
// ranks that no node takes.
func checkRoom(s Settings, m MiniCluster) []Problem {
	nodes, known := s.nodesForRanks()
	if !known || m.Placement != PlacementOnePerNode || m.InitialSize() <= nodes {
		return nil
	}
	advice := "take placement " + PlacementSpread + ", or clusterProvider " + ProviderKind + " with kindWorkers"
	if s.ClusterProvider == ProviderKind {
		advice = "raise kindWorkers, or take placement " + PlacementSpread
	}
	return []Problem{problem("placement", "placement %s gives each of %d ranks a node of its own, and the cluster has %d for ranks; %s",
		PlacementOnePerNode, m.InitialSize(), nodes, advice)}
}
