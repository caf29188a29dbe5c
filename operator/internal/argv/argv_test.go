package argv

import (
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t\n ", nil},
		{"sleep 10", []string{"sleep", "10"}},
		{"  a   b\nc ", []string{"a", "b", "c"}},
		{"a ''", []string{"a", ""}},
		{`sh -c 'echo "$HOME" | wc'`, []string{"sh", "-c", `echo "$$HOME" | wc`}},
		{`echo "two words" and\ one`, []string{"echo", "two words", "and one"}},
		{`a"b"'c'd`, []string{"abcd"}},
		{`"a \" \\ \n"`, []string{`a " \ \n`}},
		{`it\'s`, []string{"it's"}},
		{"a \\\n b", []string{"a", "b"}},
		{"rank=$(GOPHERLOCKS_RANK)", []string{"rank=$(GOPHERLOCKS_RANK)"}},
		{`"of $(N)" '$(N)' \$(N`, nil}, // an error: ( is not quoted
		{`"of $(N)" '$(N)' \$\(N\)`, []string{"of $(N)", "$$(N)", "$$(N)"}},
		{`größe ü`, []string{"größe", "ü"}},
		{`$(ü)`, nil},
		{`x$(A)ü$(B)`, []string{"x$(A)ü$(B)"}},
	}
	for _, tt := range tests {
		got, err := Split(tt.line)
		if err != nil && tt.want != nil {
			t.Errorf("Split(%q): %v", tt.line, err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("Split(%q) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestSplitRefusesWhatNeedsAShell(t *testing.T) {
	tests := map[string]string{
		"a | b":      `unquoted '|'`,
		"a && b":     `unquoted '&'`,
		"a; b":       `unquoted ';'`,
		"a > b":      `unquoted '>'`,
		"a < b":      `unquoted '<'`,
		"a `b`":      "unquoted '`'",
		"\"`b`\"":    "unquoted '`'",
		"(a)":        `unquoted '('`,
		"a $HOME":    `unquoted '$'`,
		`"$HOME"`:    `unquoted '$'`,
		"a $":        `unquoted '$'`,
		"a $()":      `unquoted '$'`,
		"a $(ls -l)": `unquoted '$'`,
		"a 'b":       `' without its end`,
		`a "b`:       `" without its end`,
		`a \`:        "backslash",
	}
	for line, want := range tests {
		words, err := Split(line)
		if err == nil {
			t.Errorf("Split(%q) = %q, want an error", line, words)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Split(%q): %q does not say %q", line, err, want)
		}
	}
}

// FuzzSplit: what is quoted word by word comes back as it was.
func FuzzSplit(f *testing.F) {
	f.Add("plain", "two words")
	f.Add("it's", `"$(X)" \`)
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		line := quote(a) + " " + quote(b)
		got, err := Split(line)
		want := []string{strings.ReplaceAll(a, "$", "$$"), strings.ReplaceAll(b, "$", "$$")}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("Split(%q) = %q, %v, want %q", line, got, err, want)
		}
		if words, err := Split(a); err == nil && slices.Contains(words, "|") && !strings.ContainsAny(a, `'"\`) {
			t.Fatalf("Split(%q) = %q lets a pipe through", a, words)
		}
	})
}

func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
