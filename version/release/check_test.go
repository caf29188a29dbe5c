package main

import (
	"strings"
	"testing"
)

func TestOnlyWhatIsCompleteIsReleased(t *testing.T) {
	const changelog = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2027-01-31\n\n- It is faster.\n\n## [0.1.0] - 2026-12-31\n\n- It is there.\n"
	good := tree{version: "0.2.0", changelog: changelog}
	if err := good.check(); err != nil {
		t.Errorf("refused: %v", err)
	}
	for want, change := range map[string]func(*tree){
		"not committed":                                    func(t *tree) { t.changed = " M go.mod" },
		"v0.2.0 is there already":                          func(t *tree) { t.tags = "v0.2.0" },
		"version.go says 0.2.0-dev":                        func(t *tree) { t.version = "0.2.0-dev" },
		`no section of the form "## [0.3.0] - YYYY-MM-DD"`: func(t *tree) { t.version = "0.3.0" },
		"no section of the form":                           func(t *tree) { t.changelog = "## [0.2.0]\n\n- No day.\n" },
		"the section 0.2.0 of CHANGELOG.md is empty":       func(t *tree) { t.changelog = "## [0.2.0] - 2027-01-31\n\n## [0.1.0] - 2026-12-31\n\n- It is there.\n" },
	} {
		bad := good
		change(&bad)
		if err := bad.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
}
