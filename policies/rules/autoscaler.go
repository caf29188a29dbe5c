package rules

import (
	"errors"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// autoscaler is a HorizontalPodAutoscaler that scales a MiniCluster, or is meant
// to.
type autoscaler struct {
	*Resource
	id               objectID
	apiVersion, kind field
	// target is the MiniCluster that it points at.
	target objectID
	// inherits says that it is a Patch, and points where its object does.
	inherits bool
}

// autoscalers returns the stack's HorizontalPodAutoscalers of MiniClusters. It is
// enough that one names either the kind or the group of MiniClusters: the other may
// be a mistake.
func (s Stack) autoscalers() []autoscaler {
	var all []autoscaler
	for i := range s.Resources {
		r := &s.Resources[i]
		if !isOf(r.Type, prefixAutoscaling, "HorizontalPodAutoscaler") {
			continue
		}
		id := r.objectID()
		ref := r.input("spec", "scaleTargetRef")
		inherits := r.isPatch() && ref.absent()
		if inherits {
			ref = s.patchedReference(r, id)
		}
		a := autoscaler{
			Resource: r, id: id, inherits: inherits,
			apiVersion: ref.at("apiVersion"), kind: ref.at("kind"),
			target: objectID{namespace: id.namespace, name: ref.at("name")},
		}
		apiVersion, _ := a.apiVersion.text()
		kindName, _ := a.kind.text()
		if strings.EqualFold(kindName, kind) || strings.HasPrefix(apiVersion, group+"/") || ref.err != nil || ref.unknown() || malformed(ref) {
			all = append(all, a)
		}
	}
	return all
}

// patchedReference is the scaleTargetRef of the object that a Patch is of: that of the
// stack, or what the API server answered.
func (s Stack) patchedReference(patch *Resource, id objectID) field {
	for i := range s.Resources {
		r := &s.Resources[i]
		if !isOf(r.Type, prefixAutoscaling, "HorizontalPodAutoscaler") || r.isPatch() {
			continue
		}
		if same, _ := id.is(r.objectID()); same {
			return r.input("spec", "scaleTargetRef")
		}
	}
	return patch.output("spec", "scaleTargetRef")
}

// malformed says that a field is set, but not to an object.
func malformed(f field) bool {
	_, isMap := f.value.(map[string]any)
	return f.value != nil && !f.unknown() && !isMap
}

// of returns the autoscaler's MiniCluster among them, or nil: rather the object than a
// Patch of it. Before a namespace
// exists, its name may be unknown. Then the autoscaler means the only MiniCluster
// of that name. The error names a field that is not known yet.
func (a autoscaler) of(miniClusters []miniCluster) (*miniCluster, error) {
	var perhaps []*miniCluster
	var patch *miniCluster
	var unsure error
	for i := range miniClusters {
		m := &miniClusters[i]
		switch same, err := a.target.is(m.id); {
		case same && !m.isPatch():
			return m, nil
		case same:
			patch = m
		case err != nil:
			perhaps, unsure = append(perhaps, m), err
		}
	}
	if patch != nil {
		return patch, nil
	}
	if len(perhaps) == 1 && !a.target.name.unknown() && !perhaps[0].id.name.unknown() {
		return perhaps[0], nil
	}
	return nil, unsure
}

// replicas are the autoscaler's own bounds.
func (a autoscaler) replicas() (minimum, maximum int, err error) {
	// Kubernetes' default of minReplicas is 1; maxReplicas is mandatory.
	minimum, errMin := a.input("spec", "minReplicas").integerOr(1)
	if a.leavesOut("maxReplicas") {
		return minimum, bounds.Limit, errMin
	}
	maximum, errMax := a.input("spec", "maxReplicas").integer()
	return minimum, maximum, errors.Join(errMin, errMax)
}

// leavesOut says that the autoscaler is a Patch without the field.
func (a autoscaler) leavesOut(name string) bool {
	return a.isPatch() && a.input("spec", name).absent()
}

// violations are those of the bounds rule by replicas that are declared. Of a Patch of
// the MiniCluster only the bounds count that it has.
func (a autoscaler) violations(m miniCluster, sizes bounds.Sizes, minimum, maximum int) []bounds.Violation {
	if m.leavesOut("maxSize") {
		sizes.MaxSize = bounds.Limit
	}
	return slices.DeleteFunc(bounds.CheckReplicas(sizes, minimum, maximum), func(v bounds.Violation) bool {
		return a.leavesOut(v.Field)
	})
}

// metric is a share of a request that an autoscaler aims at.
type metric struct {
	// resource is "cpu" or "memory".
	resource string
	// container is the one that is measured, or "" for all of the pod's.
	container string
	// target is the field with the percentage. Its value is nil if Kubernetes'
	// default applies.
	target field
}

// defaultCPUTarget is Kubernetes' default for an autoscaler without metrics.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
const defaultCPUTarget = 80

// metrics are the metrics that are percentages of a request.
func (a autoscaler) metrics() ([]metric, error) {
	if a.leavesOut("metrics") && a.leavesOut("targetCPUUtilizationPercentage") {
		return nil, nil
	}
	if strings.HasPrefix(a.Type, prefixAutoscaling+"v1:") {
		return []metric{{resource: "cpu", target: a.input("spec", "targetCPUUtilizationPercentage")}}, nil
	}
	items, err := a.input("spec", "metrics").items()
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return []metric{{resource: "cpu", target: field{path: "spec.metrics"}}}, nil
	}
	var metrics []metric
	var errs []error
	for _, item := range items {
		m, err := readMetric(item)
		if err != nil {
			errs = append(errs, err)
		} else if m != nil {
			metrics = append(metrics, *m)
		}
	}
	return metrics, errors.Join(errs...)
}

// readMetric returns nil if the metric is not a percentage of a request.
func readMetric(item field) (*metric, error) {
	kind, err := item.at("type").text()
	if err != nil {
		return nil, err
	}
	source := map[string]string{"Resource": "resource", "ContainerResource": "containerResource"}[kind]
	if source == "" {
		return nil, nil
	}
	name, errName := item.at(source, "name").text()
	container, errContainer := item.at(source, "container").textOr("")
	goal, errGoal := item.at(source, "target", "type").text()
	if err := errors.Join(errName, errContainer, errGoal); err != nil {
		return nil, err
	}
	if goal != "Utilization" {
		return nil, nil
	}
	return &metric{resource: name, container: container, target: item.at(source, "target", "averageUtilization")}, nil
}

// cpuTargets are the percentages of the CPU request that autoscalers aim at.
func (s Stack) cpuTargets(look func(at *Resource, target field), fail func(at *Resource, err error)) {
	for _, a := range s.autoscalers() {
		metrics, err := a.metrics()
		if err != nil {
			fail(a.Resource, err)
		}
		for _, m := range metrics {
			if m.resource == "cpu" {
				look(a.Resource, m.target)
			}
		}
	}
}
