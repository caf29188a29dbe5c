// Package rules holds the rules of the policy pack. They judge a stack with
// MiniClusters by what the API server cannot see.
//
// A rule is a pure function of the resources of a stack and of its own settings. It
// is called for each resource that a program registers, together with all earlier
// ones: so it can refuse a resource before it is made. In the end it is called once
// more for the whole stack. It never fails. A value that is not known yet is a
// finding of its own kind; a malformed value is a violation.
//
// Only operator/bounds judges numbers of ranks, with its own messages. Of Pulumi,
// this package knows only the names of resource types: package pack does the rest.
package rules

import (
	"fmt"
	"slices"
)

// Level says what a violation means, in Pulumi's words.
type Level string

// Levels, the same as Pulumi's enforcement levels.
const (
	// Advisory shows the violation.
	Advisory Level = "advisory"
	// Mandatory stops the update.
	Mandatory Level = "mandatory"
	// Remediate changes the inputs instead.
	Remediate Level = "remediate"
	// Disabled leaves the rule out.
	Disabled Level = "disabled"
)

// Rule is one policy.
type Rule struct {
	// Name is unique in the pack. --policy-pack-config uses it.
	Name string
	// Description is one sentence: what must be so.
	Description string
	// Level holds unless the configuration says another.
	Level Level
	// Options are the rule's settings.
	Options []Option
	// Check returns what it finds in the stack; nil for a rule that only corrects.
	Check func(Stack, Settings) []Finding
	// Correct returns what to change about the stack's newest resource; nil for a
	// rule that only checks.
	Correct func(Stack) []Correction
}

// Option is a setting of a rule.
type Option struct {
	Name string
	// Schema is the JSON schema of the value; it has a default.
	Schema map[string]any
}

// Settings are the values of a rule's options, as JSON has them.
type Settings map[string]any

// Finding is a rule's message about one resource.
type Finding struct {
	// URN is the resource's.
	URN string
	// Reason is a word for programs, such as bounds.ReasonSizeAboveMaximum.
	Reason string
	// Message names the field, its value and the bound.
	Message string
	// Unknown says that the rule cannot tell yet. It is never more than advice.
	Unknown bool
}

// Reasons that are not about sizes. Package bounds has the others.
const (
	ReasonUnknown              = "NotKnownYet"
	ReasonMalformed            = "Malformed"
	ReasonMaximumAboveAllowed  = "MaximumAboveAllowed"
	ReasonLargeResize          = "LargeResize"
	ReasonWrongTarget          = "WrongScaleTarget"
	ReasonTargetMissing        = "ScaleTargetMissing"
	ReasonSecondAutoscaler     = "SecondAutoscaler"
	ReasonTargetOutOfRange     = "CPUTargetOutOfRange"
	ReasonLowTarget            = "LowCPUTarget"
	ReasonRequestMissing       = "RequestMissing"
	ReasonSizePinned           = "SizePinned"
	ReasonMetricsServerMissing = "MetricsServerMissing"
	ReasonKubernetesTooOld     = "KubernetesTooOld"
	ReasonMovingImage          = "MovingImageTag"
	ReasonSelfScaling          = "SelfScalingNotAllowed"
	ReasonNotRestricted        = "PodsNotRestricted"
)

// All returns the rules in the order in which they are documented.
func All() []Rule {
	return slices.Concat(sizeRules, autoscalerRules, ownershipRules, clusterRules, podRules, []Rule{clampSizes})
}

// Run returns what the rule finds in the stack. Options that are not given have
// their defaults. A rule that only corrects finds nothing.
func (r Rule) Run(s Stack, given Settings) []Finding {
	if r.Check == nil {
		return nil
	}
	return r.Check(s, r.complete(given))
}

func (r Rule) complete(given Settings) Settings {
	all := Settings{}
	for _, o := range r.Options {
		all[o.Name] = o.Schema["default"]
		if value, ok := given[o.Name]; ok {
			all[o.Name] = value
		}
	}
	return all
}

// CheckSettings returns an error that names an option which the rule does not have.
// Pulumi checks types and ranges by the schema.
func (r Rule) CheckSettings(given Settings) error {
	var known []string
	for _, o := range r.Options {
		known = append(known, o.Name)
	}
	for name := range given {
		if !slices.Contains(known, name) {
			return fmt.Errorf("policy %s has no option %q; it has %q besides enforcementLevel", r.Name, name, known)
		}
	}
	return nil
}

// number reads an option that is a number in JSON.
func (s Settings) number(name string) float64 {
	switch n := s[name].(type) {
	case float64:
		return n
	case int:
		return float64(n)
	default:
		return 0
	}
}

func (s Settings) integer(name string) int { return int(s.number(name)) }

func (s Settings) boolean(name string) bool {
	b, _ := s[name].(bool)
	return b
}

func (s Settings) text(name string) string {
	t, _ := s[name].(string)
	return t
}

func (s Settings) texts(name string) []string {
	list, _ := s[name].([]any)
	var texts []string
	for _, item := range list {
		if t, ok := item.(string); ok {
			texts = append(texts, t)
		}
	}
	return texts
}
