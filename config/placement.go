package config

import (
	"fmt"

	"github.com/gopherlocks/gopherlocks/components"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// nodesForRanks is how many nodes the stack's cluster has for ranks; known is false
// for a cluster that somebody else has made.
func (s Settings) nodesForRanks() (nodes int, known bool) {
	switch s.ClusterProvider {
	case stackcluster.Embedded:
		return 1, true
	case stackcluster.Kind:
		return max(s.KindWorkers, 1), true
	}
	return 0, false
}

// checkRoom refuses a MiniCluster that could not begin: an update would wait for
// ranks that no node takes.
func checkRoom(s Settings, m MiniCluster) []components.Problem {
	nodes, known := s.nodesForRanks()
	if !known || m.Placement != api.PlacementOnePerNode || m.InitialSize() <= nodes {
		return nil
	}
	advice := "take placement " + api.PlacementSpread + ", or clusterProvider " + stackcluster.Kind + " with kindWorkers"
	if s.ClusterProvider == stackcluster.Kind {
		advice = "raise kindWorkers, or take placement " + api.PlacementSpread
	}
	return []components.Problem{{Field: "placement", Err: fmt.Errorf("placement %s gives each of %d ranks a node of its own, and the cluster has %d for ranks; %s",
		api.PlacementOnePerNode, m.InitialSize(), nodes, advice)}}
}
