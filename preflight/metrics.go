package preflight

import (
	"fmt"

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

// servedBy names what answers, so that a reader can find it.
func (m MetricsAPI) servedBy() string {
	name := "the API server itself"
	if m.Service != "" {
		name = "Service " + m.Service
	}
	if m.Stack != "" {
		name += " of the stack " + m.Stack
	}
	return name
}
