package environment

import (
	"fmt"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/sdk/go/gopherlocks"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// chooseTarget finds out which cluster the stack has, and what is in it. Where a
// cluster is configured, or make was told one, everything is looked at before the choice
// is declared: one that cannot be must not become what the stack has.
func chooseTarget(ctx *pulumi.Context, s config.Settings, getenv func(string) string) (config.Settings, target, pulumi.Resource, error) {
	in := stackcluster.Inputs{Stack: ctx.Stack(), Command: getenv(stackcluster.CommandVariable), Configured: s.ClusterProvider}
	if err := in.CheckCommand(); err != nil {
		return s, target{}, nil, err
	}
	requested := stackcluster.Choose(in)
	var t target
	if requested.Provider != stackcluster.Auto {
		var err error
		if t, err = tryTarget(ctx, s, requested.Provider); err != nil {
			return s, target{}, nil, err
		}
	}
	args, err := choiceArgs(ctx.Stack(), s.ClusterName, requested, getenv)
	if err != nil {
		return s, target{}, nil, err
	}
	s, choice, err := declareChoice(ctx, s, args)
	if err == nil && requested.Provider == stackcluster.Auto {
		t, err = newTarget(ctx, s)
	}
	return s, t, choice, err
}

// tryTarget looks at the cluster that the stack would have with a provider.
func tryTarget(ctx *pulumi.Context, s config.Settings, provider string) (target, error) {
	var t target
	on, err := s.On(provider)
	if err == nil {
		t, err = newTarget(ctx, on)
	}
	if err != nil && provider != s.ClusterProvider {
		err = fmt.Errorf("CLUSTER=%s cannot be, and stack %s keeps the cluster that it has (leave CLUSTER out to go on with that):\n%w", provider, ctx.Stack(), err)
	}
	return t, err
}

// declareChoice replaces the provider auto of the settings, and gives the cluster
// its name. The choice is a resource, so that it is part of the stack: made once,
// known to previews, and the same whatever the machine is like later and wherever
// the project's folder is.
func declareChoice(ctx *pulumi.Context, s config.Settings, args *gopherlocks.ClusterChoiceArgs) (config.Settings, pulumi.Resource, error) {
	choice, err := gopherlocks.NewClusterChoice(ctx, "cluster", args)
	if err != nil {
		return s, nil, fmt.Errorf("choice of a cluster: %w", err)
	}
	provider, err := awaitText(ctx, choice.ClusterProvider)
	if err != nil {
		return s, nil, err
	}
	if s.ClusterName, err = awaitText(ctx, choice.ClusterName.Elem()); err != nil {
		return s, nil, err
	}
	configured := s.ClusterProvider
	if s, err = s.On(provider); err != nil && configured == stackcluster.Auto {
		return s, nil, fmt.Errorf("the cluster of stack %s is %s, and the configuration does not fit it, so nothing was changed. Correct the configuration, "+
			"or take another cluster (make up CLUSTER=%s, %s or %s):\n%w", ctx.Stack(), provider, stackcluster.Kind, stackcluster.Embedded, stackcluster.Existing, err)
	}
	return s, choice, err
}

// awaitText waits for an answer of the plugin: what is declared depends on it.
func awaitText(ctx *pulumi.Context, output pulumi.StringOutput) (string, error) {
	answer, err := internals.UnsafeAwaitOutput(ctx.Context(), output)
	if err != nil {
		return "", fmt.Errorf("choice of a cluster: %w", err)
	}
	text, ok := answer.Value.(string)
	if !ok {
		return "", fmt.Errorf("choice of a cluster: the plugin has not answered (%v)", answer.Value)
	}
	return text, nil
}

// choiceArgs ask the plugin for the requested cluster. Of auto it makes what the stack
// has or, the first time, what the toolchain has provided the programs of.
func choiceArgs(stack, clusterName string, requested stackcluster.Choice, getenv func(string) string) (*gopherlocks.ClusterChoiceArgs, error) {
	state, err := stateFolder()
	if err != nil {
		return nil, err
	}
	args := &gopherlocks.ClusterChoiceArgs{
		Wish:         pulumi.String(requested.Provider),
		RecordFile:   pulumi.String(stackcluster.RecordFile(state, stack)),
		NameProposal: pulumi.String(proposeName(stack, filepath.Dir(state))),
	}
	if clusterName != "" {
		args.ClusterName = pulumi.String(clusterName)
	}
	reason := requested.Reason
	// A proposal may be of another stack, whose environment is still in the shell.
	if proposal := getenv(stackcluster.ProposalVariable); requested.Provider == stackcluster.Auto && stackcluster.IsOfThisMachine(proposal) {
		args.Proposal = pulumi.String(proposal)
		reason = getenv(stackcluster.ProposalReasonVariable)
	}
	if reason != "" {
		args.Reason = pulumi.String(reason)
	}
	return args, nil
}
