package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/externalscaler"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxmetrics"
)

var errSilent = errors.New("its lead does not tell: no route")

// fake has the numbers of hpc/sample, and knows that hpc/silent has none.
type fake struct{ steps []fluxmetrics.Numbers }

var numbers = fluxmetrics.Numbers{Counts: agentapi.Counts{Nodes: agentapi.UpAndFree{Up: 2}, Jobs: agentapi.JobCounts{Sched: 1}}, Wanted: 3}

func (fake) Of(_ context.Context, key types.NamespacedName) (fluxmetrics.Numbers, error) {
	switch key.String() {
	case "hpc/sample":
		return numbers, nil
	case "hpc/silent":
		return fluxmetrics.Numbers{}, errSilent
	}
	return fluxmetrics.Numbers{}, apierrors.NewNotFound(miniClusters, key.Name)
}

func (f fake) Select(_ context.Context, _ string, selector labels.Selector) ([]fluxmetrics.Reading, error) {
	var found []fluxmetrics.Reading
	for _, name := range []string{"sample", "silent"} {
		if selector.Matches(labels.Set{"name": name}) {
			key := types.NamespacedName{Namespace: "hpc", Name: name}
			n, err := f.Of(context.Background(), key)
			found = append(found, fluxmetrics.Reading{MiniCluster: key, Numbers: n, Err: err})
		}
	}
	return found, nil
}

func (f fake) Follow(_ context.Context, _ types.NamespacedName, tell func(fluxmetrics.Numbers) error) error {
	for _, n := range f.steps {
		if err := tell(n); err != nil {
			return err
		}
	}
	return context.Canceled
}

func TestMetricsOfOneAndOfMany(t *testing.T) {
	m := metrics{fake{}}
	info := provider.CustomMetricInfo{GroupResource: miniClusters, Namespaced: true, Metric: fluxmetrics.RanksWanted}
	value, err := m.GetMetricByName(t.Context(), types.NamespacedName{Namespace: "hpc", Name: "sample"}, info, labels.Everything())
	if err != nil || value.Value.Value() != 3 || value.DescribedObject.Kind != "MiniCluster" || value.Metric.Name != fluxmetrics.RanksWanted || value.Timestamp.IsZero() {
		t.Errorf("%+v, %v", value, err)
	}
	list, err := m.GetMetricBySelector(t.Context(), "hpc", labels.SelectorFromSet(labels.Set{"name": "sample"}), info, nil)
	if err != nil || len(list.Items) != 1 || list.Items[0].DescribedObject.Name != "sample" {
		t.Errorf("%+v, %v", list, err)
	}
	if len(m.ListAllMetrics()) != len(fluxmetrics.All) {
		t.Error("some metrics are not listed")
	}

	other := info
	other.GroupResource = schema.GroupResource{Resource: "pods"}
	unknown := info
	unknown.Metric = "cpu"
	labeled, err := labels.Parse("rank=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		info     provider.CustomMetricInfo
		selector labels.Selector
		is       func(error) bool
		want     string
	}{
		{"sample", other, nil, apierrors.IsNotFound, "only miniclusters.flux-framework.org have metrics here"},
		{"sample", unknown, nil, apierrors.IsNotFound, "the metrics are ranks_wanted_count"},
		{"sample", info, labeled, apierrors.IsNotFound, "it has no labels"},
		{"nobody", info, nil, apierrors.IsNotFound, `"nobody" not found`},
		{"silent", info, nil, apierrors.IsServiceUnavailable, "MiniCluster hpc/silent: its lead does not tell"},
	} {
		_, err := m.GetMetricByName(t.Context(), types.NamespacedName{Namespace: "hpc", Name: test.name}, test.info, test.selector)
		if err == nil || !test.is(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %s: %v, want %q", test.info.Metric, test.name, err, test.want)
		}
	}
	if _, err := m.GetMetricBySelector(t.Context(), "hpc", labels.Everything(), info, nil); !apierrors.IsServiceUnavailable(err) {
		t.Errorf("one is silent: %v", err)
	}
}

func ref(metadata map[string]string) *externalscaler.ScaledObjectRef {
	return &externalscaler.ScaledObjectRef{Name: "sample", Namespace: "hpc", Metadata: metadata}
}

func TestScalerAnswersByItsMetadata(t *testing.T) {
	s := scaler{fake{}}
	for _, test := range []struct {
		metadata map[string]string
		metric   string
		target   float64
		value    float64
	}{
		{nil, fluxmetrics.RanksWanted, 1, 3},
		{map[string]string{"metric": "node_up_count", "target": "2.5"}, "node_up_count", 2.5, 2},
		{map[string]string{"miniCluster": "sample", "namespace": "hpc", "metric": "node_free_count"}, "node_free_count", 1, 0},
	} {
		spec, err := s.GetMetricSpec(t.Context(), ref(test.metadata))
		if err != nil || spec.Specs[0] != (externalscaler.MetricSpec{Name: test.metric, Target: test.target}) {
			t.Errorf("%v: %+v, %v", test.metadata, spec, err)
		}
		got, err := s.GetMetrics(t.Context(), &externalscaler.GetMetricsRequest{Object: *ref(test.metadata), Metric: test.metric})
		if err != nil || got.Values[0] != (externalscaler.MetricValue{Name: test.metric, Value: test.value}) {
			t.Errorf("%v: %+v, %v", test.metadata, got, err)
		}
		if active, err := s.IsActive(t.Context(), ref(test.metadata)); err != nil || active.Result != (test.value > 0) {
			t.Errorf("%v: %+v, %v", test.metadata, active, err)
		}
	}
	for _, test := range []struct {
		metadata map[string]string
		code     codes.Code
		want     string
	}{
		{map[string]string{"metric": "cpu"}, codes.InvalidArgument, `metadata.metric "cpu" is not known: the metrics are `},
		{map[string]string{"target": "0"}, codes.InvalidArgument, `metadata.target "0" must be a number above 0`},
		{map[string]string{"target": "many"}, codes.InvalidArgument, `metadata.target "many" must be`},
		{map[string]string{"miniCluster": "nobody"}, codes.NotFound, "there is no MiniCluster hpc/nobody: name it by metadata.miniCluster"},
		{map[string]string{"miniCluster": "silent"}, codes.Unavailable, "MiniCluster hpc/silent: its lead does not tell"},
	} {
		if _, err := s.IsActive(t.Context(), ref(test.metadata)); status.Code(err) != test.code || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.metadata, err, test.want)
		}
	}
	if _, err := s.GetMetrics(t.Context(), &externalscaler.GetMetricsRequest{Object: *ref(nil), Metric: "node_up_count"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("another metric than the trigger's: %v", err)
	}
}

func TestScalerStreamsOnlyChanges(t *testing.T) {
	s := scaler{fake{[]fluxmetrics.Numbers{{}, {}, {Wanted: 1}, {Wanted: 2}, {}}}}
	var told []bool
	err := s.StreamIsActive(t.Context(), ref(nil), func(r *externalscaler.IsActiveResponse) error {
		told = append(told, r.Result)
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(told) != 3 || told[0] || !told[1] || told[2] {
		t.Errorf("told %v, %v", told, err)
	}
}

func TestSeriesTellWhoDoesNotAnswer(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(newSeries(fake{}))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			got[family.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	if len(got) != len(fluxmetrics.All)+2 || got[seriesPrefix+"answers sample"] != 1 || got[seriesPrefix+"answers silent"] != 0 || got[seriesPrefix+"ranks_wanted_count sample"] != 3 {
		t.Errorf("%v", got)
	}
}

func TestOptions(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "home")
	o, err := parseOptions(nil, io.Discard)
	if err != nil || o != (options{namespace: "home", securePort: 6443, kedaAddress: ":6000", seriesAddress: ":8080"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"--namespace="}, {"--secure-port=0"}, {"--secure-port=70000"}, {"serve"}, {"--log-level=loud"}} {
		if o, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q gives %+v, want an error", args, o)
		}
	}
}
