package argv

import (
	"os/exec"
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
		line := Quote(a) + " " + Quote(b)
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

func FuzzQuoteIsOneWord(f *testing.F) {
	for _, text := range []string{"", "it's", "a b", "$x `y` \\", "''"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, b := range []byte(text) {
			if b == 0 {
				t.Skip("no argument holds a zero byte")
			}
		}
		got, err := exec.Command("/bin/sh", "-c", "printf %s "+Quote(text)).Output()
		if err != nil || string(got) != text {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}

func TestNeedsShell(t *testing.T) {
	for line, want := range map[string]bool{
		"": false, "sleep 10": false, " sleep\t10\n": false, "\n sleep 10\n\n": false, "sleep \\\n 10": false, `sh -c "a\nb"`: false,
		"serve $(PORT)": false, "ls '*.txt'": false, `ls \*.txt`: false, "serve a=1": false, "x~ a#b": false, "./run": false, "-v": false,
		"a | b": true, "echo $HOME": true, "'a": true, "a\nb": true, "ls *.txt": true, "ls a?": true, "ls [ab]": true, "ls ~/x": true,
		"a # why": true, "exec serve": true, "cd /tmp": true, ". env.sh": true, "A=1 serve": true, "[[ a": true,
	} {
		if got := NeedsShell(line); got != want {
			t.Errorf("NeedsShell(%q) = %v", line, got)
		}
	}
}

func TestVariables(t *testing.T) {
	if got := Variables(`serve $(PORT) "of $(HOST)" '$(QUOTED)'`); !slices.Equal(got, []string{"PORT", "HOST"}) {
		t.Errorf("variables %q", got)
	}
	if got := Variables("a | $(B)"); got != nil {
		t.Errorf("variables of what cannot be split: %q", got)
	}
}
