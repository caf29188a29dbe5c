package build

import (
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// setPolicies decides which ends of pods end the Job.
func setPolicies(spec *batchv1ac.JobSpecApplyConfiguration, mc *api.MiniCluster, f Features) {
	setBackoff(spec, mc.Spec.BackoffLimit)
	spec.WithPodFailurePolicy(podFailurePolicy(mc))
	// Two pods of one index would share a host name and a rank.
	spec.WithPodReplacementPolicy(batchv1.Failed)
	if f.SuccessPolicy && FluxEnabled(mc) {
		// The lead ends with the command; followers never end by themselves.
		spec.WithSuccessPolicy(batchv1ac.SuccessPolicy().WithRules(
			batchv1ac.SuccessPolicyRule().WithSucceededIndexes("0")))
	}
	if mc.Spec.DeadlineSeconds > 0 {
		spec.WithActiveDeadlineSeconds(mc.Spec.DeadlineSeconds)
	}
}

// setBackoff decides how often a rank that fails is replaced: without a limit
// however often, since a MiniCluster is there until it is deleted. The Job
// controller waits longer with each failure (10 s, doubled up to 10 min, also for
// the failures that podFailurePolicy ignores, which the plan has it forget once
// the rank is back: plan.Actions.ForgetStops). Counted per index, that leaves the
// other ranks alone; counted per Job, one evicted rank would hold up growth.
func setBackoff(spec *batchv1ac.JobSpecApplyConfiguration, limit int32) {
	perRank := limit
	if limit <= 0 {
		perRank = math.MaxInt32
	}
	spec.WithBackoffLimit(math.MaxInt32).WithBackoffLimitPerIndex(perRank)
	if limit > 0 {
		// Else the Job would go on without the rank that has used up its limit.
		spec.WithMaxFailedIndexes(0)
	}
}

// podFailurePolicy keeps an intended stop (scaling down, eviction, node drain),
// and the loss or restart of a node, from counting as a failure. With Flux, the
// first other exit code of the lead is the end: it is the command's, or says that
// trying again does not help. agentapi.ExitTryAgain and ExitNotStarted count
// against backoffLimit.
//
// Only the rank's container decides: others may end as they like.
func podFailurePolicy(mc *api.MiniCluster) *batchv1ac.PodFailurePolicyApplyConfiguration {
	exitCodes := func(operator batchv1.PodFailurePolicyOnExitCodesOperator, codes ...int32) *batchv1ac.PodFailurePolicyOnExitCodesRequirementApplyConfiguration {
		return batchv1ac.PodFailurePolicyOnExitCodesRequirement().
			WithContainerName(RankContainerName(mc)).
			WithOperator(operator).
			WithValues(codes...) // in ascending order
	}
	policy := batchv1ac.PodFailurePolicy().WithRules(
		batchv1ac.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionIgnore).
			WithOnPodConditions(batchv1ac.PodFailurePolicyOnPodConditionsPattern().
				WithType(corev1.DisruptionTarget).
				WithStatus(corev1.ConditionTrue)),
		batchv1ac.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionIgnore).
			WithOnExitCodes(exitCodes(batchv1.PodFailurePolicyOnExitCodesOpIn,
				agentapi.ExitKilled, agentapi.ExitStopped, agentapi.ExitLost)))
	if FluxEnabled(mc) {
		policy.WithRules(batchv1ac.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionFailJob).
			WithOnExitCodes(exitCodes(batchv1.PodFailurePolicyOnExitCodesOpNotIn,
				0, agentapi.ExitTryAgain, agentapi.ExitNotStarted, agentapi.ExitKilled, agentapi.ExitStopped, agentapi.ExitLost)))
	}
	return policy
}
