package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// autoProvider leaves the choice of a cluster provider to the machine, once.
const autoProvider = "auto"

// providers are what the setting clusterProvider may be besides.
var providers = []string{"embedded", "kind", "existing"}

// providerChoice is where a stack's Kubernetes comes from.
type providerChoice struct {
	name string
	// reason is a clause that says why.
	reason string
	// replaces is what the stack has by now, where that is another.
	replaces string
}

func (c providerChoice) String() string {
	text := fmt.Sprintf("clusterProvider: %s, because %s", c.name, c.reason)
	if c.replaces != "" {
		text += fmt.Sprintf("; it takes the place of %s, which the stack has now", c.replaces)
	}
	return text
}

// clusterProvider returns the provider of the selected stack.
func (t *tree) clusterProvider(ctx context.Context) providerChoice {
	return t.chooseProvider(os.Getenv, func() error { return checkEngine(ctx) })
}

// chooseProvider finds out what the selected stack's cluster is, or will be. The
// program decides by the same order (package components, chooseProvider): what
// `make CLUSTER=…` says, the stack's configuration, what the stack has by now,
// and the machine.
func (t *tree) chooseProvider(getenv func(string) string, checkEngine func() error) providerChoice {
	stack := t.selectedStack(getenv)
	recorded := t.recordedProvider(stack)
	chosen := func(name, reason string) providerChoice {
		c := providerChoice{name: name, reason: reason}
		if recorded != "" && recorded != name {
			c.replaces = recorded
		}
		return c
	}
	configured := t.configuredProvider(stack)
	switch wish := getenv("GOPHERLOCKS_CLUSTER"); {
	case wish != "" && wish != autoProvider:
		return chosen(wish, "CLUSTER says so")
	case configured != "" && configured != autoProvider:
		return chosen(configured, "the configuration of stack "+stack+" says so")
	case recorded != "":
		return chosen(recorded, "stack "+stack+" is made for it")
	}
	switch err := checkEngine(); {
	case err == nil:
		return chosen("kind", "a container engine works here")
	case containerengine.NoneInstalled(err):
		return chosen("embedded", "no container engine works here")
	default:
		return chosen("embedded", fmt.Sprintf("no container engine works here (%v)", err))
	}
}

// agree refuses wishes that are none, and those that the stack's configuration
// contradicts: the next plain `pulumi up` would follow the configuration.
func (t *tree) agree(getenv func(string) string) error {
	wish := getenv("GOPHERLOCKS_CLUSTER")
	if wish == "" || wish == autoProvider {
		return nil
	}
	if !slices.Contains(providers, wish) {
		return fmt.Errorf("CLUSTER=%s: take %s or %s", wish, strings.Join(providers, ", "), autoProvider)
	}
	stack := t.selectedStack(getenv)
	if configured := t.configuredProvider(stack); configured != "" && configured != autoProvider && configured != wish {
		return fmt.Errorf("CLUSTER=%s, and the configuration of stack %s says clusterProvider %s: leave CLUSTER out, or run `pulumi config rm clusterProvider` first",
			wish, stack, configured)
	}
	return nil
}

// configuredProvider is the setting in the configuration of a stack, "" where it
// is not set.
func (t *tree) configuredProvider(stack string) string {
	// Without a file the stack has no configuration.
	config, _ := os.ReadFile(filepath.Join(t.root, "Pulumi."+stack+".yaml"))
	return readClusterProvider(config)
}

// recordedProvider is what a stack has by now, "" where it has nothing. The
// record is in Pulumi's state; the resource ClusterChoice keeps a copy here,
// since asking Pulumi takes time, and a Pulumi.
func (t *tree) recordedProvider(stack string) string {
	content, err := os.ReadFile(filepath.Join(t.state, "clusterProvider."+stack))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

var clusterProviderLine = regexp.MustCompile(`(?m)^\s+gopherlocks:clusterProvider:\s*["']?([a-z]+)`)

// readClusterProvider returns the setting, or "" where there is none.
func readClusterProvider(stackConfig []byte) string {
	match := clusterProviderLine.FindSubmatch(stackConfig)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// checkEngine says why no container engine of this machine works; nil when one
// does. One that we have started for want of another is not the machine's.
func checkEngine(ctx context.Context) error {
	_, err := containerengine.WithoutOwn().Find(ctx)
	return err
}
