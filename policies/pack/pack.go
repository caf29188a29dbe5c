// Package pack serves the rules to Pulumi as a policy pack.
//
// It speaks Pulumi's analyzer protocol itself. policyx of the Go SDK, as of 3.256,
// does not analyze whole stacks, and several rules need that. The pack also
// remembers the inputs of registered resources. So a rule about two resources can
// refuse the second before it is made, and a rule about the whole stack sees inputs
// beside outputs.
package pack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gopherlocks/gopherlocks/policies/rules"
)

// Name is what Pulumi calls the pack.
const Name = "gopherlocks"

// policies are the rules with their configuration, and what they have seen of a
// stack. Pulumi starts a new process for each preview and each update.
type policies struct {
	mu       sync.Mutex
	levels   map[string]rules.Level
	settings map[string]rules.Settings
	stack    rules.Stack
	// reported are the findings that Pulumi knows already. causes are the same
	// without their messages.
	reported map[reported]bool
	causes   map[cause]bool
}

// cause is a rule's reason to object to a resource. reported is a cause with its
// message.
type (
	cause    struct{ rule, urn, reason string }
	reported struct {
		cause
		message string
	}
)

func newPolicies() *policies {
	p := &policies{
		levels: map[string]rules.Level{}, settings: map[string]rules.Settings{},
		reported: map[reported]bool{}, causes: map[cause]bool{},
	}
	for _, rule := range rules.All() {
		p.levels[rule.Name] = rule.Level
	}
	return p
}

// diagnostic is a finding with its rule and the level of that.
type diagnostic struct {
	rules.Finding
	rule  rules.Rule
	level rules.Level
}

// everyRule stands for all rules in the configuration.
const everyRule = "all"

// configure sets the level and the settings of a rule.
func (p *policies) configure(name string, level rules.Level, given rules.Settings) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if name == everyRule {
		return nil // Pulumi has given it to each rule.
	}
	for _, rule := range rules.All() {
		if rule.Name != name {
			continue
		}
		if err := rule.CheckSettings(given); err != nil {
			return err
		}
		p.levels[name], p.settings[name] = level, given
		return nil
	}
	return fmt.Errorf("the policy pack %s has no policy %q; it has %s", Name, name,
		strings.Join(slices.Sorted(maps.Keys(p.levels)), ", "))
}

// analyze remembers a resource and returns the findings about it.
func (p *policies) analyze(r rules.Resource) []diagnostic {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stack.Resources = append(p.stack.Resources, r)
	if !r.Concerns() {
		return nil
	}
	return p.run(p.stack, func(f rules.Finding) bool { return f.URN == r.URN })
}

// analyzeStack returns the new findings about the whole stack. The resources have
// outputs only.
func (p *policies) analyzeStack(resources []rules.Resource) []diagnostic {
	p.mu.Lock()
	defer p.mu.Unlock()
	whole := rules.Stack{Complete: true, Config: p.stack.Config}
	order := map[string]int{}
	for i, r := range p.stack.Resources {
		order[r.URN] = i
	}
	for _, r := range resources {
		r.Inputs = r.Outputs // --target has left the resource out.
		if i, registered := order[r.URN]; registered {
			r.Inputs = p.stack.Resources[i].Inputs
		}
		whole.Resources = append(whole.Resources, r)
	}
	// Pulumi gives them in no order, but a rule about two resources reports the
	// second.
	slices.SortStableFunc(whole.Resources, func(a, b rules.Resource) int { return cmp.Compare(order[a.URN], order[b.URN]) })
	return p.run(whole, func(rules.Finding) bool { return true })
}

// correct returns the corrections of a resource that is about to be analyzed,
// by the rule that they come from.
func (p *policies) correct(r rules.Resource) (rules.Rule, []rules.Correction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stack := p.stack
	stack.Resources = append(slices.Clone(stack.Resources), r)
	for _, rule := range rules.All() {
		if rule.Correct == nil || p.levels[rule.Name] != rules.Remediate {
			continue
		}
		if corrections := rule.Correct(stack); len(corrections) > 0 {
			return rule, corrections
		}
	}
	return rules.Rule{}, nil
}

// run returns the findings of all rules that are wanted and new.
func (p *policies) run(s rules.Stack, wanted func(rules.Finding) bool) []diagnostic {
	var all []diagnostic
	for _, rule := range rules.All() {
		level := p.levels[rule.Name]
		if level == rules.Disabled {
			continue
		}
		for _, finding := range rule.Run(s, p.settings[rule.Name]) {
			c := cause{rule.Name, finding.URN, finding.Reason}
			if !wanted(finding) || p.reported[reported{c, finding.Message}] || p.inherited(s, c) {
				continue
			}
			p.reported[reported{c, finding.Message}] = true
			p.causes[c] = true
			d := diagnostic{Finding: finding, rule: rule, level: level}
			if finding.Unknown {
				d.level = rules.Advisory
			}
			all = append(all, d)
		}
	}
	return all
}

// inherited says whether the same was reported of a component that the resource
// belongs to: the user then corrects the component's input.
func (p *policies) inherited(s rules.Stack, c cause) bool {
	parents := map[string]string{}
	for _, r := range s.Resources {
		parents[r.URN] = r.Parent
	}
	for urn := parents[c.urn]; urn != ""; urn = parents[urn] {
		if p.causes[cause{c.rule, urn, c.reason}] {
			return true
		}
	}
	return false
}

// setConfig tells the policies the configuration of the stack.
func (p *policies) setConfig(config map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stack.Config = config
}
