package build

import (
	"math"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func jobSpec(t *testing.T, mc *api.MiniCluster, f Features) batchv1.JobSpec {
	t.Helper()
	s := settings()
	s.Features = f
	job, err := Job(mc, 2, 4, s)
	if err != nil {
		t.Fatal(err)
	}
	return decode[batchv1.JobSpec](t, job.Spec)
}

func TestOldKubernetesGetsNoFieldThatItLacks(t *testing.T) {
	if spec := jobSpec(t, sample(), FeaturesOf(1, 30)); spec.SuccessPolicy != nil {
		t.Errorf("Job spec %s", encode(t, spec))
	}
}

func TestReplacementWaitsForTheEndOfThePod(t *testing.T) {
	equal(t, "podReplacementPolicy", jobSpec(t, sample(), FeaturesOf(1, 34)).PodReplacementPolicy, ptr.To(batchv1.Failed))
}

func TestLeadEndsTheJobOfFluxOnly(t *testing.T) {
	flux := jobSpec(t, sample(), FeaturesOf(1, 34))
	equal(t, "successPolicy", flux.SuccessPolicy, &batchv1.SuccessPolicy{
		Rules: []batchv1.SuccessPolicyRule{{SucceededIndexes: ptr.To("0")}},
	})
	if plain := jobSpec(t, plainSample(), FeaturesOf(1, 34)); plain.SuccessPolicy != nil {
		t.Errorf("without Flux: successPolicy %s", encode(t, plain.SuccessPolicy))
	}
}

func TestBackoffLimit(t *testing.T) {
	for _, c := range []struct {
		limit             int32
		perIndex, indexes *int32
	}{
		{0, ptr.To[int32](math.MaxInt32), nil},
		{3, ptr.To[int32](3), ptr.To[int32](0)},
	} {
		spec := jobSpec(t, with(sample(), func(s *api.MiniClusterSpec) { s.BackoffLimit = c.limit }), FeaturesOf(1, 34))
		equal(t, "backoffLimit", *spec.BackoffLimit, int32(math.MaxInt32))
		equal(t, "backoffLimitPerIndex", spec.BackoffLimitPerIndex, c.perIndex)
		equal(t, "maxFailedIndexes", spec.MaxFailedIndexes, c.indexes)
	}
}

// action is what the Job controller does about a rank's container that has ended
// with code: rules are tried in their order.
// Source: matchPodFailurePolicy of Kubernetes' Job controller.
func action(policy *batchv1.PodFailurePolicy, container string, code int32) batchv1.PodFailurePolicyAction {
	for _, rule := range policy.Rules {
		r := rule.OnExitCodes
		if r == nil || r.ContainerName != nil && *r.ContainerName != container {
			continue
		}
		listed := false
		for _, value := range r.Values {
			listed = listed || value == code
		}
		if listed == (r.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			return rule.Action
		}
	}
	return batchv1.PodFailurePolicyActionCount
}

func TestExitCodesOfTheRankDecide(t *testing.T) {
	const (
		ignore = batchv1.PodFailurePolicyActionIgnore
		fail   = batchv1.PodFailurePolicyActionFailJob
		count  = batchv1.PodFailurePolicyActionCount
	)
	twoContainers := func(mc *api.MiniCluster) *api.MiniCluster {
		mc.Spec.Containers[0].RunFlux = true
		mc.Spec.Containers = append(mc.Spec.Containers, api.Container{Name: "beside", Image: "image"})
		return mc
	}
	for _, c := range []struct {
		container   string
		code        int32
		flux, plain batchv1.PodFailurePolicyAction
	}{
		{"sample", agentapi.ExitStopped, ignore, ignore},
		{"sample", agentapi.ExitKilled, ignore, ignore},
		{"sample", agentapi.ExitLost, ignore, ignore},
		{"sample", agentapi.ExitTryAgain, count, count},
		{"sample", agentapi.ExitNotStarted, count, count},
		{"sample", agentapi.ExitUnusable, fail, count},
		{"sample", agentapi.ExitCommand, fail, count},
		{"sample", 3, fail, count},
		{"beside", 3, count, count},
		{"beside", agentapi.ExitStopped, count, count},
	} {
		flux := jobSpec(t, twoContainers(sample()), FeaturesOf(1, 34)).PodFailurePolicy
		plain := jobSpec(t, twoContainers(plainSample()), FeaturesOf(1, 34)).PodFailurePolicy
		if got := action(flux, c.container, c.code); got != c.flux {
			t.Errorf("with Flux, %s exits with %d: %s, want %s", c.container, c.code, got, c.flux)
		}
		if got := action(plain, c.container, c.code); got != c.plain {
			t.Errorf("without Flux, %s exits with %d: %s, want %s", c.container, c.code, got, c.plain)
		}
	}
}

func TestDisruptionIsIgnoredFirst(t *testing.T) {
	rule := jobSpec(t, sample(), FeaturesOf(1, 34)).PodFailurePolicy.Rules[0]
	if rule.Action != batchv1.PodFailurePolicyActionIgnore || len(rule.OnPodConditions) != 1 || rule.OnPodConditions[0].Type != "DisruptionTarget" {
		t.Errorf("first rule %s", encode(t, rule))
	}
}

func TestDeadline(t *testing.T) {
	spec := jobSpec(t, with(sample(), func(s *api.MiniClusterSpec) { s.DeadlineSeconds = 31500000 }), Features{})
	equal(t, "activeDeadlineSeconds", spec.ActiveDeadlineSeconds, ptr.To[int64](31500000))
	if spec := jobSpec(t, sample(), Features{}); spec.ActiveDeadlineSeconds != nil {
		t.Errorf("activeDeadlineSeconds %d without a deadline", *spec.ActiveDeadlineSeconds)
	}
}
