package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// Ranks is what the pods of a MiniCluster say about its ranks.
type Ranks struct {
	// Existing is the number of ranks that have a pod which neither ends nor has
	// ended, and Ready the number of those that are ready.
	Existing, Ready int32
	// Missing are the desired ranks that are not ready, ascending.
	Missing []int32
	// Excess is the number of pods, ending ones too, of ranks above the desired
	// size.
	Excess int
	// Completed are the desired ranks that have ended with exit code 0 and that
	// the Job will not run again, ascending.
	Completed []int32
	// Earlier is the number of pods that belong to a Job other than the observed.
	Earlier int
	// LeadReady tells whether rank 0 is ready; LeadAddress is its pod's address,
	// empty while there is none.
	LeadReady   bool
	LeadAddress string

	// unscheduled are the desired ranks without a node. stranded are those, also
	// ranks that are to go and of earlier Jobs, whose nodes do not answer.
	unscheduled unscheduled
	stranded    stranded
	// lookAt, when not zero, is when more of them may turn out to be stranded.
	lookAt time.Time

	// running are the ranks whose containers have been started and may do work,
	// those of ending pods too.
	running map[int32]bool
}

// anyRunning tells whether a rank of from to to-1 may do work.
func (r Ranks) anyRunning(from, to int32) bool {
	for rank := range r.running {
		if rank >= from && rank < to {
			return true
		}
	}
	return false
}

// hindrances says what keeps ranks from coming or going, to be put behind a
// message; "" when nothing does.
func (r Ranks) hindrances() string {
	text := ""
	for _, hindrance := range []string{r.unscheduled.String(), r.stranded.String()} {
		if hindrance != "" {
			text += "; " + hindrance
		}
	}
	return text
}

// noteNode looks at what a pod says of its node.
func (r *Ranks) noteNode(pod *corev1.Pod, rank int32, now time.Time) {
	is, later := isStranded(pod, now)
	if is {
		r.stranded.add(rank, pod.Spec.NodeName)
	}
	if !later.IsZero() && (r.lookAt.IsZero() || later.Before(r.lookAt)) {
		r.lookAt = later
	}
}

// countRanks counts the pods of job's ranks; desired is the wished number.
func countRanks(job *batchv1.Job, pods []corev1.Pod, desired int32, now time.Time) Ranks {
	r := Ranks{running: map[int32]bool{}}
	existing, ready := map[int32]bool{}, map[int32]bool{}
	unscheduled := map[int32]string{}
	for i := range pods {
		pod := &pods[i]
		owner := metav1.GetControllerOf(pod)
		switch {
		case owner == nil || owner.Kind != "Job":
			continue // somebody's own pod that bears our labels
		case job == nil || owner.UID != job.UID:
			if !hasEnded(pod) {
				r.Earlier++
				if rank, ok := rankOf(pod); ok {
					r.noteNode(pod, rank, now)
				}
			}
			continue
		case hasEnded(pod):
			continue
		}
		rank, ok := rankOf(pod)
		if !ok {
			continue
		}
		r.noteNode(pod, rank, now)
		if rank >= desired {
			r.Excess++
		}
		if pod.Status.Phase == corev1.PodRunning {
			r.running[rank] = true
		}
		if pod.DeletionTimestamp != nil {
			continue
		}
		existing[rank] = true
		if because := noNode(pod); because != "" {
			unscheduled[rank] = because
		}
		if rank == 0 {
			r.LeadAddress = pod.Status.PodIP
		}
		if isReady(pod) {
			ready[rank] = true
		}
	}
	r.Existing, r.Ready, r.LeadReady = int32(len(existing)), int32(len(ready)), ready[0]
	for rank := range desired {
		if !ready[rank] {
			r.Missing = append(r.Missing, rank)
		}
		if because := unscheduled[rank]; because != "" {
			r.unscheduled.add(rank, because)
		}
	}
	if job != nil {
		r.Completed = completedRanks(job.Status.CompletedIndexes, desired)
	}
	return r
}

func hasEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func isReady(pod *corev1.Pod) bool { return readyCondition(pod) != nil }

// readyCondition returns the condition by which the pod is ready; nil when it is
// not.
func readyCondition(pod *corev1.Pod) *corev1.PodCondition {
	if c := conditionOf(pod, corev1.PodReady); c != nil && c.Status == corev1.ConditionTrue {
		return c
	}
	return nil
}

// rankOf returns the index that the Job controller gave the pod.
func rankOf(pod *corev1.Pod) (int32, bool) {
	index, err := strconv.ParseInt(pod.Annotations[batchv1.JobCompletionIndexAnnotation], 10, 32)
	return int32(index), err == nil && index >= 0
}

// completedRanks reads a Job's status.completedIndexes, such as "1,3-5,7".
func completedRanks(indexes string, desired int32) []int32 {
	var ranks []int32
	for part := range strings.SplitSeq(indexes, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseInt(first, 10, 32)
		to, err2 := strconv.ParseInt(last, 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		for rank := int32(from); rank <= int32(to) && rank < desired; rank++ {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}

// describe sets the state of a MiniCluster whose Job is as wished, or about to be.
func describe(o Observed, p *Plan) {
	ready := p.Desired - int32(len(p.Ranks.Missing))
	progress := fmt.Sprintf("%d of %d ranks are ready", ready, p.Desired)
	switch r := p.Ranks; {
	case leadLost(o, r):
		p.State = api.ReasonLeadLost
		p.Message = progress + "; the lead is lost and is being replaced" + p.alsoLeaving()
	case p.leaving != "":
		p.State = api.ReasonDraining
		p.Message = p.leaving + ": " + p.leavingWhy
		if len(r.Missing) > 0 {
			p.Message += fmt.Sprintf("; %s, waiting for %s", progress, ranksText(r.Missing))
		}
	case len(r.Completed) > 0:
		p.State = api.ReasonCompleting
		p.Message = fmt.Sprintf("%s; ended with exit code 0, for good: %s", progress, ranksText(r.Completed))
	case len(r.Missing) > 0 && ready == 0:
		p.State, p.Message = api.ReasonStarting, progress
	case len(r.Missing) > 0:
		p.State = api.ReasonScalingUp
		p.Message = fmt.Sprintf("%s; waiting for %s", progress, ranksText(r.Missing))
	case r.Excess > 0:
		p.State = api.ReasonScalingDown
		p.Message = fmt.Sprintf("%s; %d above the desired size are ending", progress, r.Excess)
	default:
		p.State, p.Message = api.ReasonReady, progress
	}
	p.Message += p.Ranks.hindrances()
	if leadWasLost(o.MiniCluster) && p.Ranks.LeadReady {
		p.tell(corev1.EventTypeNormal, api.EventLeadBack, "The lead is back")
	}
}

// leadLost tells whether an instance that was up has lost its lead: followers
// are ready only once they have joined it.
func leadLost(o Observed, r Ranks) bool {
	wasUp := o.MiniCluster.Status.Ready > 0 || leadWasLost(o.MiniCluster)
	return build.FluxEnabled(o.MiniCluster) && o.Job != nil && wasUp && !r.LeadReady
}

func leadWasLost(mc *api.MiniCluster) bool {
	c := meta.FindStatusCondition(mc.Status.Conditions, api.ConditionReady)
	return c != nil && c.Reason == api.ReasonLeadLost
}

// namedSpans is how many spans of ranks a message names, such as 3-5. Those of a
// large instance need not fit into a condition.
const namedSpans = 20

// ranksText lists ranks as "ranks 1,3-5".
func ranksText(ranks []int32) string {
	return verb(len(ranks), "rank ", "ranks ") + listRanks(ranks)
}

// listRanks lists ascending ranks as "1,3-5", the first spans of them.
func listRanks(ranks []int32) string {
	var parts []string
	i := 0
	for i < len(ranks) && len(parts) < namedSpans {
		j := i
		for j+1 < len(ranks) && ranks[j+1] == ranks[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(ranks[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", ranks[i], ranks[j]))
		}
		i = j + 1
	}
	text := strings.Join(parts, ",")
	if more := len(ranks) - i; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
