package components

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/internals"

	"github.com/gopherlocks/gopherlocks/config"
	"github.com/gopherlocks/gopherlocks/sdk/go/gopherlocks"
)

// Variables of the environment by which make and `make env` say what they have
// provided the tools of.
const (
	// wishVariable is what `make CLUSTER=…` was told.
	wishVariable = "GOPHERLOCKS_CLUSTER"
	// proposalVariable is what a stack without a choice is to take, and
	// proposalReasonVariable why.
	proposalVariable       = "GOPHERLOCKS_CLUSTER_PROVIDER"
	proposalReasonVariable = "GOPHERLOCKS_CLUSTER_REASON"
)

// settle finds out which cluster the stack has, and what is in it. One that is
// configured is looked at before anything is declared: it may be refused.
func settle(ctx *pulumi.Context, s config.Settings) (config.Settings, site, pulumi.Resource, error) {
	if s.ClusterProvider == config.ProviderAuto {
		s, choice, err := chooseProvider(ctx, s, os.Getenv)
		if err != nil {
			return s, site{}, nil, err
		}
		at, err := newSite(ctx, s)
		return s, at, choice, err
	}
	at, err := newSite(ctx, s)
	if err != nil {
		return s, site{}, nil, err
	}
	s, choice, err := chooseProvider(ctx, s, os.Getenv)
	return s, at, choice, err
}

// chooseProvider replaces the provider auto of the settings. The choice is a
// resource, so that it is part of the stack: made once, known to previews, and
// the same whatever the machine is like later.
func chooseProvider(ctx *pulumi.Context, s config.Settings, getenv func(string) string) (config.Settings, pulumi.Resource, error) {
	args, err := choiceArgs(ctx.Stack(), s.ClusterProvider, getenv)
	if err != nil {
		return s, nil, err
	}
	choice, err := gopherlocks.NewClusterChoice(ctx, "cluster", args)
	if err != nil {
		return s, nil, fmt.Errorf("choice of a cluster: %w", err)
	}
	// What is declared depends on the answer, so it must be waited for.
	answer, err := internals.UnsafeAwaitOutput(ctx.Context(), choice.ClusterProvider)
	if err != nil {
		return s, nil, fmt.Errorf("choice of a cluster: %w", err)
	}
	provider, ok := answer.Value.(string)
	if !ok {
		return s, nil, fmt.Errorf("choice of a cluster: the plugin has not answered (%v)", answer.Value)
	}
	if provider == s.ClusterProvider {
		return s, choice, nil
	}
	if s, err = s.On(provider); err != nil {
		return s, nil, fmt.Errorf("the cluster of stack %s is %s, so nothing was changed:\n%w", ctx.Stack(), provider, err)
	}
	return s, choice, nil
}

// choiceArgs ask for what is configured, or what make was told.
func choiceArgs(stack, configured string, getenv func(string) string) (*gopherlocks.ClusterChoiceArgs, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("folder of the project: %w", err)
	}
	args := &gopherlocks.ClusterChoiceArgs{
		Wish: pulumi.String(configured),
		// Where `make env` and the rest of the toolchain look.
		RecordFile: pulumi.String(filepath.Join(folder, stateFolder, "clusterProvider."+stack)),
	}
	wish := getenv(wishVariable)
	switch {
	case configured != config.ProviderAuto:
		if wish != "" && wish != config.ProviderAuto && wish != configured {
			return nil, fmt.Errorf("gopherlocks:clusterProvider: %q is configured, and CLUSTER=%s is asked for: leave one of them out", configured, wish)
		}
		args.Reason = pulumi.String("the configuration of stack " + stack + " says so")
	case wish != "" && wish != config.ProviderAuto:
		args.Wish, args.Reason = pulumi.String(wish), pulumi.String("CLUSTER says so")
	case getenv(proposalVariable) == config.ProviderEmbedded || getenv(proposalVariable) == config.ProviderKind:
		args.Proposal = pulumi.String(getenv(proposalVariable))
		if reason := getenv(proposalReasonVariable); reason != "" {
			args.Reason = pulumi.String(reason)
		}
	}
	return args, nil
}
