package main

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/externalscaler"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxmetrics"
)

// What a user writes in the metadata of a trigger of type external or external-push.
const (
	metadataMiniCluster = "miniCluster" // Default: the name of the ScaledObject.
	metadataNamespace   = "namespace"   // Default: that of the ScaledObject.
	metadataMetric      = "metric"      // Default: fluxmetrics.RanksWanted.
	metadataTarget      = "target"      // Default: 1, so that the size becomes the metric's value.
)

// scaler answers KEDA.
type scaler struct{ source source }

var _ externalscaler.Scaler = scaler{}

// trigger is what KEDA is to be answered about.
type trigger struct {
	key    types.NamespacedName
	metric fluxmetrics.Metric
	target float64
}

func triggerOf(object *externalscaler.ScaledObjectRef) (trigger, error) {
	or := func(name, otherwise string) string {
		if value := object.Metadata[name]; value != "" {
			return value
		}
		return otherwise
	}
	t := trigger{key: types.NamespacedName{Namespace: or(metadataNamespace, object.Namespace), Name: or(metadataMiniCluster, object.Name)}}
	name, known := or(metadataMetric, fluxmetrics.RanksWanted), false
	if t.metric, known = fluxmetrics.Find(name); !known {
		return t, status.Errorf(codes.InvalidArgument, "metadata.%s %q is not known: the metrics are %s", metadataMetric, name, fluxmetrics.Names())
	}
	text := or(metadataTarget, "1")
	target, err := strconv.ParseFloat(text, 64)
	if err != nil || !(target > 0) {
		return t, status.Errorf(codes.InvalidArgument, "metadata.%s %q must be a number above 0", metadataTarget, text)
	}
	t.target = target
	return t, nil
}

func (s scaler) value(ctx context.Context, t trigger) (int64, error) {
	n, err := s.source.Of(ctx, t.key)
	switch {
	case apierrors.IsNotFound(err):
		return 0, status.Errorf(codes.NotFound, "there is no MiniCluster %s: name it by metadata.%s", t.key, metadataMiniCluster)
	case err != nil:
		return 0, status.Errorf(codes.Unavailable, "MiniCluster %s: %v", t.key, err)
	}
	return t.metric.Value(n), nil
}

// IsActive tells whether the metric is above 0.
func (s scaler) IsActive(ctx context.Context, object *externalscaler.ScaledObjectRef) (*externalscaler.IsActiveResponse, error) {
	t, err := triggerOf(object)
	if err != nil {
		return nil, err
	}
	value, err := s.value(ctx, t)
	return &externalscaler.IsActiveResponse{Result: value > 0}, err
}

// StreamIsActive tells it when it changes. The lead tells of the queue, so that nobody is
// asked again and again.
func (s scaler) StreamIsActive(ctx context.Context, object *externalscaler.ScaledObjectRef, send func(*externalscaler.IsActiveResponse) error) error {
	t, err := triggerOf(object)
	if err != nil {
		return err
	}
	var told *bool
	return s.source.Follow(ctx, t.key, func(n fluxmetrics.Numbers) error {
		active := t.metric.Value(n) > 0
		if told != nil && *told == active {
			return nil
		}
		told = &active
		return send(&externalscaler.IsActiveResponse{Result: active})
	})
}

// GetMetricSpec tells what each replica is to have.
func (s scaler) GetMetricSpec(_ context.Context, object *externalscaler.ScaledObjectRef) (*externalscaler.GetMetricSpecResponse, error) {
	t, err := triggerOf(object)
	if err != nil {
		return nil, err
	}
	return &externalscaler.GetMetricSpecResponse{Specs: []externalscaler.MetricSpec{{Name: t.metric.Name, Target: t.target}}}, nil
}

// GetMetrics tells the value.
func (s scaler) GetMetrics(ctx context.Context, request *externalscaler.GetMetricsRequest) (*externalscaler.GetMetricsResponse, error) {
	t, err := triggerOf(&request.Object)
	if err != nil {
		return nil, err
	}
	if request.Metric != t.metric.Name {
		return nil, status.Error(codes.InvalidArgument, fmt.Sprintf("metric %q is not that of the trigger, %s", request.Metric, t.metric.Name))
	}
	value, err := s.value(ctx, t)
	if err != nil {
		return nil, err
	}
	return &externalscaler.GetMetricsResponse{Values: []externalscaler.MetricValue{{Name: t.metric.Name, Value: float64(value)}}}, nil
}
