package v1alpha2

// Types of the conditions in a MiniCluster's status. All six are always there
// once the operator has seen the MiniCluster.
const (
	// ConditionReady is true when every desired rank is ready, also while ranks beyond
	// them drain or end; and when a MiniCluster that is to sleep has no rank.
	ConditionReady = "Ready"
	// ConditionProgressing is true while the operator, or a controller below it,
	// is on the way to what the spec says. Its reason is the MiniCluster's state.
	ConditionProgressing = "Progressing"
	// ConditionSizeWithinBounds is false when spec.size, minSize and maxSize
	// contradict each other; the operator then runs the nearest allowed size. Its
	// reason is ReasonWithinBounds or one of package bounds.
	ConditionSizeWithinBounds = "SizeWithinBounds"
	// ConditionComplete is true once the MiniCluster has done its work: the lead's
	// command (without Flux: every rank's) has ended with exit code 0. It never
	// becomes false again unless the ranks are started anew. As with a Job,
	// "kubectl wait --for=condition=Complete" waits for it.
	ConditionComplete = "Complete"
	// ConditionFailed is true once the MiniCluster has given up; its reason says
	// why. It excludes ConditionComplete.
	ConditionFailed = "Failed"
	// ConditionDegraded is true while something keeps ranks from coming or going, an
	// autoscaler from scaling, or a job from running at any size. Its reason is all that is in the way, with commas
	// between, or ReasonAsExpected; its message has the words of whoever refuses.
	ConditionDegraded = "Degraded"
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
	// ReasonDraining: ranks above the desired size take no more jobs, or no rank does
	// before a restart or sleep, and the operator waits for those that still run there.
	// No pod has been stopped yet. Ready is true while every desired rank is ready.
	ReasonDraining = "Draining"
	// ReasonScalingDown: ranks above the desired size, idle by now, still exist.
	ReasonScalingDown = "ScalingDown"
	// ReasonLeadLost: the pod of the lead, rank 0, was lost and is being replaced.
	// Until it is back the instance takes no jobs; what becomes of the running
	// ones, see flux.stateDir.
	ReasonLeadLost = "LeadLost"
	// ReasonRecreating: ranks of an earlier Job must end before new ones start, or what
	// is left of a MiniCluster of the same name that was deleted must go.
	ReasonRecreating = "Recreating"
	// ReasonRestartDue: what the ranks are made from has changed, they cannot take it over,
	// and restart.policy is OnRequest. They go on as they are, and all of them are ready.
	ReasonRestartDue = "RestartDue"
	// ReasonFallingAsleep: suspend is true, and pods have still to end.
	ReasonFallingAsleep = "FallingAsleep"
	// ReasonAsleep: suspend is true, and there is no pod. Ready is true.
	ReasonAsleep = "Asleep"
	// ReasonCompleting: the command has ended with exit code 0 on the lead, or
	// without Flux on some ranks, which a Job does not run again; other ranks
	// still run.
	ReasonCompleting = "Completing"
	// ReasonCutOff: without Flux, every rank of the desired ones has ended with exit
	// code 0, and others had work when the MiniCluster shrank. It is not complete;
	// those that had work run again when it grows.
	ReasonCutOff = "CutOff"
	// ReasonSuspended: somebody, such as a queue, has suspended the Job. The operator
	// never resumes it.
	ReasonSuspended = "Suspended"
	// ReasonCompleted: every rank has ended, and the command with exit code 0.
	ReasonCompleted = "Completed"
	// ReasonJobFailed: the Job has given up.
	ReasonJobFailed = "JobFailed"
	// ReasonDeleting: the MiniCluster, or its namespace, is being deleted.
	ReasonDeleting = "Deleting"
	// ReasonNameConflict: an object of a name that the operator needs, such as
	// the Service or the Job, belongs to somebody else, and is left alone.
	ReasonNameConflict = "NameConflict"
	// ReasonInvalidSpec: the spec cannot be made into objects for a reason that only
	// the operator can see, such as a command that cannot be split into words or a
	// configuration that is too large.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonApplyFailed: the API server refused what the operator wrote, or would
	// refuse the Job that is to take the place of the one that runs.
	ReasonApplyFailed = "ApplyFailed"
)

// Reasons of the condition Degraded. Besides there are those of Ready that need somebody's
// attention: ReasonLeadLost, ReasonNameConflict, ReasonInvalidSpec, ReasonApplyFailed.
// Each is the reason of a warning, when it begins.
const (
	// ReasonAsExpected: nothing is in the way. Degraded is false.
	ReasonAsExpected = "AsExpected"
	// ReasonPodsRefused: the API server refuses pods: by a quota, a LimitRange, Pod
	// Security, a webhook, or because their ServiceAccount is missing.
	ReasonPodsRefused = "PodsRefused"
	// ReasonSchedulerMissing: no scheduler has looked at a rank's pod.
	ReasonSchedulerMissing = "SchedulerMissing"
	// ReasonUnschedulable: the scheduler finds no node for ranks.
	ReasonUnschedulable = "Unschedulable"
	// ReasonNodeUnreachable: ranks are on nodes that do not answer.
	ReasonNodeUnreachable = "NodeUnreachable"
	// ReasonImagePullFailed: an image cannot be pulled.
	ReasonImagePullFailed = "ImagePullFailed"
	// ReasonContainerNotStarted: a container cannot be made or started, such as for
	// want of a Secret, a ConfigMap or a volume.
	ReasonContainerNotStarted = "ContainerNotStarted"
	// ReasonContainerFailing: ranks, or containers beside them, fail.
	ReasonContainerFailing = "ContainerFailing"
	// ReasonRanksNotReady: ranks have been running for minutes and are not ready.
	ReasonRanksNotReady = "RanksNotReady"
	// ReasonAutoscalerOutOfBounds: a HorizontalPodAutoscaler may ask for sizes that the
	// bounds refuse.
	ReasonAutoscalerOutOfBounds = "AutoscalerOutOfBounds"
	// ReasonAutoscalerRefused: one, or spec.autoscaling, cannot scale for another reason.
	ReasonAutoscalerRefused = "AutoscalerRefused"
	// ReasonAutoscalersCompete: a HorizontalPodAutoscaler and spec.autoscaling both want
	// to choose the size.
	ReasonAutoscalersCompete = "AutoscalersCompete"
	// ReasonQueueUnknown: the lead does not tell of the queue, so that the size stays.
	ReasonQueueUnknown = "QueueUnknown"
	// ReasonJobTooLarge: a job in the queue needs more ranks than maxSize, or what no
	// rank has.
	ReasonJobTooLarge = "JobTooLarge"
	// ReasonNewerOperator: a newer operator has made the Job, and the spec may have fields
	// that this one does not know. What has changed in the spec is not taken over.
	ReasonNewerOperator = "NewerOperator"
	// ReasonAutoscalerNeedsRequests: one measures what containers use of their
	// requests, and a container has none.
	ReasonAutoscalerNeedsRequests = "AutoscalerNeedsRequests"
)

// Reasons of the conditions Complete and Failed.
const (
	// ReasonRunning: neither has happened yet; the reason of both while they are
	// false.
	ReasonRunning = "Running"
	// ReasonCommandSucceeded: the command has ended with exit code 0. Complete is
	// true.
	ReasonCommandSucceeded = "CommandSucceeded"
	// ReasonCommandFailed: the command has ended with another exit code, which is
	// in status.exitCode. Failed is true.
	ReasonCommandFailed = "CommandFailed"
	// ReasonDeadlineExceeded: deadlineSeconds were over before the command had
	// ended. Failed is true.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonBackoffLimitExceeded: pods of ranks failed more often than
	// backoffLimit allows. Failed is true.
	ReasonBackoffLimitExceeded = "BackoffLimitExceeded"
	// ReasonRankUnusable: a rank cannot run, and trying again does not help: its
	// image holds no Flux, or Flux refuses its configuration. Failed is true.
	ReasonRankUnusable = "RankUnusable"
)

// Reasons of events on a MiniCluster. The reasons of the conditions
// SizeWithinBounds, Progressing, Degraded and Failed that need somebody's attention
// (ReasonLeadLost, ReasonNameConflict, ReasonInvalidSpec, ReasonCutOff,
// ReasonSuspended, ReasonJobFailed, ReasonApplyFailed, those of Failed and of package bounds) are
// used for warnings besides, and ReasonCommandSucceeded for a normal event.
const (
	// EventCreated: the Job was created.
	EventCreated = "Created"
	// EventAdapted: some of the spec is not done as it says, and this is done
	// instead. It is told when the Job is created.
	EventAdapted = "Adapted"
	// EventScalingUp: the Job was told to run more ranks.
	EventScalingUp = "ScalingUp"
	// EventScalingDown: the Job was told to run fewer ranks.
	EventScalingDown = "ScalingDown"
	// EventRecreating: the Job is deleted and created anew, because its pod
	// template cannot change.
	EventRecreating = "Recreating"
	// EventDraining: ranks that are to go, or to restart, take no more jobs from now on.
	EventDraining = "Draining"
	// EventDrained: no job runs any more on the ranks that are to go, or to restart.
	EventDrained = "Drained"
	// EventDrainCanceled: ranks that were to go, or to restart, stay as they are, and take
	// jobs again.
	EventDrainCanceled = "DrainCanceled"
	// EventFallingAsleep: the Job was deleted, since suspend is true.
	EventFallingAsleep = "FallingAsleep"
	// EventRestartDue: a change waits for AnnotationRestart.
	EventRestartDue = "RestartDue"
	// EventStateLost, a warning: ranks that end took with them what the queue held.
	EventStateLost = "StateLost"
	// EventDrainTimedOut, a warning: the time that jobs had to end was over, and
	// the jobs that its message names fail with their ranks.
	EventDrainTimedOut = "DrainTimedOut"
	// EventQueueScalingUp: spec.size was raised, since the queue needs more ranks.
	EventQueueScalingUp = "QueueScalingUp"
	// EventQueueScalingDown: spec.size was lowered, since ranks are idle.
	EventQueueScalingDown = "QueueScalingDown"
	// EventQueueSleeping: spec.suspend was set, since the queue has been empty.
	EventQueueSleeping = "QueueSleeping"
	// EventLeadBack: the lead is ready again after ReasonLeadLost.
	EventLeadBack = "LeadBack"
	// EventCleanedUp: with cleanup, the Job and its pods were deleted after the
	// command had ended.
	EventCleanedUp = "CleanedUp"
)
