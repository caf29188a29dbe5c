package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// End is how a MiniCluster has ended for good.
type End struct {
	// Failed tells ConditionFailed from ConditionComplete, whose reason is Reason.
	Failed bool
	Reason string
	// State is the reason of the conditions Ready and Progressing.
	State, Message string
	// ExitCode is that of the lead's command, where it ended by itself.
	ExitCode *int32
	// Template is the hash of what the ranks were made from; empty where an older
	// operator has told of the end, and the Job is gone.
	Template string
}

// toldEnd returns the end that the status tells of already; nil when it tells of
// none.
func toldEnd(mc *api.MiniCluster) *End {
	for _, conditionType := range []string{api.ConditionComplete, api.ConditionFailed} {
		c := meta.FindStatusCondition(mc.Status.Conditions, conditionType)
		if c == nil || c.Status != metav1.ConditionTrue {
			continue
		}
		end := &End{
			Failed: conditionType == api.ConditionFailed, Reason: c.Reason,
			State: api.ReasonCompleted, Message: c.Message, ExitCode: mc.Status.ExitCode, Template: mc.Status.EndedTemplate,
		}
		if end.Failed {
			end.State = api.ReasonJobFailed
		}
		return end
	}
	return nil
}

// findEnd returns how the MiniCluster has ended; nil while it has not. What the
// status tells of it stays, since pods that knew it may be gone, unless the status
// does not know the cause.
func findEnd(o Observed, told *End) *End {
	if o.Job == nil || o.Job.DeletionTimestamp != nil {
		return told
	}
	end := told
	if told == nil || told.Reason == api.ReasonJobFailed {
		end = cmp.Or(endNow(o), told)
	}
	if end == nil {
		return nil
	}
	found := *end
	found.Template = o.Job.Annotations[api.AnnotationTemplateHash]
	return &found
}

// endNow returns how the MiniCluster has ended by what Job and pods say, or nil.
func endNow(o Observed) *End {
	for _, c := range o.Job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobSuccessCriteriaMet:
			return success(o)
		case batchv1.JobFailed, batchv1.JobFailureTarget:
			return failure(o, c)
		}
	}
	// Where the Job has no success policy, or a container beside the rank goes on,
	// the end of the command is not the Job's.
	if build.FluxEnabled(o.MiniCluster) {
		return endedLead(o)
	}
	return endedRanks(o)
}

// endedRanks returns the end of ranks without Flux, or nil: each of the Job's has ended
// with exit code 0, also where a container beside it, such as one that somebody's
// webhook adds, goes on for ever. A pod that ends by itself the Job counts.
func endedRanks(o Observed) *End {
	completed, _ := idset.Parse(o.Job.Status.CompletedIndexes) // The API server lets nothing else pass.
	left := idset.Range(0, ptr.Deref(o.Job.Spec.Completions, 0)).Minus(completed)
	goesOn := false
	for i := range o.Pods {
		pod := &o.Pods[i]
		rank, ok := rankOf(pod)
		status := statusOf(pod, build.RankContainerName(o.MiniCluster))
		if !ok || status == nil || status.State.Terminated == nil || pod.DeletionTimestamp != nil || hasEnded(pod) || !metav1.IsControlledBy(pod, o.Job) {
			continue
		}
		if status.State.Terminated.ExitCode == 0 {
			left, goesOn = left.Minus(idset.Range(rank, rank+1)), true
		}
	}
	if !goesOn || !left.IsEmpty() {
		return nil
	}
	return success(o)
}

func success(o Observed) *End {
	end := &End{Reason: api.ReasonCommandSucceeded, State: api.ReasonCompleted}
	if !build.FluxEnabled(o.MiniCluster) {
		end.Message = "every rank has ended with exit code 0; delete the MiniCluster to run it again"
		return end
	}
	end.ExitCode = new(int32)
	end.Message = "the command has ended with exit code 0; delete the MiniCluster to run it again"
	return end
}

func failure(o Observed, c batchv1.JobCondition) *End {
	end := &End{Failed: true, Reason: api.ReasonJobFailed, State: api.ReasonJobFailed, Message: fmt.Sprintf("the Job has failed: %s: %s", c.Reason, c.Message)}
	switch c.Reason {
	case batchv1.JobReasonDeadlineExceeded:
		end.Reason = api.ReasonDeadlineExceeded
		end.Message = fmt.Sprintf("the command had not ended after deadlineSeconds %d", o.MiniCluster.Spec.DeadlineSeconds)
	case batchv1.JobReasonBackoffLimitExceeded, batchv1.JobReasonFailedIndexes, batchv1.JobReasonMaxFailedIndexesExceeded:
		end.Reason = api.ReasonBackoffLimitExceeded
		end.Message = fmt.Sprintf("pods of ranks failed more often than backoffLimit %d: %s", o.MiniCluster.Spec.BackoffLimit, c.Message)
		if last := lastFailure(o); last != "" {
			end.Message += "; " + last
		}
	case batchv1.JobReasonPodFailurePolicy:
		failedRank(o, end)
	}
	return end
}

// failedRank finds the rank that made the Job fail, and why: the lead by the end of
// its command, or the lowest rank that cannot run. Others that failed before, and
// were tried again, are no cause.
func failedRank(o Observed, end *End) {
	unusable := int32(math.MaxInt32)
	for i := range o.Pods {
		pod := &o.Pods[i]
		rank, ok := rankOf(pod)
		last := lastWord(o.MiniCluster, pod)
		if !ok || last == nil || !metav1.IsControlledBy(pod, o.Job) {
			continue
		}
		switch {
		case rank == 0 && last.Command != nil && last.Command.ExitCode != 0:
			*end = *commandFailed(last.Command.ExitCode)
			return
		case last.exitCode == agentapi.ExitUnusable && last.Message != "" && rank < unusable:
			unusable = rank
			end.Reason = api.ReasonRankUnusable
			end.Message = fmt.Sprintf("rank %d cannot run: %s", rank, last.Message)
		}
	}
}

// word is what the container of a rank has left.
type word struct {
	agentapi.Termination
	exitCode int32
}

// lastWord returns what the pod's rank has left; nil without a termination message
// of our agent's.
func lastWord(mc *api.MiniCluster, pod *corev1.Pod) *word {
	for _, status := range pod.Status.ContainerStatuses {
		ended := status.State.Terminated
		if status.Name != build.RankContainerName(mc) || ended == nil {
			continue
		}
		last := word{exitCode: ended.ExitCode}
		if json.Unmarshal([]byte(ended.Message), &last.Termination) != nil {
			return nil // the container was killed, or is not our agent's
		}
		return &last
	}
	return nil
}

// endedLead returns how the command has ended by the word of the lead, or nil.
func endedLead(o Observed) *End {
	for i := range o.Pods {
		pod := &o.Pods[i]
		if rank, ok := rankOf(pod); !ok || rank != 0 || !metav1.IsControlledBy(pod, o.Job) {
			continue
		}
		last := lastWord(o.MiniCluster, pod)
		switch {
		case last == nil || last.Command == nil:
		case last.Command.ExitCode == 0:
			return success(o)
		default:
			return commandFailed(last.Command.ExitCode)
		}
	}
	return nil
}

func commandFailed(code int32) *End {
	return &End{
		Failed: true, Reason: api.ReasonCommandFailed, State: api.ReasonJobFailed, ExitCode: &code,
		Message: fmt.Sprintf("the command has ended with exit code %d; delete the MiniCluster to run it again", code),
	}
}

// goesOn tells whether the Job does not end by itself with the command.
func goesOn(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobFailed, batchv1.JobSuccessCriteriaMet, batchv1.JobFailureTarget:
			if c.Status == corev1.ConditionTrue {
				return false
			}
		}
	}
	return job.Spec.SuccessPolicy == nil || len(job.Spec.Template.Spec.Containers) > 1
}
