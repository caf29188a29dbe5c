package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// autoscalerRules are about HorizontalPodAutoscalers of MiniClusters, and about those that
// their queues scale.
var autoscalerRules = []Rule{
	{
		Name:        "autoscaler-target",
		Description: "An autoscaler points at a MiniCluster of this stack, with its apiVersion and kind.",
		Level:       Mandatory,
		Check:       checkTarget,
	},
	{
		Name:        "autoscaler-bounds",
		Description: "An autoscaler asks only for sizes within the MiniCluster's bounds.",
		Level:       Mandatory,
		Check:       checkReplicas,
	},
	{
		Name:        "autoscaler-single",
		Description: "A MiniCluster has one autoscaler at most: two would work against each other.",
		Level:       Mandatory,
		Check:       checkSingle,
	},
	{
		Name:        "autoscaler-cpu-target",
		Description: "The CPU target of an autoscaler is one that can be reached.",
		Level:       Mandatory,
		Options: []Option{
			{Name: "minimum", Schema: percent("The lowest CPU target, in percent of the CPU request.", 1)},
			{Name: "maximum", Schema: percent("The highest CPU target, in percent of the CPU request.", 100)},
		},
		Check: checkCPUTarget,
	},
	{
		Name:        "autoscaler-cpu-floor",
		Description: "The CPU target of an autoscaler is no demo value.",
		Level:       Advisory,
		Options: []Option{
			{Name: "floor", Schema: percent("CPU targets below it, in percent of the CPU request, are pointed out.", 10)},
		},
		Check: checkCPUFloor,
	},
}

func percent(description string, fallback int) map[string]any {
	return map[string]any{"type": "integer", "minimum": 1, "default": fallback, "description": description}
}

func checkTarget(s Stack, _ Settings) []Finding {
	var r report
	miniClusters := s.customResources()
	for _, a := range s.autoscalers() {
		if a.inherits {
			continue // What it points at is its object's.
		}
		apiVersion, errVersion := a.apiVersion.text()
		kindName, errKind := a.kind.text()
		_, errName := a.target.name.text()
		r.cannotTell(a.Resource, errors.Join(errVersion, errKind, errName))
		if errVersion == nil && !slices.Contains(apiVersions, apiVersion) {
			r.violation(a.Resource, ReasonWrongTarget, "%s %s must be %s", a.apiVersion.path, a.apiVersion.shown(), strings.Join(apiVersions, " or "))
		}
		if errKind == nil && kindName != kind {
			r.violation(a.Resource, ReasonWrongTarget, "%s %s must be %s", a.kind.path, a.kind.shown(), kind)
		}
		if m, err := a.of(miniClusters); errName == nil && s.Complete && m == nil && err == nil {
			r.violation(a.Resource, ReasonTargetMissing, "%s %s: this stack has no such MiniCluster in namespace %s",
				a.target.name.path, a.target.name.shown(), a.target.namespaceName())
		}
	}
	return r
}

func (id objectID) namespaceName() string {
	if id.namespace.absent() {
		return defaultNamespace
	}
	return id.namespace.shown()
}

func checkReplicas(s Stack, _ Settings) []Finding {
	var r report
	miniClusters := s.customResources()
	for _, a := range s.autoscalers() {
		minimum, maximum, err := a.replicas()
		m, errTarget := a.of(miniClusters)
		if err = errors.Join(err, errTarget); err != nil {
			r.cannotTell(a.Resource, err)
			continue
		}
		if m == nil {
			continue // Not registered yet, or autoscaler-target says that it is missing.
		}
		sizes, err := m.declaredSizes()
		if err != nil {
			r.cannotTell(a.Resource, err)
			continue
		}
		hidden := m.hidesSizes() || a.input("spec", "minReplicas").secret || a.input("spec", "maxReplicas").secret
		for _, v := range a.violations(*m, sizes, minimum, maximum) {
			r.bound(a.Resource, v, hidden)
		}
	}
	return r
}

func checkSingle(s Stack, _ Settings) []Finding {
	var r report
	all := s.autoscalers()
	for i, a := range all {
		if _, err := a.target.name.text(); err != nil {
			r.cannotTell(a.Resource, err)
			continue
		}
		for _, other := range all[:i] {
			same, err := a.target.is(other.target)
			if patches, _ := a.id.is(other.id); patches && (a.isPatch() || other.isPatch()) {
				continue // It is the same.
			}
			if same {
				r.violation(a.Resource, ReasonSecondAutoscaler, "%s %s is scaled by %s already: remove one of the two",
					a.target.name.path, a.target.name.shown(), other.input("metadata", "name").shown())
			}
			if same || err != nil {
				r.cannotTell(a.Resource, err)
				break
			}
		}
	}
	r.checkRivals(s)
	return r
}

func checkCPUTarget(s Stack, settings Settings) []Finding {
	var r report
	minimum, maximum := settings.integer("minimum"), settings.integer("maximum")
	s.cpuTargets(func(at *Resource, target field) {
		value, err := target.integerOr(defaultCPUTarget)
		switch {
		case err != nil:
			r.cannotTell(at, err)
		case value < minimum:
			r.violation(at, ReasonTargetOutOfRange, "%s %s must be at least %d (percent of the CPU request)", target.path, shownPercent(target), minimum)
		case value > maximum:
			r.violation(at, ReasonTargetOutOfRange, "%s %s must be at most %d (percent of the CPU request)", target.path, shownPercent(target), maximum)
		}
	}, r.cannotTell)
	return r
}

func checkCPUFloor(s Stack, settings Settings) []Finding {
	var r report
	floor := settings.integer("floor")
	s.cpuTargets(func(at *Resource, target field) {
		value, err := target.integerOr(defaultCPUTarget)
		switch {
		case err != nil:
			r.cannotTell(at, err)
		case value < floor:
			r.violation(at, ReasonLowTarget, "%s %s is below %d (percent of the CPU request): nearly any load makes the MiniCluster grow to maxSize",
				target.path, shownPercent(target), floor)
		}
	}, r.cannotTell)
	return r
}

// shownPercent names Kubernetes' default where nothing is set.
func shownPercent(target field) string {
	if target.absent() {
		return fmt.Sprintf("%d (the default)", defaultCPUTarget)
	}
	return target.shown()
}
