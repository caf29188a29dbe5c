package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxmetrics"
)

// miniClusters is the resource whose objects the metrics describe.
var miniClusters = schema.GroupResource{Group: api.GroupVersion.Group, Resource: "miniclusters"}

// source is where the numbers come from.
type source interface {
	Of(ctx context.Context, key types.NamespacedName) (fluxmetrics.Numbers, error)
	Select(ctx context.Context, namespace string, selector labels.Selector) ([]fluxmetrics.Reading, error)
	Follow(ctx context.Context, key types.NamespacedName, tell func(fluxmetrics.Numbers) error) error
}

var _ source = (*fluxmetrics.Source)(nil)

// metrics serves the custom metrics API.
type metrics struct{ source source }

var _ provider.CustomMetricsProvider = metrics{}

// ListAllMetrics returns those of each MiniCluster.
func (m metrics) ListAllMetrics() []provider.CustomMetricInfo {
	var infos []provider.CustomMetricInfo
	for _, metric := range fluxmetrics.All {
		infos = append(infos, provider.CustomMetricInfo{GroupResource: miniClusters, Namespaced: true, Metric: metric.Name})
	}
	return infos
}

// find returns the metric that is asked for.
func find(info provider.CustomMetricInfo) (fluxmetrics.Metric, error) {
	metric, known := fluxmetrics.Find(info.Metric)
	switch {
	case info.GroupResource != miniClusters:
		return metric, notFound("metric %s of %s: only %s have metrics here", info.Metric, info.GroupResource, miniClusters)
	case !known:
		return metric, notFound("metric %s of %s: the metrics are %s", info.Metric, miniClusters, fluxmetrics.Names())
	}
	return metric, nil
}

func notFound(format string, values ...any) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: 404, Reason: metav1.StatusReasonNotFound, Message: fmt.Sprintf(format, values...),
	}}
}

// unanswered says why a MiniCluster has no numbers now. It is never taken for 0.
func unanswered(key types.NamespacedName, err error) error {
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown { // It is the API server's.
		return err
	}
	return apierrors.NewServiceUnavailable(fmt.Sprintf("MiniCluster %s: %v", key, err))
}

// GetMetricByName returns a metric of one MiniCluster.
func (m metrics) GetMetricByName(ctx context.Context, key types.NamespacedName, info provider.CustomMetricInfo, selector labels.Selector) (*custom_metrics.MetricValue, error) {
	metric, err := find(info)
	if err != nil {
		return nil, err
	}
	n, err := m.source.Of(ctx, key)
	if err != nil {
		return nil, unanswered(key, err)
	}
	value, err := valueOf(metric, key, n, selector)
	return &value, err
}

// GetMetricBySelector returns a metric of each of the MiniClusters of Flux that the selector
// selects.
func (m metrics) GetMetricBySelector(ctx context.Context, namespace string, selector labels.Selector, info provider.CustomMetricInfo, metricSelector labels.Selector) (*custom_metrics.MetricValueList, error) {
	metric, err := find(info)
	if err != nil {
		return nil, err
	}
	readings, err := m.source.Select(ctx, namespace, selector)
	if err != nil {
		return nil, err
	}
	list := &custom_metrics.MetricValueList{}
	for _, r := range readings {
		if r.Err != nil {
			return nil, unanswered(r.MiniCluster, r.Err)
		}
		value, err := valueOf(metric, r.MiniCluster, r.Numbers, metricSelector)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, value)
	}
	return list, nil
}

func valueOf(metric fluxmetrics.Metric, key types.NamespacedName, n fluxmetrics.Numbers, selector labels.Selector) (custom_metrics.MetricValue, error) {
	// A series of one metric is chosen by its labels, and these have none.
	if selector != nil && !selector.Empty() {
		return custom_metrics.MetricValue{}, notFound("metric %s with labels %s: it has no labels; leave metric.selector out", metric.Name, selector)
	}
	return custom_metrics.MetricValue{
		DescribedObject: custom_metrics.ObjectReference{
			APIVersion: api.GroupVersion.String(), Kind: api.Kind, Namespace: key.Namespace, Name: key.Name,
		},
		Metric:    custom_metrics.MetricIdentifier{Name: metric.Name},
		Timestamp: metav1.NewTime(time.Now()),
		Value:     *resource.NewQuantity(metric.Value(n), resource.DecimalSI),
	}, nil
}
