package config

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Resources are requests and limits by resource name, as in a container.
type Resources map[string]map[string]string

// request is how much of a resource a rank is given; empty for nothing. Of a request
// that is not set, the API server makes the limit one, as policy autoscaler-requests
// has it too.
func (r Resources) request(name string) string {
	if quantity := r["requests"][name]; quantity != "" {
		return quantity
	}
	return r["limits"][name]
}

func checkResources(m MiniCluster) (found []Problem) {
	for _, kind := range slices.Sorted(maps.Keys(m.Resources)) {
		if kind != "requests" && kind != "limits" {
			found = append(found, problem("resources", "%q is neither requests nor limits", kind))
		}
		for _, name := range slices.Sorted(maps.Keys(m.Resources[kind])) {
			value := m.Resources[kind][name]
			if quantity, err := resource.ParseQuantity(value); err != nil || quantity.Sign() < 0 {
				found = append(found, problem("resources", "%s.%s %q is not a quantity of at least 0, such as 100m or 64Mi", kind, name, value))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Resources["limits"])) {
		request, limit, ok := quantities(m.Resources["requests"][name], m.Resources["limits"][name])
		if ok && request.Cmp(limit) > 0 {
			found = append(found, problem("resources", "requests.%s %s must be at most limits.%s %s", name, &request, name, &limit))
		}
	}
	return found
}

// quantities parses two quantities; ok is false when either is none.
func quantities(a, b string) (first, second resource.Quantity, ok bool) {
	first, errA := resource.ParseQuantity(a)
	second, errB := resource.ParseQuantity(b)
	return first, second, errA == nil && errB == nil
}

func isPositiveQuantity(value string) bool {
	quantity, err := resource.ParseQuantity(value)
	return err == nil && quantity.Sign() > 0
}
