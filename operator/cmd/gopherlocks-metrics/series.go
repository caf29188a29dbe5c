package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxmetrics"
)

// seriesPrefix is that of Prometheus' series.
const seriesPrefix = "gopherlocks_minicluster_"

// scrapeTime bounds a scrape. Prometheus waits for ten seconds by default.
const scrapeTime = 9 * time.Second

var seriesLabels = []string{"namespace", "minicluster"}

// answersSeries tells whether a lead answers: without, a MiniCluster has no other series.
var answersSeries = prometheus.NewDesc(seriesPrefix+"answers", "1 if the lead tells its numbers, 0 if not.", seriesLabels, nil)

// series are those of all MiniClusters of Flux. They are asked for at each scrape.
type series struct {
	source source
	descs  map[string]*prometheus.Desc
}

func newSeries(s source) series {
	descs := map[string]*prometheus.Desc{}
	for _, m := range fluxmetrics.All {
		descs[m.Name] = prometheus.NewDesc(seriesPrefix+m.Name, m.Help, seriesLabels, nil)
	}
	return series{s, descs}
}

// Describe tells which series there may be.
func (s series) Describe(out chan<- *prometheus.Desc) {
	out <- answersSeries
	for _, desc := range s.descs {
		out <- desc
	}
}

// Collect asks the leads.
func (s series) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	readings, err := s.source.Select(ctx, "", labels.Everything())
	if err != nil {
		out <- prometheus.NewInvalidMetric(answersSeries, err)
		return
	}
	for _, r := range readings {
		gauge := func(desc *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, r.MiniCluster.Namespace, r.MiniCluster.Name)
		}
		if r.Err != nil {
			gauge(answersSeries, 0)
			continue
		}
		gauge(answersSeries, 1)
		for _, m := range fluxmetrics.All {
			gauge(s.descs[m.Name], float64(m.Value(r.Numbers)))
		}
	}
}
