package version

import (
	"strings"
	"testing"

	"github.com/blang/semver"
)

// TestPulumiCanReadTheVersion: it is also that of the plugin, and of its SDK.
func TestPulumiCanReadTheVersion(t *testing.T) {
	if _, err := semver.Parse(Version); err != nil {
		t.Errorf("%s: %v", Version, err)
	}
}

func TestProgramsAnswerOnlyWhoAsksForTheVersion(t *testing.T) {
	for _, argument := range []string{"--version", "-version", "version"} {
		var out strings.Builder
		if !Answer([]string{"/bin/gopherlocks-demo", argument}, &out) || !strings.HasPrefix(out.String(), "gopherlocks-demo "+Version+" (go") {
			t.Errorf("%s: printed %q", argument, out.String())
		}
	}
	for _, args := range [][]string{nil, {"a"}, {"a", "127.0.0.1:1"}, {"a", "plain", "--", "b", "--version"}, {"a", "--version", "b"}} {
		var out strings.Builder
		if Answer(args, &out) || out.Len() > 0 {
			t.Errorf("%q: printed %q", args, out.String())
		}
	}
}
