package resizeplan

import (
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// queueAutoscalerAfter describes spec.autoscaling.queue after the update; nil for none. live
// is nil if there is no MiniCluster, or it could not be read. What a MiniCluster says of
// its queue that does not scale it yet is of an earlier time.
func queueAutoscalerAfter(spec api.MiniClusterSpec, live *api.MiniCluster) *QueueAutoscaler {
	if spec.Autoscaling.Queue == nil {
		return nil
	}
	a := &QueueAutoscaler{}
	if live != nil && live.Spec.Autoscaling.Queue != nil && live.Status.Queue != nil {
		said := live.Status.Queue
		a.Queue = &QueueState{Running: said.Running, Pending: said.Pending, Held: said.Held, Wanted: said.Wanted, Message: said.Message}
	}
	return a
}

// String says what the queue asks for.
func (a *QueueAutoscaler) String() string {
	if a.Queue == nil {
		return "the queue; it has asked for nothing yet"
	}
	q := a.Queue
	text := "the queue: " + jobs(q.Pending, "waits", "wait")
	if q.Running > 0 {
		text += ", " + jobs(q.Running, "runs", "run")
	}
	if q.Held > 0 {
		text += ", " + jobs(q.Held, "is held", "are held")
	}
	return text + fmt.Sprintf(", %s wanted", counted(int(q.Wanted), "rank"))
}

func jobs(n int32, one, many string) string {
	switch n {
	case 0:
		return "no job " + one
	case 1:
		return "1 job " + one
	}
	return fmt.Sprintf("%d jobs %s", n, many)
}

// scalesItself tells whether an autoscaler of either kind owns the size.
func (m *MiniCluster) scalesItself() bool { return m.Autoscaler != nil || m.QueueAutoscaler != nil }

// tellQueue notes what the operator says of the queue, and a HorizontalPodAutoscaler
// beside it.
func (m *MiniCluster) tellQueue() {
	a := m.QueueAutoscaler
	if a == nil {
		return
	}
	if a.Queue != nil && a.Queue.Message != "" {
		m.note("the operator says of the queue: %s", a.Queue.Message)
	}
	if m.Autoscaler != nil {
		m.note("spec.autoscaling.queue does nothing beside HorizontalPodAutoscaler %s: remove one of the two", m.Autoscaler.Name)
	}
}
