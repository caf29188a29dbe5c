package components

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components/componentstest"
)

func TestQueueAutoscaleIsDeclaredOnTheMiniCluster(t *testing.T) {
	for name, c := range map[string]struct {
		args QueueAutoscaleArgs
		want map[string]any
	}{
		"the operator's defaults": {QueueAutoscaleArgs{}, map[string]any{}},
		"each value":              {QueueAutoscaleArgs{IdleSeconds: pulumi.IntRef(30), SpareRanks: 1, Step: 2}, map[string]any{"idleSeconds": 30.0, "spareRanks": 1.0, "step": 2.0}},
		"every size":              {QueueAutoscaleArgs{Step: 1}, map[string]any{}},
		"no idle time":            {QueueAutoscaleArgs{IdleSeconds: pulumi.IntRef(0)}, map[string]any{"idleSeconds": 0.0}},
	} {
		t.Run(name, func(t *testing.T) {
			r := componentstest.Declare(t, declareSample(sample(func(a *MiniClusterArgs) { a.Flux, a.QueueAutoscale = true, &c.args })))
			if got := r.Get(t, miniClusterObject, "sample").At("spec.autoscaling.queue"); !reflect.DeepEqual(got, any(c.want)) {
				t.Errorf("spec.autoscaling.queue = %v, want %v", got, c.want)
			}
		})
	}
	for name, args := range map[string]MiniClusterArgs{"no autoscaler": sample(), "an HPA": sample(autoscaled)} {
		if got := componentstest.Declare(t, declareSample(args)).Get(t, miniClusterObject, "sample").At("spec.autoscaling"); got != nil {
			t.Errorf("%s: spec.autoscaling = %v is declared", name, got)
		}
	}
}

// TestQueueAutoscaleNeedsNoCPURequest: it measures jobs.
func TestQueueAutoscaleNeedsNoCPURequest(t *testing.T) {
	if found := sample(scaledByQueue, func(a *MiniClusterArgs) { a.Resources = nil }).Check(); len(found) != 0 {
		t.Errorf("refused: %v", found)
	}
}

func TestQueueAutoscaleThatCannotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*MiniClusterArgs)
		want   string
	}{
		"both autoscalers":      {autoscaled, "autoscaler: Autoscale and QueueAutoscale are both set: a MiniCluster has one autoscaler; remove one of the two"},
		"without Flux":          {func(a *MiniClusterArgs) { a.Flux = false }, "autoscaler: queue needs flux true: without Flux there is no queue; take cpu, or set flux"},
		"an idle time below 0":  {func(a *MiniClusterArgs) { a.QueueAutoscale.IdleSeconds = pulumi.IntRef(-1) }, "idleSeconds: idleSeconds -1 must be from 0 to 604800 (seconds)"},
		"more than a week":      {func(a *MiniClusterArgs) { a.QueueAutoscale.IdleSeconds = pulumi.IntRef(604801) }, "idleSeconds: idleSeconds 604801 must be from 0 to 604800 (seconds)"},
		"more spare than ranks": {func(a *MiniClusterArgs) { a.QueueAutoscale.SpareRanks = 5 }, "spareRanks: spareRanks 5 must be at most maxSize 4"},
		"spare ranks below 0":   {func(a *MiniClusterArgs) { a.QueueAutoscale.SpareRanks = -1 }, "spareRanks: spareRanks -1 must be at least 0"},
		"a step beyond maxSize": {func(a *MiniClusterArgs) { a.QueueAutoscale.Step = 5 }, "scaleStep: scaleStep 5 must be at most maxSize 4"},
		"a step below 0":        {func(a *MiniClusterArgs) { a.QueueAutoscale.Step = -2 }, "scaleStep: scaleStep -2 must be at least 0"},
	} {
		t.Run(name, func(t *testing.T) {
			componentstest.MustRefuse(t, declareSample(sample(scaledByQueue, c.change)), "MiniCluster flux-sample: "+c.want)
		})
	}
	edges := sample(scaledByQueue, func(a *MiniClusterArgs) {
		a.QueueAutoscale = &QueueAutoscaleArgs{IdleSeconds: pulumi.IntRef(maxIdleSeconds), SpareRanks: 4, Step: 4}
	})
	if found := edges.Check(); len(found) != 0 {
		t.Errorf("what is at the bounds is refused: %v", found)
	}
}

// TestAutoscalersAreSwitchedOneAfterTheOther: the HPA comes after the MiniCluster, which
// by then scales by its queue no more. In the other direction Pulumi deletes the HPA
// last, and the operator waits for that. Of the MiniCluster nothing else changes: its
// size stays, and its ranks run on.
func TestAutoscalersAreSwitchedOneAfterTheOther(t *testing.T) {
	flux := func(a *MiniClusterArgs) { a.Flux = true }
	byCPU := componentstest.Declare(t, declareSample(sample(flux, autoscaled, sized(3))))
	byQueue := componentstest.Declare(t, declareSample(sample(scaledByQueue, sized(3))))
	hpa := byCPU.Get(t, hpaObject, "sample-hpa")
	if after := hpa.RPC.GetDependencies(); !slices.ContainsFunc(after, func(urn string) bool { return strings.HasSuffix(urn, miniClusterObject+"::sample") }) {
		t.Errorf("the HPA comes after %q, want the MiniCluster among them", after)
	}
	before, after := byCPU.Get(t, miniClusterObject, "sample"), byQueue.Get(t, miniClusterObject, "sample")
	spec := maps.Clone(after.At("spec").(map[string]any))
	delete(spec, "autoscaling")
	if !reflect.DeepEqual(before.At("spec"), any(spec)) || !reflect.DeepEqual(before.At("metadata"), after.At("metadata")) {
		t.Errorf("more changes than the autoscaler:\n%v\n%v", before.Inputs, after.Inputs)
	}
	if !slices.Equal(before.RPC.GetIgnoreChanges(), after.RPC.GetIgnoreChanges()) {
		t.Errorf("the size goes from one owner to another: ignored changes are %q and %q", before.RPC.GetIgnoreChanges(), after.RPC.GetIgnoreChanges())
	}
}
