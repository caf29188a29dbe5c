package resizeplan

import "github.com/gopherlocks/gopherlocks/operator/idset"

// Exit codes of a program that shows a Report, for scripts.
const (
	// ExitNothing: no MiniCluster changes in size or restarts.
	ExitNothing = 0
	// ExitRefused: the update would be refused, or what it does is not known.
	ExitRefused = 1
	// ExitResize: a MiniCluster comes, goes, restarts or changes its size, or may.
	ExitResize = 2
)

// Verdict is the sum of a Report.
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
	// Refusals are those that concern no MiniCluster in particular.
	Refusals []Finding `json:"refusals,omitempty"`
	// Warnings are of policies that do not refuse, of the program, and of the preview.
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
	ChangeDelete  Change = "delete"
	ChangeRefused Change = "refused"
	// ChangeUnknown: something changes of which the size after it is not known.
	ChangeUnknown Change = "unknown"
)

// MiniCluster is what happens to one.
type MiniCluster struct {
	// Namespace is empty where it is known only during the update.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Change    Change `json:"change"`
	// DeclaredNow and DeclaredWished are the sizes that the stack declared at its
	// last update and declares now; null without one.
	DeclaredNow    *int32 `json:"declaredNow"`
	DeclaredWished *int32 `json:"declaredWished"`
	// Live is null where there is no MiniCluster yet, or where LiveUnknown says why
	// it is not known.
	Live        *LiveState `json:"live"`
	LiveUnknown string     `json:"liveUnknown,omitempty"`
	// SizeAfter is the number of ranks that the operator works towards after the
	// update; null when it is not known, or there is no MiniCluster any more.
	SizeAfter *int32 `json:"sizeAfter"`
	// Arriving are the ranks that start, Leaving those whose pods end. A restart has
	// both.
	Arriving *Ranks   `json:"arriving"`
	Leaving  *Leaving `json:"leaving"`
	Restart  Restart  `json:"restart"`
	// Bounds of the size after the update; null when they are not known.
	Bounds *Bounds `json:"bounds"`
	// Autoscaler is who scales the MiniCluster after the update; null for nobody but
	// Pulumi and people.
	Autoscaler        *Autoscaler `json:"autoscaler"`
	AutoscalerUnknown string      `json:"autoscalerUnknown,omitempty"`
	// Room is null where no rank comes and nobody scales.
	Room *Room `json:"room"`
	// Refusals say why the update would not be done.
	Refusals []Finding `json:"refusals,omitempty"`
	// Notes are what is worth knowing besides, in words.
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

// Leaving are ranks whose pods end.
type Leaving struct {
	Ranks
	// DrainTimeoutSeconds is how long the operator waits for the jobs on them, while
	// no new ones start there. 0: they end at once.
	DrainTimeoutSeconds int64 `json:"drainTimeoutSeconds"`
	// Jobs are those on the ranks now.
	Jobs Jobs `json:"jobs"`
}

// Jobs are jobs of Flux.
type Jobs struct {
	// Count is null where Unknown says why it is not known.
	Count *int `json:"count"`
	// Busy are the ranks that they run on, and IDs are some of them.
	Busy    idset.Set `json:"busy,omitzero"`
	IDs     []string  `json:"ids,omitempty"`
	Unknown string    `json:"unknown,omitempty"`
	// WithoutFlux says that there can be none.
	WithoutFlux bool `json:"withoutFlux,omitempty"`
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
	// Because says why, unless they do not.
	Because string `json:"because,omitempty"`
}

// Bounds are minSize and the maximum.
type Bounds struct {
	Min int `json:"min"`
	Max int `json:"max"`
	// Binding names the bound that the size after the update is at, or has been held
	// by; empty for none.
	Binding string `json:"binding,omitempty"`
}

// Autoscaler is a HorizontalPodAutoscaler after the update.
type Autoscaler struct {
	Name string `json:"name"`
	// MinReplicas and MaxReplicas are the range that it chooses from.
	MinReplicas int32 `json:"minReplicas"`
	MaxReplicas int32 `json:"maxReplicas"`
	// Wish is the size that it wishes now; null while it is not there or has not
	// decided.
	Wish *int32 `json:"wish"`
	// Limited says why it does not wish what the load alone asks for, a reason of
	// its condition ScalingLimited such as "TooManyReplicas".
	Limited string `json:"limited,omitempty"`
}

// Room says whether the nodes have room for the ranks that come.
type Room struct {
	Fits Answer `json:"fits"`
	// Needed is the number of ranks that come. Available is how many ranks fit, by
	// requests, of ranks that are not there now or restart.
	Needed    int `json:"needed"`
	Available int `json:"available"`
	// OnePerNode tells whether a node takes one rank only, whatever its size.
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

// concerns tells whether it is about the object, or the component that declares it.
func (f Finding) concerns(d Declared) bool {
	return f.resource != "" && (f.resource == d.URN || f.resource == d.Component)
}

// NewFinding returns what somebody says about the resource of the URN.
func NewFinding(urn, by, message string) Finding {
	return Finding{By: by, Message: message, resource: urn}
}
