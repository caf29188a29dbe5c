// Package stackcluster is what toolchain, program and plugin agree on about the
// cluster of a stack: who may provide it, who decides that, how it is called, the
// files and variables by which they tell each other, and what it needs of the
// machine. It imports the standard library alone, so that the toolchain can too.
package stackcluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Cluster providers, the values of gopherlocks:clusterProvider.
const (
	// Auto is what the stack has by now, and in the beginning kind where a container
	// engine works, else an embedded cluster.
	Auto     = "auto"
	Embedded = "embedded"
	Kind     = "kind"
	Existing = "existing"
)

// Providers are all but Auto.
var Providers = []string{Embedded, Kind, Existing}

// IsOfThisMachine tells whether a provider makes its cluster on this machine.
func IsOfThisMachine(provider string) bool { return provider == Embedded || provider == Kind }

// Choice is where a stack's Kubernetes comes from.
type Choice struct {
	Provider string
	// Reason is a clause that says why.
	Reason string
	// Replaces is what the stack has by now, where that is another.
	Replaces string
}

func (c Choice) String() string {
	text := fmt.Sprintf("clusterProvider: %s, because %s", c.Provider, c.Reason)
	if c.Replaces != "" {
		text += fmt.Sprintf("; it takes the place of %s, which the stack has now", c.Replaces)
	}
	return text
}

// Inputs are what decides. Empty and Auto leave the choice to what comes after it.
// Nobody knows all of them: the toolchain has no Proposal, the program does not know
// what is recorded, and the plugin is told what the program has chosen as Requested.
type Inputs struct {
	Stack string
	// Command is what `make CLUSTER=…` was told.
	Command string
	// Configured is the setting clusterProvider of the stack.
	Configured string
	// Requested is what the program asks the plugin for.
	Requested Choice
	// Recorded is what the stack has by now.
	Recorded string
	// Proposal is whose programs the toolchain has provided.
	Proposal Choice
	// CheckEngine says why no container engine works on this machine: nil when one
	// does, ErrNoEngine when there is none. Without it the choice stays Auto.
	CheckEngine func() error
}

// ErrNoEngine says that a machine has no container engine.
var ErrNoEngine = errors.New("no container engine is installed")

// Choose decides. The first who says something counts, and the machine comes last.
func Choose(in Inputs) Choice {
	chosen := Choice{Provider: Auto}
	for _, c := range []Choice{
		{Provider: in.Command, Reason: "CLUSTER says so"},
		{Provider: in.Configured, Reason: "the configuration of stack " + in.Stack + " says so"},
		in.Requested,
		{Provider: in.Recorded, Reason: "stack " + in.Stack + " is made for it"},
		in.Proposal,
	} {
		if !isOpen(c.Provider) {
			chosen = c
			break
		}
	}
	if chosen.Provider == Auto && in.CheckEngine != nil {
		chosen = chooseByEngine(in.CheckEngine())
	}
	if in.Recorded != chosen.Provider {
		chosen.Replaces = in.Recorded
	}
	return chosen
}

func isOpen(provider string) bool { return provider == "" || provider == Auto }

func chooseByEngine(err error) Choice {
	switch {
	case err == nil:
		return Choice{Provider: Kind, Reason: "a container engine works here"}
	case errors.Is(err, ErrNoEngine):
		return Choice{Provider: Embedded, Reason: "no container engine works here"}
	default:
		return Choice{Provider: Embedded, Reason: fmt.Sprintf("no container engine works here (%v)", err)}
	}
}

// CheckCommand refuses what `make CLUSTER=…` was told if it is no provider, or if the
// stack's configuration says another: the next plain `pulumi up` would follow the
// configuration.
func (in Inputs) CheckCommand() error {
	switch {
	case isOpen(in.Command):
		return nil
	case !slices.Contains(Providers, in.Command):
		return fmt.Errorf("CLUSTER=%s: take %s or %s", in.Command, strings.Join(Providers, ", "), Auto)
	case !isOpen(in.Configured) && in.Configured != in.Command:
		return fmt.Errorf("CLUSTER=%s, and the configuration of stack %s says clusterProvider %s: leave CLUSTER out, or run `pulumi config rm clusterProvider` first",
			in.Command, in.Stack, in.Configured)
	}
	return nil
}
