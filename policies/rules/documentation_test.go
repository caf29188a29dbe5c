package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRulesAreDocumented: docs/policies.md has a line for each rule, with its
// level and its options.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range All() {
		_, line, found := strings.Cut(string(page), fmt.Sprintf("\n| `%s` | %s |", rule.Name, rule.Level))
		if !found {
			t.Errorf("no line for %s, %s", rule.Name, rule.Level)
			continue
		}
		line, _, _ = strings.Cut(line, "\n")
		for _, option := range rule.Options {
			value, err := json.Marshal(option.Schema["default"])
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("`%s` (%s)", option.Name, value); !strings.Contains(line, want) {
				t.Errorf("the line of %s does not say %s:\n%s", rule.Name, want, line)
			}
		}
	}
}
