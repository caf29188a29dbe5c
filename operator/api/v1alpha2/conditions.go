package v1alpha2

// Types of the conditions in a MiniCluster's status. All three are always there
// once the operator has seen the MiniCluster.
const (
	// ConditionReady is true when every desired rank is ready.
	ConditionReady = "Ready"
	// ConditionProgressing is true while the operator, or a controller below it,
	// is on the way to what the spec says. Its reason is the MiniCluster's state.
	ConditionProgressing = "Progressing"
	// ConditionSizeWithinBounds is false when spec.size, minSize and maxSize
	// contradict each other; the operator then runs the nearest allowed size. Its
	// reason is ReasonWithinBounds or one of package bounds.
	ConditionSizeWithinBounds = "SizeWithinBounds"
)

// ReasonWithinBounds is the reason of a true SizeWithinBounds.
const ReasonWithinBounds = "WithinBounds"

// Reasons of the conditions Ready and Progressing: the state of a MiniCluster.
const (
	// ReasonReady: every desired rank is ready, none too many exists.
	ReasonReady = "Ready"
	// ReasonStarting: no rank is ready yet.
	ReasonStarting = "Starting"
	// ReasonScalingUp: some of the desired ranks are not ready yet, after growing
	// or because a lost rank is being replaced.
	ReasonScalingUp = "ScalingUp"
	// ReasonScalingDown: ranks above the desired size still exist.
	ReasonScalingDown = "ScalingDown"
	// ReasonRecreating: ranks of an earlier Job must end before new ones start.
	ReasonRecreating = "Recreating"
	// ReasonCompleting: some ranks have ended with exit code 0; a Job does not
	// run them again.
	ReasonCompleting = "Completing"
	// ReasonCompleted: every rank has ended with exit code 0.
	ReasonCompleted = "Completed"
	// ReasonJobFailed: the Job has given up.
	ReasonJobFailed = "JobFailed"
	// ReasonDeleting: the MiniCluster is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonNameConflict: a Service or Job of the same name belongs to somebody
	// else, and is left alone.
	ReasonNameConflict = "NameConflict"
	// ReasonInvalidCommand: the command cannot be split into words.
	ReasonInvalidCommand = "InvalidCommand"
	// ReasonApplyFailed: the API server refused what the operator wrote.
	ReasonApplyFailed = "ApplyFailed"
)

// Reasons of events on a MiniCluster. The reasons of the conditions
// SizeWithinBounds and Progressing that need somebody's attention
// (ReasonNameConflict, ReasonInvalidCommand, ReasonJobFailed, ReasonApplyFailed,
// and those of package bounds) are used for warnings besides.
const (
	// EventCreated: the Job was created.
	EventCreated = "Created"
	// EventScalingUp: the Job was told to run more ranks.
	EventScalingUp = "ScalingUp"
	// EventScalingDown: the Job was told to run fewer ranks.
	EventScalingDown = "ScalingDown"
	// EventRecreating: the Job is deleted and created anew, because its pod
	// template cannot change.
	EventRecreating = "Recreating"
)
