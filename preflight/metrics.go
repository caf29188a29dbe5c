package preflight

import (
	"fmt"
	"slices"

	"github.com/gopherlocks/gopherlocks/declared"
)

// installsMetricsServer gives the same answer in each update. What the stack has
// installed has its name, so the next update keeps it. As long as somebody else's
// is there, the stack installs none.
func installsMetricsServer(want Desired, f Facts) bool {
	switch want.Metrics {
	case MetricsInstall:
		return true
	case MetricsSkip:
		return false
	default:
		return f.MetricsAPI == nil || f.MetricsAPI.Stack == want.Stack
	}
}

// checkMetricsServer refuses to install a second one.
func checkMetricsServer(want Desired, f Facts) []Problem {
	m := f.MetricsAPI
	if m == nil || m.Stack == want.Stack || want.Metrics != MetricsInstall {
		return nil
	}
	return []Problem{{ReasonMetricsServerExists, fmt.Sprintf(
		"metricsServer is %s, and %s serves %s already, which this stack has not made. Use that one: pulumi config set "+
			"metricsServer %s; or remove it first", MetricsInstall, m.servedBy(), declared.MetricsAPIName, MetricsAuto)}}
}

// checkCustomMetrics refuses to serve an API in the place of somebody else's adapter: a cluster
// has one custom metrics API, and the adapter's autoscalers would lose their metrics.
func checkCustomMetrics(want Desired, f Facts) (found []Problem) {
	for _, o := range want.Objects {
		if owner, there := f.Objects[o.ID()]; there && want.replaces(o, owner) {
			found = append(found, Problem{ReasonCustomMetricsExist, fmt.Sprintf(
				"%s serves %s already, and a cluster has one custom metrics API: its autoscalers would lose their metrics. Leave it there: "+
					"pulumi config set queueMetrics false; or remove it first", owner.servedBy(), o.Name)})
		}
	}
	return found
}

// replaces says that an object is an APIService of another adapter, such as Prometheus', and
// not only of another stack.
func (d Desired) replaces(o declared.Object, owner Owned) bool {
	return o.Resource == declared.APIServices && o.Exclusive && owner.Stack != d.Stack &&
		!slices.ContainsFunc(d.Objects, func(s declared.Object) bool {
			return s.Resource == declared.Services && NamespacedName{s.Namespace, s.Name}.String() == owner.Service
		})
}

// servedBy names what answers for an APIService, so that a reader can find it.
func (o Owned) servedBy() string {
	name := "the API server itself"
	if o.Service != "" {
		name = "Service " + o.Service
	}
	if o.Stack != "" {
		name += " of the stack " + o.Stack
	}
	return name
}
