package v1alpha2

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +kubebuilder:object:root=true
// +kubebuilder:metadata:labels="app.kubernetes.io/part-of=gopherlocks"
// +kubebuilder:resource:path=miniclusters,shortName=mc,categories=all
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.size,statuspath=.status.size,selectorpath=.status.selector
// +kubebuilder:printcolumn:name="Desired",type=integer,JSONPath=`.spec.size`,description="Wished number of ranks"
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`,description="Ranks that exist"
// +kubebuilder:printcolumn:name="Ready",type=integer,JSONPath=`.status.ready`,description="Ranks that are ready"
// +kubebuilder:printcolumn:name="Max",type=integer,JSONPath=`.status.maximumSize`,description="Largest size allowed"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.conditions[?(@.type=="Progressing")].reason`,description="What is going on"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Running",type=integer,priority=1,JSONPath=`.status.queue.running`,description="Jobs that have ranks, with autoscaling.queue"
// +kubebuilder:printcolumn:name="Pending",type=integer,priority=1,JSONPath=`.status.queue.pending`,description="Jobs that wait for ranks, with autoscaling.queue"
// +kubebuilder:printcolumn:name="Wanted",type=integer,priority=1,JSONPath=`.status.queue.wanted`,description="Size that the jobs need, with autoscaling.queue"
// +kubebuilder:validation:XValidation:rule="rules/minicluster.yaml"

// MiniCluster is a cluster of ranks, one pod each, that grows and shrinks within
// bounds while it runs. Scale it with "kubectl scale", a HorizontalPodAutoscaler,
// or by its spec.size.
type MiniCluster struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is that of every object.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the author of the MiniCluster wishes.
	//
	// +required
	Spec MiniClusterSpec `json:"spec"`
	// status is what the operator observes.
	//
	// +optional
	Status MiniClusterStatus `json:"status,omitempty"`
}

// MiniClusterList is a list of MiniClusters.
//
// +kubebuilder:object:root=true
type MiniClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []MiniCluster `json:"items"`
}

// MiniClusterSpec is what the author of a MiniCluster wishes.
//
// +kubebuilder:validation:XValidation:rule="rules/sizes.yaml"
// +kubebuilder:validation:XValidation:rule="rules/containers.yaml"
// +kubebuilder:validation:XValidation:rule="rules/services.yaml"
// +kubebuilder:validation:XValidation:rule="rules/exclusions.yaml"
// +kubebuilder:validation:XValidation:rule="rules/autoscaling.yaml"
type MiniClusterSpec struct {
	// size is the number of ranks to have. It belongs to whoever scales: the
	// operator writes it only where autoscaling says so, through the scale subresource.
	//
	// The default makes the scale subresource readable from the first second:
	// without a value, reading it fails, and an autoscaler cannot start. Default: 1.
	//
	// +kubebuilder:default=1
	// +optional
	Size int32 `json:"size,omitempty"`

	// minSize is the smallest size allowed, at least 1. It may be raised above a size
	// that stays: then minSize ranks run. Default: 1.
	//
	// +kubebuilder:default=1
	// +optional
	MinSize int32 `json:"minSize,omitempty"`

	// maxSize is the largest size allowed. Not set (or 0), the size at creation
	// is the maximum: see status.maximumSize. It can be changed while ranks run, up
	// to flux.ceiling and down to the live size. A larger one restarts all ranks: see
	// restart.
	//
	// +optional
	MaxSize int32 `json:"maxSize,omitempty"`

	// containers of every rank's pod. Exactly one runs the rank; the others run
	// beside it.
	//
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Containers []Container `json:"containers"`

	// services are containers of one further pod beside the ranks, reachable at
	// the host NAME-services of the headless Service. They live as long as the
	// instance.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Services []Container `json:"services,omitempty"`

	// flux is how the instance of Flux is set up.
	//
	// +optional
	Flux Flux `json:"flux,omitempty"`

	// interactive keeps the instance waiting for work, to be given by people who
	// enter the lead's pod, instead of running the command.
	//
	// +optional
	Interactive bool `json:"interactive,omitempty"`

	// tasks is the number of tasks of the submitted command, over all its ranks.
	// From size on, the command is spread over size ranks. With 0 it gets all of
	// size ranks, and no number of tasks. Default: 1.
	//
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +optional
	Tasks *int32 `json:"tasks,omitempty"`

	// scaleDown is how ranks leave.
	//
	// +optional
	ScaleDown ScaleDown `json:"scaleDown,omitempty"`

	// suspend puts the MiniCluster to sleep: the queue is stopped, jobs that run may end as
	// with a restart, and no pod is left. With false it comes back, at the size that is
	// wished then. What the queue holds is kept by flux.stateDir or archive.path, and lost
	// without either. It can be set at any time, also when the MiniCluster is created.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// restart is how ranks are restarted for a change that they cannot take over.
	//
	// +optional
	Restart Restart `json:"restart,omitempty"`

	// autoscaling lets the operator choose the size, between minSize and maxSize.
	//
	// +optional
	Autoscaling Autoscaling `json:"autoscaling,omitempty"`

	// selfScaling gives the pods a ServiceAccount whose token may get and change
	// the scale of their own MiniCluster, and nothing else.
	//
	// +optional
	SelfScaling bool `json:"selfScaling,omitempty"`

	// archive keeps the instance's state over its clean end.
	//
	// +optional
	Archive Archive `json:"archive,omitempty"`

	// cleanup deletes the Job, with all pods and their output, when the lead's
	// command has ended; the MiniCluster stays, with the exit code in its status.
	//
	// +optional
	Cleanup bool `json:"cleanup,omitempty"`

	// backoffLimit is how often a rank's pod that fails by itself is replaced
	// before the MiniCluster fails. Stops from outside do not count, nor does what
	// nobody can tell from one: a container that is killed as a whole, as when it is
	// out of memory. Default (or 0): without end.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	BackoffLimit int32 `json:"backoffLimit,omitempty"`

	// deadlineSeconds is the longest time, in seconds, that the MiniCluster may
	// run; then it fails. Default (or 0): no limit.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DeadlineSeconds int64 `json:"deadlineSeconds,omitempty"`

	// jobLabels are labels to add to the Job and its pods.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	JobLabels map[string]string `json:"jobLabels,omitempty"`

	// jobAnnotations are annotations to add to the Job. Those of its pods are
	// pod.annotations.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	JobAnnotations map[string]string `json:"jobAnnotations,omitempty"`

	// shareProcessNamespace lets the containers of a pod see each other's processes.
	//
	// +optional
	ShareProcessNamespace bool `json:"shareProcessNamespace,omitempty"`

	// network is how the ranks reach each other.
	//
	// +optional
	Network Network `json:"network,omitempty"`

	// logging is what ranks print.
	//
	// +optional
	Logging Logging `json:"logging,omitempty"`

	// pod are options of every rank's pod.
	//
	// +optional
	Pod Pod `json:"pod,omitempty"`
}

// Autoscaling is how the operator chooses the size. Without anything set it does not.
type Autoscaling struct {
	// queue lets the jobs in the queue of the instance of Flux choose the size: the
	// MiniCluster grows at once to the ranks that they take, and gives back ranks that
	// are idle. It needs maxSize, and no HorizontalPodAutoscaler beside it.
	//
	// +optional
	Queue *QueueAutoscaling `json:"queue,omitempty"`
}

// QueueAutoscaling is how the size follows the queue. It can be changed at any time.
type QueueAutoscaling struct {
	// idleSeconds is for how long, in seconds, ranks must have been idle before they
	// go. Default: 60.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=604800
	// +optional
	IdleSeconds *int32 `json:"idleSeconds,omitempty"`

	// spareRanks is the number of ranks to keep ready beyond those that jobs take, so
	// that the next job need not wait for one. Default: 0.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	SpareRanks int32 `json:"spareRanks,omitempty"`

	// step is the distance between the sizes that are chosen, counted from minSize;
	// maxSize is one in any case. Default (or 0): 1.
	//
	// +kubebuilder:validation:Minimum=0
	// +optional
	Step int32 `json:"step,omitempty"`

	// sleepSeconds is for how long, in seconds, the queue must have been empty before the
	// operator sets suspend. Jobs that are held count, too. Who wants to submit then sets
	// suspend to false. Default (or 0): it never does.
	//
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	// +optional
	SleepSeconds int32 `json:"sleepSeconds,omitempty"`
}

// ScaleDown is how ranks leave. It can be changed at any time, also while they do.
type ScaleDown struct {
	// drainTimeoutSeconds is how long, in seconds, to wait for the jobs on ranks
	// that are to go. They are drained at once, so that no new job starts there.
	// When the time is over they go, and their jobs fail. 0 waits for nothing.
	// Default: 3600.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DrainTimeoutSeconds *int32 `json:"drainTimeoutSeconds,omitempty"`
}

// RestartPolicy says when ranks are restarted for a change that they cannot take over.
//
// +kubebuilder:validation:Enum="";WhenIdle;AtOnce;OnRequest
type RestartPolicy string

// Policies of restarts.
const (
	// RestartWhenIdle stops the queue, and restarts when no job runs any more.
	RestartWhenIdle RestartPolicy = "WhenIdle"
	// RestartAtOnce restarts although jobs run, which are canceled.
	RestartAtOnce RestartPolicy = "AtOnce"
	// RestartOnRequest goes on as before until AnnotationRestart asks for it, and then does
	// what RestartWhenIdle does.
	RestartOnRequest RestartPolicy = "OnRequest"
)

// TimeoutPolicy says what becomes of jobs that have not ended in time.
//
// +kubebuilder:validation:Enum="";Cancel;Requeue
type TimeoutPolicy string

// Policies of timeouts.
const (
	// TimeoutCancel cancels them, with their ranks.
	TimeoutCancel TimeoutPolicy = "Cancel"
	// TimeoutRequeue submits them again, and then cancels them: they begin anew, under
	// another ID, once ranks are back.
	TimeoutRequeue TimeoutPolicy = "Requeue"
)

// Restart is how ranks are restarted, and put to sleep. It can be changed at any time, also
// while they are waited for.
type Restart struct {
	// policy says when a change of the spec that the ranks cannot take over restarts them:
	// WhenIdle, AtOnce or OnRequest. Without Flux nobody knows of idleness, so that WhenIdle
	// is AtOnce. Default: WhenIdle.
	//
	// +optional
	Policy RestartPolicy `json:"policy,omitempty"`

	// drainTimeoutSeconds is how long, in seconds, jobs that run may go on before a restart
	// or sleep. No new one starts meanwhile. 0 waits for nothing. Default:
	// scaleDown.drainTimeoutSeconds.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	DrainTimeoutSeconds *int32 `json:"drainTimeoutSeconds,omitempty"`

	// onTimeout says what becomes of jobs that run when the time is over: Cancel, or
	// Requeue, which submits them again. Jobs that depend on a canceled one fail. Default:
	// Cancel.
	//
	// +optional
	OnTimeout TimeoutPolicy `json:"onTimeout,omitempty"`
}

// Archive keeps the instance's state, its queue and finished jobs, in a file.
//
// +kubebuilder:validation:XValidation:rule="rules/archive.yaml"
type Archive struct {
	// path of the file, on a volume of the lead. It is read when the instance
	// starts without other state, and written when it stops cleanly. Against the
	// loss of the lead only flux.stateDir helps.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Path string `json:"path,omitempty"`
}

// QueueStatus is the queue of the instance, and the size that it asks for.
type QueueStatus struct {
	// running is the number of jobs that have ranks.
	//
	// +optional
	Running int32 `json:"running"`

	// pending is the number of jobs that wait for ranks, and for nothing else.
	//
	// +optional
	Pending int32 `json:"pending"`

	// held is the number of jobs that wait for something else: another job, an urgency
	// above 0, or their queue to be started. They do not make the MiniCluster grow.
	//
	// +optional
	Held int32 `json:"held,omitempty"`

	// wanted is the size that the jobs need, within the bounds, spare ranks included.
	//
	// +optional
	Wanted int32 `json:"wanted"`

	// message says why the size is what it is, or will be.
	//
	// +optional
	Message string `json:"message,omitempty"`
}

// MiniClusterStatus is what the operator observes.
type MiniClusterStatus struct {
	// size is the number of ranks whose pods exist and are not terminating.
	//
	// +optional
	Size int32 `json:"size"`

	// ready is the number of ranks whose pods are ready: with Flux, those whose
	// broker is up.
	//
	// +optional
	Ready int32 `json:"ready"`

	// desired is the number of ranks that the operator works towards: spec.size,
	// within the bounds.
	//
	// +optional
	Desired int32 `json:"desired"`

	// maximumSize is the largest size allowed: spec.maxSize or, where that is not
	// set, the last maximum: at first the size that the MiniCluster was created
	// with.
	//
	// +optional
	MaximumSize int32 `json:"maximumSize,omitempty"`

	// selector picks the pods of the ranks that have not ended, and no other pods, for
	// the scale subresource.
	//
	// +optional
	Selector string `json:"selector,omitempty"`

	// jobid is of the Flux Operator, and stays empty.
	//
	// +optional
	JobID string `json:"jobid,omitempty"`

	// observedGeneration is the metadata.generation that this status speaks of.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// queue is what the lead has told last, with spec.autoscaling.queue.
	//
	// +optional
	Queue *QueueStatus `json:"queue,omitempty"`

	// drain tells of ranks that are to go and may still run jobs.
	//
	// +optional
	Drain *Drain `json:"drain,omitempty"`

	// exitCode is what the lead's command has ended with.
	//
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`

	// endedTemplate is, once the MiniCluster has ended, a hash of what its ranks were
	// made from. With another one they are started anew, also when the Job is gone.
	//
	// +optional
	EndedTemplate string `json:"endedTemplate,omitempty"`

	// conditions are Ready, Progressing, SizeWithinBounds, Complete and Failed.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Drain tells of ranks that are to go, or to restart.
type Drain struct {
	// ranks that take no more jobs, as Flux writes a set: "2-3". With rank 0 among them it
	// is the queue that is stopped.
	//
	// +required
	Ranks string `json:"ranks"`

	// startTime is when the operator decided that they go; where ranks were added
	// since, when the last were. The drain timeout counts from here.
	//
	// +required
	StartTime metav1.Time `json:"startTime"`

	// busy are those of the ranks that still run jobs. If the lead does not answer,
	// all of them count as busy.
	//
	// +optional
	Busy string `json:"busy,omitempty"`
}
