package rules

import (
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
)

// ownershipRules are about a MiniCluster and its autoscaler together. They report
// the autoscaler: it comes after the MiniCluster, so it is refused before it is
// made. One that looks at the queue is a part of the MiniCluster.
var ownershipRules = []Rule{
	{
		Name:        "autoscaler-requests",
		Description: "Each container of a rank requests what its autoscaler measures.",
		Level:       Mandatory,
		Check:       checkRequests,
	},
	{
		Name:        "autoscaler-owns-size",
		Description: "A MiniCluster with an autoscaler does not pin its size besides.",
		Level:       Mandatory,
		Check:       checkOwner,
	},
}

// requestError says that a container does not request what is measured.
type requestError struct {
	path, got, of string
	notSet        bool
}

func (e requestError) Error() string {
	return fmt.Sprintf("%s %s of MiniCluster %s must be more than 0: the autoscaler measures use in percent of it", e.path, e.got, e.of)
}

// checkRequests asks for a request of each container: the autoscaler measures use
// in percent of it, and does nothing without one.
func checkRequests(s Stack, _ Settings) []Finding {
	var r report
	miniClusters := s.customResources()
	for _, a := range s.autoscalers() {
		m, err := a.of(miniClusters)
		if m == nil {
			r.cannotTell(a.Resource, err)
			continue // Not registered yet, or autoscaler-target says that it is missing.
		}
		metrics, errMetrics := a.metrics()
		containers, errContainers := m.input("spec", "containers").items()
		errs := []error{errMetrics, errContainers}
		for _, container := range containers {
			for _, metric := range metrics {
				err := checkContainer(container, metric, m.id.name)
				if missing, ok := errors.AsType[requestError](err); ok && m.isPatch() && missing.notSet {
					continue // The object may have it.
				}
				errs = append(errs, err)
			}
		}
		r.requests(a.Resource, errors.Join(errs...))
	}
	return r
}

// requests adds what is wrong with requests.
func (r *report) requests(at *Resource, err error) {
	var others []error
	for _, e := range flatten(err) {
		if missing, ok := errors.AsType[requestError](e); ok {
			r.violation(at, ReasonRequestMissing, "%v", missing)
		} else {
			others = append(others, e)
		}
	}
	r.cannotTell(at, errors.Join(others...))
}

func checkContainer(container field, m metric, of field) error {
	if m.container != "" {
		name, err := container.at("name").textOr("")
		if err != nil || name != m.container {
			return err
		}
	}
	return checkRequest(container, m.resource, of)
}

// checkRequest looks at resources.requests of a container, and at its limits:
// Kubernetes uses a limit as the request if none is set.
func checkRequest(container field, name string, of field) error {
	request := container.at("resources", "requests", name)
	quantity := request
	if request.absent() {
		quantity = container.at("resources", "limits", name)
	}
	if quantity.absent() {
		return requestError{request.path, request.shown(), of.shown(), true}
	}
	if _, isNumber := quantity.value.(float64); isNumber {
		quantity.value = fmt.Sprint(quantity.value)
	}
	const want = "a quantity, such as 100m or 64Mi"
	text, err := as[string](quantity, want)
	if err != nil {
		return err
	}
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return malformedError{quantity.path, quantity.shown(), want}
	}
	if parsed.Sign() <= 0 {
		return requestError{quantity.path, quantity.shown(), of.shown(), false}
	}
	return nil
}

// annotationPatchForce makes Pulumi take fields over, whoever wrote them.
const annotationPatchForce = "pulumi.com/patchForce"

// checkOwner refuses a pinned size beside an autoscaler of either kind: the next update
// would undo what the autoscaler has scaled.
func checkOwner(s Stack, _ Settings) []Finding {
	var r report
	miniClusters := s.customResources()
	for _, a := range s.autoscalers() {
		if a.inherits {
			continue // What it points at is its object's.
		}
		m, err := a.of(miniClusters)
		if m == nil {
			r.cannotTell(a.Resource, err)
			continue // Not registered yet, or autoscaler-target says that it is missing.
		}
		r.pinned(a.Resource, *m)
		for _, patch := range miniClusters {
			if same, _ := a.target.is(patch.id); same && patch.isPatch() && patch.Resource != m.Resource {
				r.pinned(patch.Resource, patch)
			}
		}
	}
	r.checkPinnedBesideQueue(miniClusters)
	return r
}

// pinned adds how a MiniCluster with an autoscaler pins its size.
func (r *report) pinned(at *Resource, m miniCluster) {
	size := m.sizes.at("size")
	force, err := m.input("metadata", "annotations").at(annotationPatchForce).textOr("")
	switch {
	case m.leavesOut("size"): // What it takes over is no size.
		return
	case err != nil:
		r.cannotTell(at, err)
	case force == "true":
		r.violation(at, ReasonSizePinned, "annotation %s %q of MiniCluster %s takes the size back from the autoscaler at each update: remove it",
			annotationPatchForce, force, m.id.name.shown())
	}
	if !size.absent() && !m.ignoresSize() {
		r.violation(at, ReasonSizePinned, `%s %s of MiniCluster %s is the program's as well as the autoscaler's: ignore changes of "spec.size"`,
			size.path, size.shown(), m.id.name.shown())
	}
}

// ignoresSize says that the program leaves changes of the size to others.
func (m miniCluster) ignoresSize() bool { return slices.ContainsFunc(m.IgnoreChanges, coversSize) }

// coversSize says whether to ignore a path means to ignore the size.
func coversSize(path string) bool {
	return slices.Contains([]string{"spec.size", "spec", "*", "spec.*", `["spec"]["size"]`, `spec["size"]`}, path)
}
