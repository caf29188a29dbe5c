package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// takenOver are the fields that TemplateHash leaves out, since running ranks take them over:
// the sizes, how ranks leave and restart, what comes after them, and what runs in another
// pod. Of maxSize, that holds up to the ceiling.
var takenOver = []string{
	"spec.size", "spec.minSize", "spec.suspend", "spec.restart", "spec.scaleDown", "spec.autoscaling", "spec.cleanup", "spec.services",
	"spec.pod.disruptionBudget",
}

// IsTakenOver tells whether running ranks take over a change at a path of the MiniCluster.
func IsTakenOver(path string) bool {
	return slices.ContainsFunc(takenOver, func(field string) bool {
		rest, found := strings.CutPrefix(path, field)
		return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// TemplateHash returns a hash of what the Job is made from, but for its size:
// whatever reaches the pod template, the Job's policies, or what ranks are told.
// It covers the input, not the Job: a newer operator that makes it in another way
// leaves running ranks alone, and so does a field of the API that it adds, as long
// as nobody sets it.
func TemplateHash(mc *api.MiniCluster, ceiling int32) string {
	spec := mc.Spec.DeepCopy()
	// See takenOver.
	spec.Size, spec.MinSize, spec.MaxSize = 0, 0, 0
	spec.ScaleDown, spec.Restart, spec.Suspend = api.ScaleDown{}, api.Restart{}, false
	spec.Autoscaling = api.Autoscaling{}
	spec.Cleanup = false
	spec.Services = nil
	spec.Pod.DisruptionBudget = ""
	// What changes no rank that runs, or is another spelling of a default. That
	// containers do not wait for a socket was nothing once.
	spec.Flux.NoWaitSocket = false
	spec.Flux.Enabled = ptr.To(FluxEnabled(mc))
	spec.Tasks = ptr.To(tasks(mc))
	if !asksForBursting(spec.Flux.Bursting) {
		spec.Flux.Bursting = nil
	}
	spec.Pod.Placement, spec.Network.DisableAffinity = shortPlacement(PlacementOf(mc))
	return hash(struct {
		Spec *api.MiniClusterSpec `json:"spec"`
		// Called as it was when the ceiling was the maximum.
		Ceiling int32 `json:"maximum"`
	}{spec, ceiling})
}

// hash returns a hash of the JSON of v. Objects without content count as if they
// were not there, since a struct of no set field is written as one.
func hash(v any) string {
	data, err := json.Marshal(prune(asJSON(v)))
	if err != nil {
		// asJSON returns nothing but what JSON has.
		panic(fmt.Sprintf("encode for a hash: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// asJSON returns v as maps, slices, strings, numbers and booleans.
func asJSON(v any) any {
	data, err := json.Marshal(v)
	if err != nil {
		// Types of Kubernetes and of our API always have a JSON form.
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		panic(fmt.Sprintf("decode %T: %v", v, err))
	}
	return decoded
}

// prune removes empty objects from v, which asJSON has made, and returns nil for
// one that is empty itself.
func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			v[name] = prune(value)
		}
		maps.DeleteFunc(v, func(_ string, value any) bool { return value == nil })
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i, value := range v {
			v[i] = prune(value)
		}
	}
	return v
}

// shortPlacement spells a placement in one way: with what was there before
// spec.pod.placement was, wherever that can say it.
func shortPlacement(p api.Placement) (short api.Placement, disableAffinity bool) {
	switch {
	case p.Policy == api.PlacementAny:
		return api.Placement{}, true
	case p.Policy == api.PlacementOnePerNode:
		return api.Placement{Policy: p.Policy}, false
	case p.TopologyKey == corev1.LabelHostname:
		return api.Placement{}, false
	}
	return api.Placement{TopologyKey: p.TopologyKey}, false
}
