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

// choiceInputs are what decides about the selected stack's cluster, but for the
// machine.
func (t *tree) choiceInputs(getenv func(string) string) stackcluster.Inputs {
	stack := t.selectedStack(getenv)
	return stackcluster.Inputs{
		Stack:      stack,
		Command:    getenv(stackcluster.CommandVariable),
		Configured: t.configuredProvider(stack),
		Recorded:   t.recordedProvider(stack),
	}
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
	content, err := os.ReadFile(stackcluster.RecordFile(t.state, stack))
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
