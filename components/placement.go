package components

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

var placements = []string{api.PlacementSpread, api.PlacementOnePerNode, api.PlacementAny}

// checkPlacement is the API's rule about pod.placement.
func checkPlacement(m MiniClusterArgs) (found []Problem) {
	if m.Placement != "" && !slices.Contains(placements, m.Placement) {
		return []Problem{problem("placement", "%q is not a placement; take %q, %q or %q", m.Placement, api.PlacementSpread, api.PlacementOnePerNode, api.PlacementAny)}
	}
	if m.TopologyKey == "" {
		return nil
	}
	for _, fault := range validation.IsQualifiedName(m.TopologyKey) {
		found = append(found, problem("topologyKey", "%q: %s", m.TopologyKey, fault))
	}
	spreads := m.Placement == "" || m.Placement == api.PlacementSpread
	if !spreads && (m.Placement != api.PlacementOnePerNode || m.TopologyKey != corev1.LabelHostname) {
		found = append(found, problem("topologyKey", "topologyKey %s has no meaning with placement %s: it says what placement %s spreads over", m.TopologyKey, m.Placement, api.PlacementSpread))
	}
	return found
}
