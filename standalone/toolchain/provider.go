package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// clusterProvider returns the provider of the selected stack.
func (t *tree) clusterProvider(ctx context.Context) stackcluster.Choice {
	in := t.choiceInputs(os.Getenv)
	in.CheckEngine = func() error { return checkEngine(ctx) }
	return stackcluster.Choose(in)
}

// choiceInputs decide about the selected stack's cluster. What the machine has is
// not among them.
func (t *tree) choiceInputs(getenv func(string) string) stackcluster.Inputs {
	stack := t.selectedStack(getenv)
	return stackcluster.Inputs{
		Stack:      stack,
		Command:    getenv(stackcluster.CommandVariable),
		Configured: t.configuredProvider(stack),
		Recorded:   t.recordedProvider(stack),
	}
}

// configuredProvider is the setting in the configuration of a stack, "" if it is
// not set.
func (t *tree) configuredProvider(stack string) string {
	// Without a file the stack has no configuration.
	config, _ := os.ReadFile(filepath.Join(t.root, "Pulumi."+stack+".yaml"))
	return readClusterProvider(config)
}

// recordedProvider is the provider that a stack has by now, "" if it has none.
// Pulumi's state has the record. The resource ClusterChoice keeps a copy here:
// asking Pulumi takes time, and needs a Pulumi.
func (t *tree) recordedProvider(stack string) string {
	content, err := os.ReadFile(stackcluster.RecordFile(t.state, stack))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

var clusterProviderLine = regexp.MustCompile(`(?m)^\s+gopherlocks:clusterProvider:\s*["']?([a-z]+)`)

// readClusterProvider returns the setting, or "" if there is none.
func readClusterProvider(stackConfig []byte) string {
	match := clusterProviderLine.FindSubmatch(stackConfig)
	if match == nil {
		return ""
	}
	return string(match[1])
}

// checkEngine returns nil if a container engine of this machine works. Its error
// says why none does. An engine that we have started ourselves does not count.
func checkEngine(ctx context.Context) error {
	_, err := containerengine.WithoutOwn().Find(ctx)
	return err
}
