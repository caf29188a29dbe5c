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

// settle finds out which cluster the stack has, and what is in it. Where that is
// configured, or make was told, everything is looked at before the choice is
// declared: one that cannot be must not become what the stack has.
func settle(ctx *pulumi.Context, s config.Settings, getenv func(string) string) (config.Settings, site, pulumi.Resource, error) {
	args, wish, err := choiceArgs(ctx.Stack(), s, getenv)
	if err != nil {
		return s, site{}, nil, err
	}
	var at site
	if wish != config.ProviderAuto {
		wished, errWish := s.On(wish)
		if errWish == nil {
			at, errWish = newSite(ctx, wished)
		}
		if errWish != nil && wish != s.ClusterProvider {
			errWish = fmt.Errorf("CLUSTER=%s cannot be, and stack %s keeps the cluster that it has (leave CLUSTER out to go on with that):\n%w", wish, ctx.Stack(), errWish)
		}
		if errWish != nil {
			return s, site{}, nil, errWish
		}
	}
	s, choice, err := chooseProvider(ctx, s, args)
	if err == nil && wish == config.ProviderAuto {
		at, err = newSite(ctx, s)
	}
	return s, at, choice, err
}

// chooseProvider replaces the provider auto of the settings, and gives the cluster
// its name. The choice is a resource, so that it is part of the stack: made once,
// known to previews, and the same whatever the machine is like later and wherever
// the project's folder is.
func chooseProvider(ctx *pulumi.Context, s config.Settings, args *gopherlocks.ClusterChoiceArgs) (config.Settings, pulumi.Resource, error) {
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
	if s, err = s.On(provider); err != nil && configured == config.ProviderAuto {
		return s, nil, fmt.Errorf("the cluster of stack %s is %s, so nothing was changed; correct the configuration, or take another cluster "+
			"(make up CLUSTER=%s, %s or %s):\n%w", ctx.Stack(), provider, config.ProviderKind, config.ProviderEmbedded, config.ProviderExisting, err)
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

// choiceArgs ask for what is configured, or what make was told, which is the wish.
func choiceArgs(stack string, s config.Settings, getenv func(string) string) (args *gopherlocks.ClusterChoiceArgs, wish string, err error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, "", fmt.Errorf("folder of the project: %w", err)
	}
	args = &gopherlocks.ClusterChoiceArgs{
		// Where `make env` and the rest of the toolchain look.
		RecordFile:   pulumi.String(filepath.Join(folder, stateFolder, "clusterProvider."+stack)),
		NameProposal: pulumi.String(clusterName(stack, folder)),
	}
	if s.ClusterName != "" {
		args.ClusterName = pulumi.String(s.ClusterName)
	}
	wish = s.ClusterProvider
	told := getenv(wishVariable)
	switch {
	case wish != config.ProviderAuto:
		if told != "" && told != config.ProviderAuto && told != wish {
			return nil, "", fmt.Errorf("gopherlocks:clusterProvider: %q is configured, and CLUSTER=%s is asked for: leave one of them out", wish, told)
		}
		args.Reason = pulumi.String("the configuration of stack " + stack + " says so")
	case told != "" && told != config.ProviderAuto:
		wish, args.Reason = told, pulumi.String("CLUSTER says so")
	case getenv(proposalVariable) == config.ProviderEmbedded || getenv(proposalVariable) == config.ProviderKind:
		args.Proposal = pulumi.String(getenv(proposalVariable))
		if reason := getenv(proposalReasonVariable); reason != "" {
			args.Reason = pulumi.String(reason)
		}
	}
	args.Wish = pulumi.String(wish)
	return args, wish, nil
}
