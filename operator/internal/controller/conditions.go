package controller

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// readyCondition is true while every desired rank is ready, also while ranks
// above the desired size are still ending.
func readyCondition(generation int64, p plan.Plan) metav1.Condition {
	ready := p.State == api.ReasonReady || p.State == api.ReasonScalingDown
	return condition(api.ConditionReady, ready, p.State, p.Message, generation)
}

// progressingCondition is true while waiting helps. Its reason is the state that
// "kubectl get" prints.
func progressingCondition(generation int64, p plan.Plan) metav1.Condition {
	progressing := false
	switch p.State {
	case api.ReasonStarting, api.ReasonScalingUp, api.ReasonScalingDown,
		api.ReasonRecreating, api.ReasonCompleting, api.ReasonDeleting:
		progressing = true
	}
	return condition(api.ConditionProgressing, progressing, p.State, p.Message, generation)
}

// sizeWithinBoundsCondition is false when the spec breaks the bounds rule, which
// the API server refuses: only an older definition of the resource lets it pass.
func sizeWithinBoundsCondition(generation int64, p plan.Plan) metav1.Condition {
	if len(p.Violations) == 0 {
		return condition(api.ConditionSizeWithinBounds, true, api.ReasonWithinBounds,
			fmt.Sprintf("the size keeps to its bounds; the maximum is %d", p.Maximum), generation)
	}
	var messages []string
	for _, v := range p.Violations {
		messages = append(messages, v.Message)
	}
	return condition(api.ConditionSizeWithinBounds, false, p.Violations[0].Reason,
		fmt.Sprintf("%s; running with size %d", strings.Join(messages, "; "), p.Desired), generation)
}

// needsAttention tells whether a state will not pass by itself.
func needsAttention(state string) bool {
	switch state {
	case api.ReasonNameConflict, api.ReasonInvalidCommand, api.ReasonJobFailed, api.ReasonApplyFailed:
		return true
	}
	return false
}

func condition(conditionType string, isTrue bool, reason, message string, generation int64) metav1.Condition {
	status := metav1.ConditionFalse
	if isTrue {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: message, ObservedGeneration: generation,
	}
}
