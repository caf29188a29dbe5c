package controller

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// readyCondition is true while every desired rank is ready, also while ranks drain or
// those above the desired size end; and of what sleeps as it is to.
func readyCondition(generation int64, p plan.Report) metav1.Condition {
	ready := false
	switch p.State {
	case api.ReasonReady, api.ReasonScalingDown, api.ReasonRestartDue, api.ReasonAsleep:
		ready = true
	case api.ReasonDraining:
		ready = p.Ranks.Missing.IsEmpty()
	}
	return condition(api.ConditionReady, ready, p.State, p.Message, generation)
}

// progressingCondition is true while waiting helps. Its reason is the state that
// "kubectl get" prints.
func progressingCondition(generation int64, p plan.Report) metav1.Condition {
	progressing := false
	switch p.State {
	case api.ReasonStarting, api.ReasonScalingUp, api.ReasonDraining, api.ReasonScalingDown,
		api.ReasonLeadLost, api.ReasonRecreating, api.ReasonFallingAsleep, api.ReasonCompleting, api.ReasonDeleting:
		progressing = true
	}
	return condition(api.ConditionProgressing, progressing, p.State, p.Message, generation)
}

// sizeWithinBoundsCondition is false when the spec breaks the bounds rule, which
// the API server refuses: only an older definition of the resource lets it pass.
func sizeWithinBoundsCondition(generation int64, p plan.Report) metav1.Condition {
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

// completeCondition is true when the MiniCluster has done its work.
func completeCondition(generation int64, p plan.Report) metav1.Condition {
	return endCondition(api.ConditionComplete, p.End != nil && !p.End.Failed, generation, p)
}

// failedCondition is true when the MiniCluster has given up.
func failedCondition(generation int64, p plan.Report) metav1.Condition {
	return endCondition(api.ConditionFailed, p.End != nil && p.End.Failed, generation, p)
}

func endCondition(conditionType string, isTrue bool, generation int64, p plan.Report) metav1.Condition {
	if p.End == nil {
		return condition(conditionType, false, api.ReasonRunning, "the MiniCluster has not ended", generation)
	}
	return condition(conditionType, isTrue, p.End.Reason, p.End.Message, generation)
}

// degradedCondition is true while something is in the way. Its reason is the reasons of
// all of that, so that the status alone tells what has begun since.
func degradedCondition(generation int64, p plan.Report) metav1.Condition {
	var reasons []string
	message := strings.TrimPrefix(plan.HindrancesText(p.Hindrances), "; ")
	if _, ok := needAttention[p.State]; ok {
		reasons = append(reasons, p.State)
		message = p.Message
		if !strings.HasSuffix(message, plan.HindrancesText(p.Hindrances)) {
			message += plan.HindrancesText(p.Hindrances)
		}
	}
	for _, h := range p.Hindrances {
		if !slices.Contains(reasons, h.Reason) {
			reasons = append(reasons, h.Reason)
		}
	}
	if len(reasons) == 0 {
		return condition(api.ConditionDegraded, false, api.ReasonAsExpected, "nothing keeps ranks from coming or going", generation)
	}
	return condition(api.ConditionDegraded, true, strings.Join(reasons, reasonSeparator), message, generation)
}

// reasonSeparator is between the reasons of the condition Degraded. The API allows it
// in a reason.
const reasonSeparator = ","

// isDegradedBy tells whether the condition Degraded has the reason.
func isDegradedBy(status api.MiniClusterStatus, reason string) bool {
	c := meta.FindStatusCondition(status.Conditions, api.ConditionDegraded)
	return c != nil && slices.Contains(strings.Split(c.Reason, reasonSeparator), reason)
}

// needAttention are the states that do not pass by themselves, as the log tells of
// them.
var needAttention = map[string]string{
	api.ReasonLeadLost:     "Lost the lead, which is being replaced",
	api.ReasonNameConflict: "Cannot use a name that is needed: an object of another owner has it",
	api.ReasonInvalidSpec:  "Cannot follow the spec",
	api.ReasonApplyFailed:  "Failed to apply what the spec asks for",
	api.ReasonCutOff:       "Cut off the work of ranks beside others that have ended",
	api.ReasonSuspended:    "Somebody has suspended the Job",
}

// longestMessage is the most that the API server takes in a condition, in
// characters. A longer message would keep the whole status from being written, and
// with it the time from which a drain counts.
const longestMessage = 32768

func condition(conditionType string, isTrue bool, reason, message string, generation int64) metav1.Condition {
	if len(message) > longestMessage { // others' words may be of any length
		message = strings.ToValidUTF8(message[:longestMessage-len("…")], "") + "…"
	}
	status := metav1.ConditionFalse
	if isTrue {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: message, ObservedGeneration: generation,
	}
}
