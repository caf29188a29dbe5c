package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// request is how much of a resource a rank is given; empty for nothing. Of a request
// that is not set, the API server makes the limit one, as policy autoscaler-requests
// has it too.
func request(resources map[string]map[string]string, name string) string {
	if quantity := resources["requests"][name]; quantity != "" {
		return quantity
	}
	return resources["limits"][name]
}

func checkResources(m MiniClusterArgs) (found []Problem) {
	for _, kind := range slices.Sorted(maps.Keys(m.Resources)) {
		if kind != "requests" && kind != "limits" {
			found = append(found, problem("resources", "%q is neither requests nor limits", kind))
		}
		for _, name := range slices.Sorted(maps.Keys(m.Resources[kind])) {
			if fault := faultOfResource(name); fault != "" {
				found = append(found, problem("resources", "%s.%s: %s", kind, name, fault))
			}
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

// standardResources are those whose names have no domain.
// Source: pkg/apis/core/helper of Kubernetes, IsStandardContainerResourceName.
var standardResources = []string{"cpu", "memory", "ephemeral-storage"}

// faultOfResource says why no container can have a resource of the name, which
// Kubernetes would find only when it is to make the pods.
func faultOfResource(name string) string {
	if strings.Contains(name, "/") {
		return strings.Join(validation.IsQualifiedName(name), "; ")
	}
	if slices.Contains(standardResources, name) || strings.HasPrefix(name, corev1.ResourceHugePagesPrefix) {
		return ""
	}
	return fmt.Sprintf("is none of %s, %sSIZE and names with a domain such as nvidia.com/gpu",
		strings.Join(standardResources, ", "), corev1.ResourceHugePagesPrefix)
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
