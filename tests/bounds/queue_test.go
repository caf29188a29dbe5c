package bounds

import (
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gopherlocks/gopherlocks/components"
	"github.com/gopherlocks/gopherlocks/crds/crdtest"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// TestScalingByTheQueueIsBoundedAsInTheAPI: a component takes what the API server takes,
// and nothing else.
func TestScalingByTheQueueIsBoundedAsInTheAPI(t *testing.T) {
	api := newJudges(t).api
	const maxSize = 4
	for _, test := range []struct {
		idleSeconds, spareRanks, step int
		taken                         bool
	}{
		{0, 0, 0, true},
		{604_800, maxSize, maxSize, true},
		{-1, 0, 0, false},
		{604_801, 0, 0, false},
		{0, -1, 0, false},
		{0, maxSize + 1, 0, false},
		{0, 0, -1, false},
		{0, 0, maxSize + 1, false},
	} {
		object := crdtest.MiniCluster(bounds.Sizes{Size: 1, MinSize: 1, MaxSize: maxSize}, false)
		object["spec"].(map[string]any)["autoscaling"] = map[string]any{"queue": map[string]any{
			"idleSeconds": int64(test.idleSeconds), "spareRanks": int64(test.spareRanks), "step": int64(test.step),
		}}
		args := components.MiniClusterArgs{
			Name: "sample", Namespace: pulumi.String("hpc"), MinSize: 1, MaxSize: maxSize, Flux: true,
			QueueAutoscale: &components.QueueAutoscaleArgs{IdleSeconds: &test.idleSeconds, SpareRanks: test.spareRanks, Step: test.step},
		}
		if refusals := api.Validate(object, nil); (len(refusals) == 0) != test.taken {
			t.Errorf("%+v: the API server says %q", test, refusals)
		}
		if problems := args.Check(); (len(problems) == 0) != test.taken {
			t.Errorf("%+v: the component says %v", test, problems)
		}
	}
}
