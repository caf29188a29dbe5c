package autoscaler

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// None has a label of a MiniCluster's name: their number does not grow with that of
// MiniClusters.
var (
	decisions = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gopherlocks_queue_decisions_total",
		Help: "Sizes that were written because of a queue, by direction: up or down.",
	}, []string{"direction"})
	writeSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gopherlocks_queue_report_to_write_seconds",
		Help:    "Time from the lead's report that asks for more ranks to the write of the size.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 14), // 5 ms to 41 s
	})
	readySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "gopherlocks_queue_report_to_ready_seconds",
		Help:    "Time from the lead's report that asks for more ranks to the state Ready with them.",
		Buckets: prometheus.ExponentialBuckets(0.25, 2, 14), // 0.25 s to 34 min
	})
)

func init() { metrics.Registry.MustRegister(decisions, writeSeconds, readySeconds) }
