package plan

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// defaultIdleTime holds where autoscaling.queue.idleSeconds is not set.
const defaultIdleTime = time.Minute

// silence is how long a lead may tell nothing of its queue before that is told.
const silence = 5 * time.Second

// QueueOrder is whom to ask about the queue: UID and address of the lead's pod.
type QueueOrder struct {
	Pod  types.UID
	Host string
	// Scales says that the size follows the answers. Otherwise they are only about jobs
	// that no size can hold, and may come later.
	Scales bool
}

// QueueAnswer is what a lead has said last of its queue.
type QueueAnswer struct {
	// Pod is the lead's.
	Pod types.UID
	// Revision is another one whenever something else than the time of idleness is.
	Revision string
	// Use is nil while the lead is silent.
	Use *autoscale.Use
	// TooLarge are jobs that no size can hold, and TooLargeCount is their number.
	TooLarge      []agentapi.QueueJob
	TooLargeCount int
	// At is when this was received or, with a Problem, since when the lead is silent.
	At time.Time
	// Problem says why the lead does not answer.
	Problem string
}

// Autoscaled is what the queue's autoscaler makes of the answers.
type Autoscaled struct {
	// Wish is the size that work needs, and Because says what becomes of the size.
	Wish    int32
	Because string
	// Refusal says that the API server does not take the size: "cannot set size 8: …"; ""
	// when it does.
	Refusal string
}

// QueuePolicy returns how the size follows the queue; false where it does not.
func QueuePolicy(mc *api.MiniCluster) (autoscale.Policy, bool) {
	queue := mc.Spec.Autoscaling.Queue
	if queue == nil || !build.FluxEnabled(mc) {
		return autoscale.Policy{}, false
	}
	bounds := SizesOf(mc).Bounds()
	policy := autoscale.Policy{
		Min: int32(bounds.Min), Max: int32(bounds.Max), IdleTime: defaultIdleTime, Spare: queue.SpareRanks, Step: queue.Step,
		SleepTime: time.Duration(queue.SleepSeconds) * time.Second,
	}
	if seconds := queue.IdleSeconds; seconds != nil {
		policy.IdleTime = time.Duration(*seconds) * time.Second
	}
	return policy, true
}

// followsQueue tells whether the queue's autoscaler is to work. Beside another autoscaler
// it stands still, and so it does while no rank is to run.
func (f facts) followsQueue() bool {
	_, wanted := QueuePolicy(f.MiniCluster)
	return wanted && len(f.Autoscalers) == 0 && !f.staysSuspended()
}

// admitsTooLarge tells whether Flux takes jobs for more ranks than the maximum, and keeps
// them pending: those of the ceiling. Above that it refuses them.
func (f facts) admitsTooLarge() bool {
	return f.flux && f.Job != nil && !f.staysSuspended() && build.CeilingOf(f.Job) > f.maximum()
}

// queueOrder returns whom to ask about the queue; nil for nobody. A lead is asked once it
// is ready, and from then on as long as its pod is there: an agent that does not answer
// yet would be asked again and again.
func (f facts) queueOrder() *QueueOrder {
	scales := f.followsQueue()
	if !scales && !f.admitsTooLarge() || f.ranks.LeadAddress == "" || !f.ranks.LeadReady && f.queueAnswer() == nil {
		return nil
	}
	return &QueueOrder{f.ranks.LeadPod, f.ranks.LeadAddress, scales}
}

// queueAnswer returns what the lead has said; nil where it was another pod.
func (f facts) queueAnswer() *QueueAnswer {
	if f.Queue == nil || f.Queue.Pod != f.ranks.LeadPod {
		return nil
	}
	return f.Queue
}

// queueStatus returns what status.queue becomes. Until the lead tells more, it is what it
// has told last.
func (f facts) queueStatus() *api.QueueStatus {
	before, answer := f.MiniCluster.Status.Queue, f.queueAnswer()
	switch {
	case !f.followsQueue():
		return nil
	case answer == nil || f.Autoscaled == nil:
		return before
	case answer.Use != nil:
		return &api.QueueStatus{
			Running: int32(answer.Use.Running), Pending: int32(answer.Use.Pending), Held: int32(answer.Use.Held),
			Wanted: f.Autoscaled.Wish, Message: f.Autoscaled.Because,
		}
	case f.Now.Before(answer.At.Add(silence)):
		return before
	}
	status := &api.QueueStatus{Wanted: f.Autoscaled.Wish}
	if before != nil {
		status = before.DeepCopy()
	}
	status.Message = f.Autoscaled.Because
	return status
}

// queueHindered tells what keeps the size from following the queue, and a job from running
// at any size.
func (f facts) queueHindered() finding {
	var found finding
	_, wanted := QueuePolicy(f.MiniCluster)
	if wanted && len(f.Autoscalers) > 0 {
		found.hindrances = append(found.hindrances, Hindrance{
			Reason: api.ReasonAutoscalersCompete,
			Message: fmt.Sprintf("HorizontalPodAutoscaler %s and autoscaling.queue both want to choose the size, so that the size does not follow the queue: "+
				"delete the HorizontalPodAutoscaler, or leave autoscaling.queue out", f.Autoscalers[0].Name),
		})
	}
	answer := f.queueAnswer()
	if answer == nil {
		return found // The state tells of a lead that is lost.
	}
	if wanted && f.Autoscaled != nil && f.Autoscaled.Refusal != "" {
		found.hindrances = append(found.hindrances, Hindrance{
			Reason: api.ReasonAutoscalerRefused, Message: "autoscaling.queue " + quote(f.Autoscaled.Refusal),
		})
	}
	switch {
	case !f.ranks.LeadReady: // So it does here.
	case answer.Problem != "" && !f.followsQueue(): // Nothing depends on it.
	case answer.Problem != "":
		if due := answer.At.Add(silence); f.Now.Before(due) {
			found.lookAt = due
			break
		}
		found.hindrances = append(found.hindrances, Hindrance{
			Reason:  api.ReasonQueueUnknown,
			Message: "the size stays, since the lead does not tell of the queue: " + quote(answer.Problem),
		})
	case answer.TooLargeCount > 0:
		found.hindrances = append(found.hindrances, Hindrance{Reason: api.ReasonJobTooLarge, Message: f.tooLarge(answer)})
	}
	return found
}

// tooLarge names the first of the jobs that no size can hold, and what to do.
func (f facts) tooLarge(answer *QueueAnswer) string {
	text := "a job"
	if len(answer.TooLarge) > 0 {
		first := answer.TooLarge[0]
		text = fmt.Sprintf("job %s, which needs %s,", first.ID, counted(first.Ranks, "rank"))
		if first.Why != "" {
			text = fmt.Sprintf("job %s (%s)", first.ID, first.Why)
		}
	}
	text += fmt.Sprintf(" cannot run at any size up to maxSize %d", f.maximum())
	if more := answer.TooLargeCount - 1; more > 0 {
		text += fmt.Sprintf(", nor can %s", counted(more, "other job"))
	}
	return text + ": cancel it, or let it ask for less; a larger maxSize helps where ranks are too few. Until then sched-simple starts no job behind it"
}
