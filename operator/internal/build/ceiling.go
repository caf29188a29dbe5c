package build

import (
	"encoding/json"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
)

// leastCeiling is the lowest that is chosen by default. Fluxion takes some 10 kB of the lead's
// memory for each core of each host, so that it is not much higher.
const leastCeiling = 64

// Ceiling returns the number of hosts that Flux is told of when it starts; 0 without Flux,
// where ranks know nothing of each other. Who has set no maxSize gets an instance of as many
// nodes as ranks, as with the Flux Operator; so does who has set a topology, since a broker
// of a tree must be there for those below it.
func Ceiling(mc *api.MiniCluster, maximum int32) int32 {
	switch topology := mc.Spec.Flux.Topology; {
	case !FluxEnabled(mc):
		return 0
	case topology != "" && topology != agentapi.Topology:
		return maximum
	case mc.Spec.Flux.Ceiling > 0:
		return max(mc.Spec.Flux.Ceiling, maximum)
	case mc.Spec.MaxSize == 0:
		return maximum
	}
	return min(max(leastCeiling, 2*maximum), bounds.Limit)
}

// CeilingOf returns the ceiling of a Job; 0 without Flux, and of an earlier operator's.
func CeilingOf(job *batchv1.Job) int32 {
	ceiling, err := strconv.ParseInt(job.Annotations[api.AnnotationCeiling], 10, 32)
	if err != nil {
		return 0
	}
	return int32(ceiling)
}

// ConfigOf returns what the ranks of a Job were told; false without Flux.
func ConfigOf(job *batchv1.Job) (agentapi.Config, bool) {
	for _, container := range job.Spec.Template.Spec.Containers {
		for _, variable := range container.Env {
			var c agentapi.Config
			if variable.Name == agentapi.ConfigVariable && json.Unmarshal([]byte(variable.Value), &c) == nil {
				return c, true
			}
		}
	}
	return agentapi.Config{}, false
}

// HostsOf returns how many ranks a Job can have: with Flux, those whose hosts it was told
// of.
func HostsOf(job *batchv1.Job) int32 {
	if ceiling := CeilingOf(job); ceiling > 0 {
		return ceiling
	}
	// An earlier operator's has no such annotation, and its configuration the maximum.
	if config, ok := ConfigOf(job); ok {
		if hosts := fluxconf.HostCount(config.Hosts); hosts > 0 {
			return hosts
		}
	}
	return bounds.Limit
}

// IsMadeFrom tells whether the Job is made from what the spec says. The maximum may be
// another one, up to the Job's ceiling.
func IsMadeFrom(job *batchv1.Job, mc *api.MiniCluster, maximum int32) bool {
	made := job.Annotations[api.AnnotationTemplateHash]
	if ceiling := CeilingOf(job); ceiling > 0 {
		return maximum <= ceiling && made == TemplateHash(mc, ceiling)
	}
	return IsHashOf(made, mc, maximum)
}

// IsHashOf tells whether a Job that is made of the spec, by this operator or an earlier
// one, has or would have the template hash.
func IsHashOf(made string, mc *api.MiniCluster, maximum int32) bool {
	return made == TemplateHash(mc, Ceiling(mc, maximum)) || made == TemplateHash(mc, maximum)
}
