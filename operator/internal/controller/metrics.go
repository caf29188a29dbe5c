package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// The operator's own metrics. None has a label of a MiniCluster's name: their
// number does not grow with that of MiniClusters.
var (
	resizes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gopherlocks_resizes_total",
		Help: "Resizes of Jobs, by direction: up or down.",
	}, []string{"direction"})
	drainSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gopherlocks_drain_seconds",
		Help:    "Time from the decision that ranks go to the end of their draining, by outcome: idle, timeout or canceled.",
		Buckets: prometheus.ExponentialBuckets(0.25, 4, 8), // 0.25 s to 68 min
	}, []string{"outcome"})
	sizesOutOfBounds = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "gopherlocks_sizes_out_of_bounds_total",
		Help: "Sizes that the API let pass although they break the bounds rule, and that the operator did not follow.",
	})
	readySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gopherlocks_wish_to_ready_seconds",
		Help:    "Time from the operator's first sight of a desired size to the state Ready with it.",
		Buckets: prometheus.ExponentialBuckets(0.25, 2, 14), // 0.25 s to 34 min
	})
)

func init() { metrics.Registry.MustRegister(resizes, drainSeconds, sizesOutOfBounds, readySeconds) }

// measure counts what the plan has done.
func measure(o plan.Observed, p plan.Report) {
	for _, e := range p.Events {
		switch e.Reason {
		case api.EventScalingUp:
			resizes.WithLabelValues("up").Inc()
		case api.EventScalingDown:
			resizes.WithLabelValues("down").Inc()
		case api.EventDrained:
			drainSeconds.WithLabelValues("idle").Observe(drainedFor(o))
		case api.EventDrainTimedOut:
			drainSeconds.WithLabelValues("timeout").Observe(drainedFor(o))
		case api.EventDrainCanceled:
			drainSeconds.WithLabelValues("canceled").Observe(drainedFor(o))
		}
	}
	within := meta.FindStatusCondition(o.MiniCluster.Status.Conditions, api.ConditionSizeWithinBounds)
	if len(p.Violations) > 0 && (within == nil || within.Reason == api.ReasonWithinBounds) {
		sizesOutOfBounds.Inc()
	}
}

// drainedFor returns the seconds since the decision; 0 when the answer has come
// before the cache has the status that tells of it.
func drainedFor(o plan.Observed) float64 {
	if o.MiniCluster.Status.Drain == nil {
		return 0
	}
	return o.Now.Sub(o.MiniCluster.Status.Drain.StartTime.Time).Seconds()
}

// resizeTimer remembers since when a MiniCluster is on the way to a size: not at all
// while the time is zero.
type resizeTimer struct {
	size  int32
	since time.Time
}

// follow notes a new desired size, and measures when it is reached.
func (t *resizeTimer) follow(mc *api.MiniCluster, p plan.Report, now time.Time) {
	waiting := !t.since.IsZero()
	switch {
	case p.State == api.ReasonReady:
		if waiting && t.size == p.Desired {
			readySeconds.Observe(now.Sub(t.since).Seconds())
		}
		*t = resizeTimer{}
	case mc.Status.Desired != p.Desired && (!waiting || t.size != p.Desired):
		*t = resizeTimer{p.Desired, now}
	}
}
