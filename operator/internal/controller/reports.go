package controller

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// progressInterval is the shortest time between two writes of a status that differ
// in progress only. Ranks become ready one by one: without it, a resize by
// hundreds would write the status hundreds of times, each read by everybody who
// watches.
const progressInterval = 5 * time.Second

// queueInterval is the shortest time between two writes of a status that are for news of
// the queue. Nor is the plan made more often for them.
const queueInterval = time.Second

// resizeDelay is how long the beginning of a resize is not reported: one that is over
// by then costs two writes, that of the Job and that of the status at its end. Until
// then the status speaks of the spec before, and its observedGeneration says so:
// "kubectl wait" and other readers of conditions go by that.
const resizeDelay = 2 * time.Second

// reports remembers when the status of a MiniCluster was last written, and how. After
// a restart of the operator it knows nothing, so that the first difference in progress
// is written at once.
type reports struct {
	// on is the version of the MiniCluster that the status was calculated for.
	on     string
	status api.MiniClusterStatus
	at     time.Time
	// resizeSince is when the resize began that has not been reported; zero for none.
	resizeSince time.Time
}

// catchUp gives a MiniCluster that the cache has in the version before our own
// last write the status that was written: else it would be written again.
func (r *reports) catchUp(mc *api.MiniCluster) {
	if r.on != "" && r.on == mc.ResourceVersion {
		r.status.DeepCopyInto(&mc.Status)
	}
}

// delay returns how long a status is to be held back: not at all when it tells of
// more than the queue, and the beginning and the progress of a resize.
func (r *reports) delay(before, after api.MiniClusterStatus, now time.Time) time.Duration {
	if equality.Semantic.DeepEqual(before.Queue, after.Queue) {
		return r.delayRest(before, after, now)
	}
	delay := max(0, r.at.Add(queueInterval).Sub(now))
	after.Queue = before.Queue
	if equality.Semantic.DeepEqual(before, after) {
		return delay
	}
	return min(delay, r.delayRest(before, after, now))
}

// delayRest is delay where the queue is the same.
func (r *reports) delayRest(before, after api.MiniClusterStatus, now time.Time) time.Duration {
	switch {
	case progressOnly(before, after):
		return max(0, r.at.Add(progressInterval).Sub(now))
	case resizeBegins(before, after):
		if r.resizeSince.IsZero() {
			r.resizeSince = now
		}
		return max(0, r.resizeSince.Add(resizeDelay).Sub(now))
	}
	return 0
}

// note remembers that a status was written.
func (r *reports) note(mc *api.MiniCluster, status api.MiniClusterStatus, now time.Time) {
	*r = reports{on: mc.ResourceVersion, status: status, at: now}
}

// progressOnly tells whether two statuses differ in nothing but counts of ranks
// and the messages that name them.
func progressOnly(before, after api.MiniClusterStatus) bool {
	after.Size, after.Ready = before.Size, before.Ready
	return sameBut(before, after, func(old metav1.Condition, c *metav1.Condition) {
		if c.Reason == old.Reason || isComing(c.Reason) && isComing(old.Reason) {
			c.Reason, c.Message = old.Reason, old.Message
		}
	})
}

// isComing tells of the states that differ in whether a first rank is ready: that,
// too, is progress.
func isComing(state string) bool {
	return state == api.ReasonStarting || state == api.ReasonScalingUp
}

// resizeBegins tells whether a status has no other news than that ranks come or go
// as a newer spec says, or that drained ranks go.
func resizeBegins(before, after api.MiniClusterStatus) bool {
	from, to := stateOf(before), stateOf(after)
	switch {
	case from == api.ReasonDraining && to == api.ReasonScalingDown:
		after.Drain = before.Drain
	case before.ObservedGeneration == after.ObservedGeneration:
		return false // a rank was lost
	case from != api.ReasonReady && !isResizing(from), !isResizing(to):
		return false
	}
	after.Size, after.Ready, after.Desired = before.Size, before.Ready, before.Desired
	after.ObservedGeneration = before.ObservedGeneration
	return sameBut(before, after, func(old metav1.Condition, c *metav1.Condition) {
		c.ObservedGeneration = old.ObservedGeneration
		if c.Type == api.ConditionReady || c.Type == api.ConditionProgressing {
			*c = old
		}
	})
}

// sameBut tells whether two statuses are the same, once forgive has made what does
// not count in a condition what it was before.
func sameBut(before, after api.MiniClusterStatus, forgive func(old metav1.Condition, c *metav1.Condition)) bool {
	after.Conditions = slices.Clone(after.Conditions)
	for i := range after.Conditions {
		if old := meta.FindStatusCondition(before.Conditions, after.Conditions[i].Type); old != nil {
			forgive(*old, &after.Conditions[i])
		}
	}
	return equality.Semantic.DeepEqual(before, after)
}

// stateOf returns the state that a status tells; empty when it tells none.
func stateOf(status api.MiniClusterStatus) string {
	if c := meta.FindStatusCondition(status.Conditions, api.ConditionProgressing); c != nil {
		return c.Reason
	}
	return ""
}

// isResizing tells of the states in which ranks come or go.
func isResizing(state string) bool {
	return state == api.ReasonScalingUp || state == api.ReasonScalingDown
}
