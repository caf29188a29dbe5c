package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// Somebody else may suspend the Job, such as a queue that it waits in. The operator
// never resumes it: a Job that takes its place is made suspended. Between the two, the
// status tells that it was suspended; so that is told before the Job is deleted.
//
// The operator itself suspends a Job only at the end, which the status tells of first.

// stateBefore is the state that the status tells of; empty when it tells of none.
func (f facts) stateBefore() string {
	if c := meta.FindStatusCondition(f.MiniCluster.Status.Conditions, api.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

// isSuspended tells whether somebody else has suspended the Job. One that is replaced
// after its end may be suspended by us.
func (f facts) isSuspended() bool {
	return f.Job != nil && ptr.Deref(f.Job.Spec.Suspend, false) &&
		f.told == nil && f.end == nil && f.stateBefore() != api.ReasonRecreating
}

// staysSuspended tells whether the Job is suspended or, without one, the next is to be.
func (f facts) staysSuspended() bool {
	if f.Job == nil {
		return f.told == nil && f.stateBefore() == api.ReasonSuspended
	}
	return f.isSuspended()
}

// suspended says that the Job is suspended, and who can change that.
func (f facts) suspended() (state, message string) {
	return api.ReasonSuspended, fmt.Sprintf("the Job is suspended, so that no rank runs until it is resumed by whoever has suspended it, such as a queue, "+
		`or with: kubectl patch job %s -n %s --type=merge -p '{"spec":{"suspend":false}}'`, f.MiniCluster.Name, f.MiniCluster.Namespace)
}
