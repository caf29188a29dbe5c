package preview

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// Types of the resources that a resize plan is about.
var (
	miniClusterType = regexp.MustCompile(`^kubernetes:flux-framework\.org/v1alpha[12]:MiniCluster$`)
	autoscalerType  = regexp.MustCompile(`^kubernetes:autoscaling/v[12]:HorizontalPodAutoscaler$`)
)

const (
	miniClusterComponent = "gopherlocks:components:MiniCluster"
	providerType         = "pulumi:providers:kubernetes"
	mandatory            = "mandatory"
)

// decode reads the events of a preview in their order.
func decode(stack string, events []apitype.EngineEvent) resizeplan.Preview {
	c := collection{steps: map[string]*step{}}
	preview := resizeplan.Preview{Stack: stack}
	for _, e := range events {
		switch {
		case e.ResourcePreEvent != nil:
			c.add(e.ResourcePreEvent.Metadata, false)
		case e.ResOutputsEvent != nil:
			c.add(e.ResOutputsEvent.Metadata, true)
		case e.PolicyEvent != nil:
			p := e.PolicyEvent
			finding := resizeplan.NewFinding(p.ResourceURN, "policy "+p.PolicyName, plainText(p.Message))
			if p.EnforcementLevel == mandatory {
				preview.Refusals = append(preview.Refusals, finding)
			} else {
				preview.Warnings = append(preview.Warnings, finding)
			}
		case e.DiagnosticEvent != nil && e.DiagnosticEvent.Severity == "error":
			if finding, ok := refusal(*e.DiagnosticEvent); ok {
				preview.Refusals = append(preview.Refusals, finding)
			}
		case e.DiagnosticEvent != nil && e.DiagnosticEvent.Severity == "warning" && !ambientPlugin.MatchString(plainText(e.DiagnosticEvent.Message)):
			preview.Warnings = append(preview.Warnings, warning(*e.DiagnosticEvent))
		case e.DiagnosticEvent != nil && e.DiagnosticEvent.Severity == "info" && !e.DiagnosticEvent.Ephemeral:
			notice := resizeplan.NewFinding(e.DiagnosticEvent.URN, "program", plainText(e.DiagnosticEvent.Message))
			preview.Notices = append(preview.Notices, notice)
		}
	}
	for _, urn := range c.order {
		s := c.steps[urn]
		switch {
		case miniClusterType.MatchString(s.resourceType):
			preview.MiniClusters = append(preview.MiniClusters, c.declared(urn))
		case autoscalerType.MatchString(s.resourceType):
			preview.Autoscalers = append(preview.Autoscalers, c.declared(urn))
		case s.operation != resizeplan.Same && isResource(s.resourceType):
			preview.OtherChanges++
		}
	}
	return preview
}

// isResource leaves out stacks, components and providers.
func isResource(resourceType string) bool {
	return !strings.HasPrefix(resourceType, "pulumi:") && !strings.HasPrefix(resourceType, "gopherlocks:components:")
}

// step is what happens to one resource, from all events about it.
type step struct {
	resourceType string
	operation    resizeplan.Operation
	before       *apitype.StepEventStateMetadata
	after        *apitype.StepEventStateMetadata
	result       map[string]any
	changed      []string
	provider     string
}

type collection struct {
	steps map[string]*step
	order []string // of the URNs
}

// operations are the engine's that change or keep a resource. Others, such as
// "read" and "refresh", do not.
var operations = map[apitype.OpType]resizeplan.Operation{
	apitype.OpSame: resizeplan.Same, apitype.OpCreate: resizeplan.Create, apitype.OpUpdate: resizeplan.Update,
	apitype.OpDelete: resizeplan.Delete, apitype.OpReplace: resizeplan.Replace,
	apitype.OpCreateReplacement: resizeplan.Replace, apitype.OpDeleteReplaced: resizeplan.Replace,
	apitype.OpImport: resizeplan.Update,
}

func (c *collection) add(m apitype.StepEventMetadata, isOver bool) {
	operation, known := operations[m.Op]
	if !known {
		return
	}
	s := c.steps[m.URN]
	if s == nil {
		s = &step{resourceType: m.Type}
		c.steps[m.URN] = s
		c.order = append(c.order, m.URN)
	}
	s.operation = operation
	s.provider = m.Provider
	if m.Old != nil {
		s.before = m.Old
	}
	if m.New != nil {
		s.after = m.New
	}
	if len(m.DetailedDiff) > 0 {
		s.changed = nil
		for path := range m.DetailedDiff {
			s.changed = append(s.changed, path)
		}
		slices.Sort(s.changed)
	}
	if isOver && m.New != nil && m.Op != apitype.OpSame {
		s.result = m.New.Outputs
	}
}

func (c *collection) declared(urn string) resizeplan.Declared {
	s := c.steps[urn]
	d := resizeplan.Declared{URN: urn, Operation: s.operation, Changed: s.changed, NewCluster: c.newCluster(s.provider)}
	state := s.after
	if s.before != nil {
		d.Before = marked(s.before.Inputs)
		state = s.before
	}
	if s.after != nil && s.operation != resizeplan.Delete {
		d.After = marked(s.after.Inputs)
		state = s.after
	}
	metadata, _ := marked(state.Inputs)["metadata"].(map[string]any)
	d.Name, _ = metadata["name"].(string)
	d.Namespace, _ = metadata["namespace"].(string)
	if parent := c.component(state.Parent); parent != nil {
		d.Component = state.Parent
		if d.Namespace == "" {
			// The same update makes the namespace; the component has its name.
			d.Namespace, _ = marked(parent.Inputs)["namespace"].(string)
		}
	}
	// Without an answer of the API server, Pulumi repeats the inputs. Only an
	// answer has a UID.
	if result := marked(s.result); result != nil {
		if answered, _ := result["metadata"].(map[string]any); answered["uid"] != nil {
			d.Result = result
		}
	}
	return d
}

// component is the MiniCluster component of the URN, or nil.
func (c *collection) component(urn string) *apitype.StepEventStateMetadata {
	s := c.steps[urn]
	if s == nil || s.resourceType != miniClusterComponent || s.after == nil {
		return nil
	}
	return s.after
}

// newCluster tells whether the provider's kubeconfig is known only during the
// update: then the update makes the cluster itself. reference is URN::ID.
func (c *collection) newCluster(reference string) bool {
	urn := reference[:max(strings.LastIndex(reference, "::"), 0)]
	s := c.steps[urn]
	if s == nil || s.resourceType != providerType || s.after == nil {
		return false
	}
	_, notKnown := marked(s.after.Inputs)["kubeconfig"].(resizeplan.NotKnown)
	return notKnown
}

// marked returns properties with our own values for unknowns and secrets. Pulumi
// writes unknowns as a fixed text, and secrets as an object with a signature.
func marked(properties map[string]any) map[string]any {
	m, _ := mark(properties).(map[string]any)
	return m
}

func mark(value any) any {
	switch value := value.(type) {
	case string:
		if value == plugin.UnknownStringValue {
			return resizeplan.NotKnown{}
		}
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = mark(value[i])
		}
		return list
	case map[string]any:
		if value == nil {
			return nil
		}
		if value[resource.SigKey] == resource.SecretSig {
			return resizeplan.Secret{}
		}
		object := make(map[string]any, len(value))
		for name := range value {
			object[name] = mark(value[name])
		}
		return object
	}
	return value
}

// These find the part of an API server's message that says what is wrong with which
// field.
// Source: StatusError of k8s.io/apimachinery for reason Invalid, and how Pulumi's
// plugin and engine wrap it.
var (
	invalidObject = regexp.MustCompile(`(?s)^.* is invalid: (.*)$`)
	// For rules in CEL, some versions of Kubernetes write the kind of the value,
	// others write nothing. For a schema they write the value itself, which stays.
	invalidValue  = regexp.MustCompile(`Invalid value: (?:"object": |(\d+ [a-z]|[A-Za-z]))`)
	programFailed = regexp.MustCompile(`(?s)^.*program failed:\s*\d+ errors? occurred:\s*\* (.*)$`)
	// The program could not go on, since Pulumi had stopped after another error.
	stoppedAfterError = regexp.MustCompile(`(?s)^.*program failed:\s*waiting for RPCs: rpc error: code = Unavailable desc = resource monitor shut down[^\n]*$`)
)

// refusal returns an error's message without what wraps it. An error that only
// mentions another one is no refusal.
func refusal(e apitype.DiagnosticEvent) (resizeplan.Finding, bool) {
	text := plainText(e.Message)
	switch {
	case text == "preview failed" || text == "" || stoppedAfterError.MatchString(text):
		return resizeplan.Finding{}, false
	case invalidObject.MatchString(text):
		text = invalidValue.ReplaceAllString(invalidObject.FindStringSubmatch(text)[1], "$1")
		return resizeplan.NewFinding(e.URN, "API server", text), true
	case programFailed.MatchString(text):
		return resizeplan.NewFinding(e.URN, "program", programFailed.FindStringSubmatch(text)[1]), true
	}
	return resizeplan.NewFinding(e.URN, "preview", text), true
}

// ambientPlugin is what Pulumi says of each plugin on PATH, and ours are all there.
var ambientPlugin = regexp.MustCompile(`^using .* from \$PATH`)

// warning is a message of the program about the stack, or of another about a
// resource.
func warning(e apitype.DiagnosticEvent) resizeplan.Finding {
	by := "preview"
	if e.URN == "" || resource.URN(e.URN).Type() == resource.RootStackType {
		by = "program"
	}
	return resizeplan.NewFinding(e.URN, by, plainText(e.Message))
}

// plainText is a message without colours and surrounding space.
func plainText(message string) string {
	return strings.TrimSpace(colors.Never.Colorize(message))
}
