// Package fluxcli asks the command "flux" what must be known before there is a broker:
// the version of Flux. What is asked of an instance is asked by package fluxinstance.
//
// Sources: flux-version(1), and src/cmd/builtin/version.c of flux-core 0.88.
package fluxcli

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Version is a version of flux-core.
type Version struct {
	Major, Minor, Patch int
}

// Minimum is the oldest flux-core that can be elastic: since then a broker has
// broker.quorum and starts while hosts are missing. Source: its NEWS.md.
var Minimum = Version{0, 51, 0}

// CheckVersion runs program, the path of "flux", with the environment env in the form of
// os.Environ, and returns its version. It refuses what is older than Minimum.
func CheckVersion(ctx context.Context, program string, env []string) (Version, error) {
	// With FLUX_URI, "flux version" asks the broker too, and fails without it.
	alone := slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		return strings.HasPrefix(variable, "FLUX_URI=")
	})
	output, err := run(ctx, program, alone, "version")
	if err != nil {
		return Version{}, err
	}
	version, err := parseVersion(output)
	if err != nil {
		return Version{}, err
	}
	return version, version.checkMinimum()
}

// String is the version as Flux prints it, such as 0.88.0.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// AtLeast says whether v is other or newer.
func (v Version) AtLeast(other Version) bool {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor), cmp.Compare(v.Patch, other.Patch)) >= 0
}

// checkMinimum is an error when v is older than Minimum.
func (v Version) checkMinimum() error {
	if !v.AtLeast(Minimum) {
		return fmt.Errorf("flux-core %s is too old: it must be at least %s, the first whose instances start while ranks are missing; use an image or a view with a newer Flux", v, Minimum)
	}
	return nil
}

// commandsLine is the first line of "flux version". Builds between releases have
// more behind the number, such as 0.88.0-59-g4a5e79f56.
var commandsLine = regexp.MustCompile(`(?m)^commands:\s+v?(\d+)\.(\d+)(?:\.(\d+))?`)

// parseVersion reads the output of "flux version".
func parseVersion(output string) (Version, error) {
	match := commandsLine.FindStringSubmatch(output)
	if match == nil {
		return Version{}, fmt.Errorf("output of flux version has no line \"commands: MAJOR.MINOR.PATCH\": %q", shorten(output))
	}
	var numbers [3]int
	for i, text := range match[1:] {
		if text == "" { // the patch is missing
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return Version{}, fmt.Errorf("output of flux version: %w", err)
		}
		numbers[i] = n
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}
