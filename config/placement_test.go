package config

import (
	"strings"
	"testing"
)

func TestPlacementsThatWork(t *testing.T) {
	existing := map[string]string{"clusterProvider": "existing", "image": "i", "operatorImage": "o", "agentImage": "a"}
	for name, changes := range map[string]map[string]string{
		"by default":             {},
		"any node":               {"placement": "Any"},
		"zones":                  {"placement": "Spread", "topologyKey": "topology.kubernetes.io/zone"},
		"one rank":               {"placement": "OnePerNode", "clusterProvider": "embedded", "minSize": "1", "maxSize": "1"},
		"one rank per host name": {"placement": "OnePerNode", "topologyKey": "kubernetes.io/hostname", "clusterProvider": "kind"},
		"control plane alone":    {"placement": "OnePerNode", "minSize": "1", "clusterProvider": "kind", "kindWorkers": "0"},
	} {
		if _, err := load(t, changes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	existing["placement"], existing["minSize"] = "OnePerNode", "4"
	if s := mustLoad(t, existing); len(s.Warnings()) != 0 {
		t.Errorf("nodes that nobody knows are warned of: %q", s.Warnings())
	}
}

func TestRanksThatWillFindNoNodeAreWarnedOf(t *testing.T) {
	s := mustLoad(t, map[string]string{"placement": "OnePerNode", "clusterProvider": "kind"})
	const want = "the cluster has 2 for ranks: of the ranks up to maxSize 4 of MiniCluster flux-sample, the others will wait for a node"
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], want) {
		t.Errorf("warnings %q", w)
	}
	fits := mustLoad(t, map[string]string{"placement": "OnePerNode", "clusterProvider": "kind", "kindWorkers": "4"})
	if w := fits.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}
