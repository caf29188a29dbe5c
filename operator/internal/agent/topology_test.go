package agent

import (
	"slices"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func TestBrokersAreConnectedAsTheSpecSays(t *testing.T) {
	for topology, want := range map[string]string{"": "-Stbon.topo=kary:0", "binomial": "-Stbon.topo=binomial"} {
		command := brokerCommand(brokerStart{cfg: agentapi.Config{Topology: topology}, paths: defaultPaths(), flux: "flux"})
		if !slices.Contains(command, want) {
			t.Errorf("topology %q: %q", topology, command)
		}
	}
}
