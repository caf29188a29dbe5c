package main

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// constants are what rules need of the Go source, by their names in the rules.
func constants() map[string]any {
	// A host name is a DNS label, of which the rank or the services' name is a part.
	longestRank := fmt.Sprintf("-%d", bounds.Limit-1)
	return map[string]any{
		"Limit":                   bounds.Limit,
		"LongestName":             validation.DNS1123LabelMaxLength - len(longestRank),
		"LongestNameWithServices": validation.DNS1123LabelMaxLength - len(build.ServicesName("")),
		"FirstPort":               agentapi.BrokerPort,
		"LastPort":                agentapi.HealthPort,
		"VariablePrefix":          agentapi.VariablePrefix,
		"AgentContainer":          build.AgentContainerName,
		"ViewName":                build.DefaultViewName,
		"ViewPath":                build.DefaultViewPath,
		"VolumePrefix":            build.VolumePrefix,
		"OurPlaces":               "['" + strings.Join(build.OurPlaces(), "', '") + "']",
		"SharedMemory":            build.SharedMemory,
		"Capability":              build.AnyCapabilityPattern(),
		"BindCapability":          build.CapabilityPattern("NET_BIND_SERVICE"),
		"Topology":                agentapi.Topology,
		"Spread":                  api.PlacementSpread,
		"OnePerNode":              api.PlacementOnePerNode,
		"Any":                     api.PlacementAny,
		"NodeLabel":               corev1.LabelHostname,
	}
}
