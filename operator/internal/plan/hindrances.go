package plan

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
)

// Hindrance is what keeps ranks from coming or going, an autoscaler from scaling, or a job
// from running at any size.
type Hindrance struct {
	// Reason is one of those of api.ConditionDegraded.
	Reason string
	// Ranks are those that it concerns; empty where it concerns none of them.
	Ranks idset.Set
	// Message says what is so, in the words of whoever refuses.
	Message string
}

// passing are the reasons of hindrances that may pass without anybody's help. They are
// told behind the others.
var passing = []string{api.ReasonUnschedulable, api.ReasonNodeUnreachable, api.ReasonRanksNotReady, api.ReasonQueueUnknown}

// finding is what one look at the facts has found.
type finding struct {
	hindrances []Hindrance
	// lookAt, when not zero, is when there may be more by the clock alone.
	lookAt time.Time
	// questions are what only events can answer.
	questions []Question
}

// looks find the hindrances, each of one kind.
var looks = []func(facts) finding{
	facts.podsRefused,
	facts.schedulerMissing,
	facts.unschedulable,
	facts.nodesUnreachable,
	facts.containersNotStarted,
	facts.volumesNotMounted,
	facts.ranksFailing,
	facts.sideContainersEnded,
	facts.servicesFailing,
	facts.ranksNotReady,
	facts.autoscalersHeld,
	facts.queueHindered,
	facts.madeByNewer,
}

// findHindrances finds all that is in the way. What is known of it is only what is in
// the cluster now, so that an operator that starts anew finds the same.
func findHindrances(f facts) finding {
	var all finding
	if f.isBeingDeleted() || f.hasEnded() {
		return all
	}
	for _, look := range looks {
		found := look(f)
		all.hindrances = append(all.hindrances, found.hindrances...)
		all.questions = append(all.questions, found.questions...)
		all.lookAt = Earliest(all.lookAt, found.lookAt)
	}
	slices.SortStableFunc(all.hindrances, func(a, b Hindrance) int {
		return cmp.Compare(slices.Index(passing, a.Reason), slices.Index(passing, b.Reason))
	})
	return all
}

// HindrancesText says what is in the way, to be put behind a message; "" when nothing is.
func HindrancesText(hindrances []Hindrance) string {
	text := ""
	for _, h := range hindrances {
		text += "; " + h.Message
	}
	return text
}

// rankPod is a pod of the Job that is of a desired rank.
type rankPod struct {
	*corev1.Pod
	rank int32
}

// isLive tells whether the pod neither ends nor has ended.
func (p rankPod) isLive() bool { return p.DeletionTimestamp == nil && !hasEnded(p.Pod) }

// rankPods returns the pods of the desired ranks, by rank. Those of a Job that is about
// to go are of none.
func rankPods(o Observed, desired int32) []rankPod {
	if o.Job == nil || o.Job.DeletionTimestamp != nil {
		return nil
	}
	var pods []rankPod
	for i := range o.Pods {
		pod := &o.Pods[i]
		rank, ok := rankOf(pod)
		if ok && rank < desired && metav1.IsControlledBy(pod, o.Job) {
			pods = append(pods, rankPod{pod, rank})
		}
	}
	slices.SortStableFunc(pods, func(a, b rankPod) int { return cmp.Compare(a.rank, b.rank) })
	return pods
}

// trouble is a hindrance that several ranks may share.
type trouble struct {
	reason string
	ranks  []int32
	// say makes the message from the ranks' words.
	say func(who idset.Set) string
}

// troubles collect hindrances by a key: ranks that have the same trouble are told of
// together, with the words of the lowest.
type troubles struct {
	byKey map[string]*trouble
	keys  []string // in the order of their first ranks
}

func (t *troubles) add(key string, rank int32, reason string, say func(who idset.Set) string) {
	known := t.byKey[key]
	if known == nil {
		known = &trouble{reason: reason, say: say}
		if t.byKey == nil {
			t.byKey = map[string]*trouble{}
		}
		t.byKey[key] = known
		t.keys = append(t.keys, key)
	}
	known.ranks = append(known.ranks, rank)
}

func (t *troubles) hindrances() []Hindrance {
	var found []Hindrance
	for _, key := range t.keys {
		known := t.byKey[key]
		ranks := idset.Of(known.ranks...)
		found = append(found, Hindrance{Reason: known.reason, Ranks: ranks, Message: known.say(ranks)})
	}
	return found
}

// one returns a finding of one hindrance.
func one(reason string, ranks idset.Set, message string) finding {
	return finding{hindrances: []Hindrance{{reason, ranks, message}}}
}
