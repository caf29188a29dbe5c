package resizeplan

import (
	"fmt"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
)

// Queue says what becomes of the jobs that wait for ranks when the lead ends.
type Queue struct {
	// Pending is the number of them; null if it is not known. Unknown then says why.
	Pending *int   `json:"pending"`
	Unknown string `json:"unknown,omitempty"`
	// KeptBy is the field by which they are kept for the next lead, such as
	// "flux.stateDir". Empty: they are lost.
	KeptBy string `json:"keptBy,omitempty"`
}

// leaveQueue fills in the jobs that wait, where the lead is among the ranks that go.
// after is nil for a MiniCluster that goes as a whole.
func (m *MiniCluster) leaveQueue(there LiveMiniCluster, after *api.MiniClusterSpec) {
	if m.Leaving == nil || m.Leaving.Jobs.WithoutFlux || there.MiniCluster == nil {
		return
	}
	before := there.MiniCluster.Spec
	if after == nil {
		after = &before
	}
	m.Leaving.Queue = &Queue{Pending: m.Leaving.Jobs.pending, Unknown: m.Leaving.Jobs.pendingUnknown(), KeptBy: whatif.QueueKeptBy(before, *after)}
}

// String says how many jobs wait, and what becomes of them.
func (q *Queue) String() string {
	fate := "lost without flux.stateDir"
	if q.KeptBy != "" {
		fate = "kept by " + q.KeptBy
	}
	switch {
	case q.Pending == nil:
		return fmt.Sprintf("pending jobs are %s; cannot tell how many: %s", fate, q.Unknown)
	case *q.Pending == 0:
		return "no job is pending now"
	case *q.Pending == 1:
		return "1 job is pending now, and is " + fate
	}
	return fmt.Sprintf("%d jobs are pending now, and are %s", *q.Pending, fate)
}

// WithPending adds the number of jobs that wait for ranks.
func (j Jobs) WithPending(pending *int) Jobs {
	j.pending = pending
	return j
}

// pendingUnknown says why the number of jobs that wait is not known.
func (j Jobs) pendingUnknown() string {
	switch {
	case j.pending != nil:
		return ""
	case j.Count != nil:
		return "the agent in the pods is of an earlier version"
	}
	return j.Unknown
}
