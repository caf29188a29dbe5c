package config

import (
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/components"
)

// queue are the settings of an instance of Flux that is scaled by its queue, with one
// of them changed.
func queue(key, value string) map[string]string {
	settings := map[string]string{"autoscaler": "queue", "flux": "true", "image": "i"}
	settings[key] = value
	return settings
}

func TestOneKeyChoosesTheAutoscaler(t *testing.T) {
	m := mustLoad(t, queue("resources", "{}")).MiniClusters[0]
	if q := m.QueueAutoscale; q == nil || *q.IdleSeconds != 60 || q.SpareRanks != 0 || q.Step != 1 || m.Autoscale != nil {
		t.Errorf("autoscaler queue: %+v, and by CPU %+v", q, m.Autoscale)
	}
	for name, changes := range map[string]map[string]string{"of CPU": {"autoscaler": "cpu"}, "by default": nil} {
		if m := mustLoad(t, changes).MiniClusters[0]; m.Autoscaler() != components.AutoscalerCPU || m.QueueAutoscale != nil {
			t.Errorf("%s: %q", name, m.Autoscaler())
		}
	}
	for _, by := range []string{"cpu", "queue"} {
		if m := mustLoad(t, map[string]string{"autoscaler": by, "autoscale": "false"}).MiniClusters[0]; m.Autoscaler() != "" {
			t.Errorf("with autoscale false it scales by %s", m.Autoscaler())
		}
	}
}

// TestTheQueueNeedsNoMetrics: nobody need serve any.
func TestTheQueueNeedsNoMetrics(t *testing.T) {
	changes := queue("metricsServer", "skip")
	changes["clusterProvider"] = "embedded"
	mustLoad(t, changes)
}

// TestAnAutoscalerThatIsNoneIsCheckedNoFurther: neither the HPA's demands hold nor the
// queue's.
func TestAnAutoscalerThatIsNoneIsCheckedNoFurther(t *testing.T) {
	_, err := load(t, map[string]string{"autoscaler": "gpu", "resources": "{}", "cpuTarget": "0", "idleSeconds": "-1"})
	if err == nil || strings.Count(err.Error(), "gopherlocks:") != 1 {
		t.Errorf("error = %v, want one problem", err)
	}
}
