package main

import (
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/version"
)

func TestOptionsThatLeadNowhereAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing":     {nil, "give REGISTRY=HOST/PATH"},
		"as make":     {[]string{"--registry", "", "--tag", "", "--output", ""}, "or OUTPUT=FOLDER"},
		"an argument": {[]string{"--registry", "ghcr.io/team", "v1"}, `no argument "v1"`},
		"a misspelt":  {[]string{"--tags", "ghcr.io/team"}, "-tags"},
		"no tag":      {[]string{"--registry", "localhost/team", "--tag", "v1+2"}, `tag "v1+2" must have`},
	} {
		if _, err := parseOptions(c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want one with %q", name, err, c.want)
		}
	}
	o, err := parseOptions([]string{"--registry", "ghcr.io/team", "--tag", "v1"}, io.Discard)
	if err != nil || o.registry != "ghcr.io/team" || o.tag != "v1" {
		t.Errorf("options = %+v, %v", o, err)
	}
	if o, err := parseOptions([]string{"--registry", "ghcr.io/team", "--tag", ""}, io.Discard); err != nil || o.tag != version.Version {
		t.Errorf("without a tag: options = %+v, %v, want the version as tag", o, err)
	}
}

// TestWhatCannotWorkFailsBeforeItIsCompiled: compilation would show in the output,
// which stays empty.
func TestWhatCannotWorkFailsBeforeItIsCompiled(t *testing.T) {
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, path.Base(programs[1].command)), 0o755); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]options{
		"begins with no host":         {registry: "team", tag: "v1"},
		"cannot be reached":           {registry: "127.0.0.1:1", tag: "v1"},
		"is there already; remove it": {output: taken, tag: "v1"},
	} {
		var out strings.Builder
		if err := run(t.Context(), o, &out); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("error = %v, want one with %q; it said %q", err, want, out.String())
		}
	}
}

func TestImagesNameTheCommitThatTheyAreBuiltFrom(t *testing.T) {
	folder := t.TempDir()
	expect := func(want string) {
		t.Helper()
		if got := findCommit(t.Context(), folder); got != want {
			t.Errorf("the commit is %q, want %q", got, want)
		}
	}
	expect("")
	runGit := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=test", "-c", "user.email=test@example.org"}, args...)...)
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, output)
		}
		return strings.TrimSpace(string(output))
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "file"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runGit("init", "--quiet")
	write("one")
	runGit("add", "file")
	runGit("commit", "--quiet", "--message=one")
	head := runGit("rev-parse", "HEAD")
	expect(head)
	runGit("tag", "v2")
	expect(head)
	write("two")
	expect(head + "-dirty")
}
