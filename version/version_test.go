package version

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/blang/semver"
)

// TestSDKIsOfTheVersion: by it Pulumi finds the plugin.
func TestSDKIsOfTheVersion(t *testing.T) {
	if _, err := semver.Parse(Version); err != nil {
		t.Errorf("Pulumi cannot read the version %s: %v", Version, err)
	}
	content, err := os.ReadFile("../sdk/go/gopherlocks/pulumi-plugin.json")
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct{ Version string }
	if err := json.Unmarshal(content, &plugin); err != nil || plugin.Version != Version {
		t.Errorf("the SDK is of version %q (%v), all else of %s: run make generate", plugin.Version, err, Version)
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
