package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/gopherlocks/gopherlocks/images/release"
)

// source is what the images say they were built from.
type source struct {
	version  string
	revision string // Empty when git does not know.
}

// findSource asks git about a folder. The length of an abbreviated commit is
// given: git's own depends on what else the clone has.
func findSource(ctx context.Context, folder, tag string) (source, error) {
	s := source{version: tag}
	described, err := git(ctx, folder, "describe", "--always", "--tags", "--abbrev=12", "--dirty")
	switch {
	case err == nil:
		if s.revision, err = git(ctx, folder, "rev-parse", "HEAD"); err != nil {
			return s, err
		}
		if strings.HasSuffix(described, "-dirty") {
			s.revision += "-dirty"
		}
		if s.version == "" {
			s.version = described
		}
	case s.version == "":
		return s, fmt.Errorf("git cannot tell what to call the images; give TAG=VERSION: %w", err)
	}
	return s, release.CheckTag(s.version)
}

func git(ctx context.Context, folder string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output()
	if err != nil {
		said := ""
		if exit := (&exec.ExitError{}); errors.As(err, &exit) {
			said = ": " + strings.TrimSpace(string(exit.Stderr))
		}
		return "", fmt.Errorf("git %s: %w%s", args[0], err, said)
	}
	return strings.TrimSpace(string(output)), nil
}
