package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/images/crosscompile"
	"github.com/gopherlocks/gopherlocks/images/release"
	"github.com/gopherlocks/gopherlocks/version"
)

// progressInterval is the shortest time between two lines about a compilation.
const progressInterval = 15 * time.Second

// architectures are those that the images are for.
var architectures = []string{"amd64", "arm64"}

// programs are those that get an image.
var programs = []struct {
	command     string // Its last element is the image's name.
	description string
	key         string // Of the stack's configuration.
}{
	{"github.com/gopherlocks/gopherlocks/operator/cmd/gopherlocks-operator", "Operator of elastic MiniClusters", "operatorImage"},
	{"github.com/gopherlocks/gopherlocks/operator/cmd/gopherlocks-agent", "Agent in the pods of a MiniCluster's ranks", "agentImage"},
	{"github.com/gopherlocks/gopherlocks/operator/cmd/gopherlocks-metrics", "Metrics of the queue, for autoscalers", "queueMetricsImage"},
	{"github.com/gopherlocks/gopherlocks/demo/cmd/gopherlocks-demo-workload", "Elastic workload of the demo", "image"},
}

func run(ctx context.Context, o options, out io.Writer) error {
	var registry release.Registry
	if o.registry != "" {
		var err error
		if registry, err = release.NewRegistry(o.registry); err != nil {
			return err
		}
	}
	// Checked first: compilation may take minutes.
	if err := check(ctx, o, registry); err != nil {
		return err
	}
	compiled, err := compile(ctx, out)
	if err != nil {
		return err
	}
	commit := findCommit(ctx, ".")
	var references []string
	for _, p := range programs {
		name := path.Base(p.command)
		image, err := release.Build(release.Spec{
			Name: name, Description: p.description, Version: version.Version, Revision: commit, Programs: compiled[name],
		})
		if err != nil {
			return err
		}
		reference, err := deliver(ctx, o, registry, image, o.tag, out)
		if err != nil {
			return err
		}
		references = append(references, reference)
	}
	if o.output == "" {
		fmt.Fprint(out, "\nTo use them, where `image` is the demo's workload (or any image of yours):\n\n")
		for i, p := range programs {
			fmt.Fprintf(out, "    pulumi config set %s %s\n", p.key, references[i])
		}
	}
	return nil
}

// check fails when the images cannot be delivered.
func check(ctx context.Context, o options, registry release.Registry) error {
	for _, p := range programs {
		name := path.Base(p.command)
		if o.output == "" {
			if err := registry.Check(ctx, name); err != nil {
				return err
			}
		} else if _, err := release.LayoutFolder(o.output, name); err != nil {
			return err
		}
	}
	return nil
}

// compile returns the programs by name and architecture.
func compile(ctx context.Context, out io.Writer) (map[string]map[string]images.Program, error) {
	var commands []string
	compiled := map[string]map[string]images.Program{}
	for _, p := range programs {
		commands = append(commands, p.command)
		compiled[path.Base(p.command)] = map[string]images.Program{}
	}
	for _, architecture := range architectures {
		fmt.Fprintf(out, "compiling %d programs for linux/%s\n", len(programs), architecture)
		start := time.Now()
		told := start
		progress := func(packages int) {
			if time.Since(told) >= progressInterval {
				told = time.Now()
				fmt.Fprintf(out, "compiling for linux/%s: %d packages, %s\n", architecture, packages, time.Since(start).Round(time.Second))
			}
		}
		built, err := crosscompile.Build(ctx, ".", architecture, progress, commands...)
		if err != nil {
			return nil, err
		}
		for name, program := range built {
			compiled[name][architecture] = program
		}
		fmt.Fprintf(out, "compiled for linux/%s in %s\n", architecture, time.Since(start).Round(time.Second))
	}
	return compiled, nil
}

// deliver pushes an image, or writes it into the folder of the options, and
// returns how to refer to it.
func deliver(ctx context.Context, o options, registry release.Registry, image release.Image, tag string, out io.Writer) (string, error) {
	if o.output == "" {
		fmt.Fprintf(out, "pushing %s:%s for %s\n", registry.Repository(image.Name), tag, strings.Join(architectures, " and "))
		reference, err := registry.Push(ctx, image, tag)
		if err == nil {
			fmt.Fprintf(out, "pushed  %s\n", reference)
		}
		return reference, err
	}
	repository := ""
	if o.registry != "" {
		repository = registry.Repository(image.Name)
	}
	folder, err := release.WriteLayout(o.output, image, repository, tag)
	if err != nil {
		return "", err
	}
	digest, err := image.Index.Digest()
	if err != nil {
		return "", fmt.Errorf("image %s: computing its digest: %w", image.Name, err)
	}
	fmt.Fprintf(out, "wrote   %s:%s, %s\n", folder, tag, digest)
	return folder, nil
}
