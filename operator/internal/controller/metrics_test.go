package controller

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// value returns a counter's value, or a histogram's sum.
func value(t *testing.T, collector prometheus.Metric) float64 {
	t.Helper()
	var m dto.Metric
	if err := collector.Write(&m); err != nil {
		t.Fatal(err)
	}
	if m.Histogram != nil {
		return m.Histogram.GetSampleSum()
	}
	return m.Counter.GetValue()
}

func TestResizesAndDrainsAreMeasured(t *testing.T) {
	now := time.Now()
	o := plan.Observed{MiniCluster: &api.MiniCluster{}, Now: now}
	o.MiniCluster.Status.Drain = &api.Drain{StartTime: metav1.NewTime(now.Add(-7 * time.Second))}
	up, down := resizes.WithLabelValues("up"), resizes.WithLabelValues("down")
	idle := drainSeconds.WithLabelValues("idle").(prometheus.Metric)
	before := []float64{value(t, up), value(t, down), value(t, idle), value(t, sizesOutOfBounds)}

	measure(o, plan.Report{
		Events:     []plan.Event{{Reason: api.EventDrained}, {Reason: api.EventScalingDown}},
		Violations: []bounds.Violation{{}},
	})
	for i, want := range []float64{0, 1, 7, 1} {
		got := []float64{value(t, up), value(t, down), value(t, idle), value(t, sizesOutOfBounds)}[i] - before[i]
		if diff := got - want; diff > 0.001 || diff < -0.001 {
			t.Errorf("metric %d grew by %v, want %v", i, got, want)
		}
	}
}

func TestTimeUntilReadyIsMeasuredOnce(t *testing.T) {
	var timer resizeTimer
	mc := &api.MiniCluster{}
	mc.Status.Desired = 2
	start := time.Now()
	before := value(t, readySeconds)
	for _, step := range []struct {
		after time.Duration
		state string
	}{{0, api.ReasonScalingUp}, {2 * time.Second, api.ReasonScalingUp}, {5 * time.Second, api.ReasonReady}, {9 * time.Second, api.ReasonReady}} {
		timer.follow(mc, plan.Report{Desired: 4, State: step.state}, start.Add(step.after))
		mc.Status.Desired = 4
	}
	if got := value(t, readySeconds) - before; got < 4.999 || got > 5.001 {
		t.Errorf("%v s were measured, want 5", got)
	}
}
