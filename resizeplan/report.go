package resizeplan

import "github.com/gopherlocks/gopherlocks/operator/idset"

// Exit codes of a program that shows a Report, for scripts.
const (
	// ExitNothing: no MiniCluster changes in size or restarts.
	ExitNothing = 0
	// ExitRefused: the update would be refused, or its effect is not known.
	ExitRefused = 1
	// ExitResize: a MiniCluster comes, goes, restarts or changes its size, or may.
	ExitResize = 2
)

// Verdict is a Report in one word.
type Verdict string

// Verdicts.
const (
	VerdictUnchanged Verdict = "unchanged"
	VerdictResize    Verdict = "resize"
	VerdictRefused   Verdict = "refused"
)

// ExitCode is the exit code that stands for the verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case VerdictUnchanged:
		return ExitNothing
	case VerdictResize:
		return ExitResize
	default:
		return ExitRefused
	}
}

// Report is what a preview means. Its JSON form is for programs, and stable: fields
// are added, not renamed. docs/resize-plan.md documents it.
type Report struct {
	Stack   string  `json:"stack"`
	Verdict Verdict `json:"verdict"`
	// MiniClusters are in the order of their names.
	MiniClusters []MiniCluster `json:"miniClusters"`
	// Refusals are the refusals that concern no single MiniCluster.
	Refusals []Finding `json:"refusals,omitempty"`
	// Warnings come from policies that do not refuse, from the program, and from
	// the preview.
	Warnings []Finding `json:"warnings,omitempty"`
	// OtherChanges is the number of other resources that change.
	OtherChanges int `json:"otherChanges"`
}

// Change is what happens to a MiniCluster.
type Change string

// Changes.
const (
	ChangeNone    Change = "none"
	ChangeCreate  Change = "create"
	ChangeGrow    Change = "grow"
	ChangeShrink  Change = "shrink"
	ChangeRestart Change = "restart"
	// ChangeSleep: all ranks end, and it stays. ChangeWake: it comes back.
	ChangeSleep   Change = "sleep"
	ChangeWake    Change = "wake"
	ChangeDelete  Change = "delete"
	ChangeRefused Change = "refused"
	// ChangeUnknown: something changes, but the size after it is not known.
	ChangeUnknown Change = "unknown"
)

// MiniCluster is what happens to one.
type MiniCluster struct {
	// Namespace is empty if it is known only during the update.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Change    Change `json:"change"`
	// DeclaredNow and DeclaredWished are the sizes that the stack declared at its
	// last update and declares now; null without one.
	DeclaredNow    *int32 `json:"declaredNow"`
	DeclaredWished *int32 `json:"declaredWished"`
	// Live is null if there is no MiniCluster yet, or if it is not known.
	// LiveUnknown then says why.
	Live        *LiveState `json:"live"`
	LiveUnknown string     `json:"liveUnknown,omitempty"`
	// SizeAfter is the number of ranks that the operator works towards after the
	// update, 0 of a MiniCluster that sleeps; null when it is not known, or there is no
	// MiniCluster any more.
	SizeAfter *int32 `json:"sizeAfter"`
	// Arriving are the ranks that start, Leaving the ranks that end. A restart has
	// both.
	Arriving *Ranks   `json:"arriving"`
	Leaving  *Leaving `json:"leaving"`
	Restart  Restart  `json:"restart"`
	// Bounds of the size after the update; null when they are not known.
	Bounds *Bounds `json:"bounds"`
	// Autoscaler is the HorizontalPodAutoscaler that scales the MiniCluster after the
	// update; null for none.
	Autoscaler        *Autoscaler `json:"autoscaler"`
	AutoscalerUnknown string      `json:"autoscalerUnknown,omitempty"`
	// QueueAutoscaler is there if spec.autoscaling.queue is set after the update. Beside
	// an Autoscaler it stands still.
	QueueAutoscaler *QueueAutoscaler `json:"queueAutoscaler,omitempty"`
	// Room is null if no rank comes and there is no autoscaler.
	Room *Room `json:"room"`
	// Refusals say why the update would be refused.
	Refusals []Finding `json:"refusals,omitempty"`
	// Notes say what else is worth knowing.
	Notes []string `json:"notes,omitempty"`
}

// Key of the MiniCluster.
func (m MiniCluster) Key() Key { return Key{Namespace: m.Namespace, Name: m.Name} }

// LiveState is what is in the cluster now.
type LiveState struct {
	// Wished is spec.size, whoever wrote it.
	Wished int32 `json:"wished"`
	// Size and Ready are the ranks that exist and those that are ready.
	Size  int32 `json:"size"`
	Ready int32 `json:"ready"`
	// State is the reason of the condition Progressing, such as "Ready".
	State string `json:"state"`
}

// Ranks is a set of ranks.
type Ranks struct {
	Set   idset.Set `json:"set"`
	Count int       `json:"count"`
}

// Leaving are ranks that end.
type Leaving struct {
	Ranks
	// DrainTimeoutSeconds is how long the operator waits for the jobs on them. No
	// new jobs start there meanwhile. 0: the ranks end at once.
	DrainTimeoutSeconds int64 `json:"drainTimeoutSeconds"`
	// Jobs are the jobs on the ranks now.
	Jobs Jobs `json:"jobs"`
	// Queue is null unless the lead goes, or may go.
	Queue *Queue `json:"queue,omitempty"`
}

// Jobs are jobs of Flux.
type Jobs struct {
	// Count is null if it is not known. Unknown then says why.
	Count *int `json:"count"`
	// Busy are the ranks that they run on, and IDs are some of them.
	Busy    idset.Set `json:"busy,omitzero"`
	IDs     []string  `json:"ids,omitempty"`
	Unknown string    `json:"unknown,omitempty"`
	// WithoutFlux says that there can be none, since the container does not run
	// Flux.
	WithoutFlux bool `json:"withoutFlux,omitempty"`
	// pending is the number of jobs that wait for ranks; nil if it is not known.
	pending *int
}

// Answer is yes, no, or not known.
type Answer string

// Answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Restart says whether the lead's broker, and with it all ranks, restart.
type Restart struct {
	AllRanks Answer `json:"allRanks"`
	// Because says why they restart, or why that is not known.
	Because string `json:"because,omitempty"`
	// Due says that they go on, and that a restart for this reason waits until somebody asks
	// for it; empty for none.
	Due string `json:"due,omitempty"`
}

// Bounds are minSize and the maximum.
type Bounds struct {
	Min int `json:"min"`
	Max int `json:"max"`
	// Binding names the bound that the size after the update is at, or that has
	// changed it; empty for none.
	Binding string `json:"binding,omitempty"`
}

// Autoscaler is a HorizontalPodAutoscaler after the update.
type Autoscaler struct {
	Name string `json:"name"`
	// MinReplicas and MaxReplicas are the range that it chooses from.
	MinReplicas int32 `json:"minReplicas"`
	MaxReplicas int32 `json:"maxReplicas"`
	// Wish is its desiredReplicas now; null if it does not exist or has not
	// decided.
	Wish *int32 `json:"wish"`
	// Limited says why it does not follow the load alone: a reason of its condition
	// ScalingLimited, such as "TooManyReplicas".
	Limited string `json:"limited,omitempty"`
}

// QueueAutoscaler is the operator's choice of the size by Flux's queue.
type QueueAutoscaler struct {
	// Queue is what status.queue says now; null if it says nothing, or does not scale
	// by the queue yet.
	Queue *QueueState `json:"queue"`
}

// QueueState is what the operator was told last of the queue.
type QueueState struct {
	// Running, Pending and Held are numbers of jobs. Held ones wait for something else
	// than ranks.
	Running int32 `json:"running"`
	Pending int32 `json:"pending"`
	Held    int32 `json:"held,omitempty"`
	// Wanted is the size that the jobs need, within the bounds.
	Wanted int32 `json:"wanted"`
	// Message says why the size is what it is, or will be.
	Message string `json:"message,omitempty"`
}

// Room says whether the nodes have room for the ranks that come.
type Room struct {
	Fits Answer `json:"fits"`
	// Needed is the number of ranks that come. Available is how many ranks fit, by
	// requests, of ranks that are not there now or restart.
	Needed    int `json:"needed"`
	Available int `json:"available"`
	// OnePerNode tells whether a node takes only one rank, however large it is.
	OnePerNode bool `json:"onePerNode,omitempty"`
	// Because says why it is not known.
	Because string `json:"because,omitempty"`
}

// Finding is a refusal or a warning.
type Finding struct {
	// By is who says so: "program", "API server", "operator" or "policy NAME".
	By      string `json:"by"`
	Message string `json:"message"`
	// resource is the URN that it concerns; empty for none.
	resource string
}

// concerns tells whether it is about the object or about its component.
func (f Finding) concerns(d Declared) bool {
	return f.resource != "" && (f.resource == d.URN || f.resource == d.Component)
}

// NewFinding returns what somebody says about the resource of the URN.
func NewFinding(urn, by, message string) Finding {
	return Finding{By: by, Message: message, resource: urn}
}
