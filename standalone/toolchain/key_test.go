package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const listing = `{"ImportPath":"unsafe"}
{"ImportPath":"example.org/dep","Module":{"Path":"example.org/dep","Version":"v1.0.0"},"GoFiles":["d.go"]}
{"ImportPath":"our/lib","Dir":"/our/lib","Module":{"Path":"our","Main":true},"GoFiles":["lib.go"],"EmbedFiles":["data/x.yaml"],"Deps":["unsafe"]}
{"ImportPath":"our/cmd/a","Dir":"/our/cmd/a","Module":{"Path":"our","Main":true},"GoFiles":["main.go"],"Deps":["example.org/dep","our/lib","unsafe"]}
{"ImportPath":"our/cmd/b","Dir":"/our/cmd/b","Module":{"Path":"our","Main":true},"GoFiles":["main.go"],"Deps":["unsafe"]}
`

// keyOf computes a program's key after edits of the listing, and with other content
// of the file changed.
func keyOf(t *testing.T, program, changed, gosum string, edits ...string) string {
	t.Helper()
	packages, err := parsePackages(strings.NewReader(strings.NewReplacer(edits...).Replace(listing)))
	if err != nil {
		t.Fatal(err)
	}
	hash := func(path string) (string, error) {
		if path == changed {
			return "new", nil
		}
		return "old", nil
	}
	in, err := closure(program, packages, parseChecksums([]byte(gosum)), hash)
	if err != nil {
		t.Fatal(err)
	}
	return in.key()
}

func TestKeyCoversExactlyTheClosure(t *testing.T) {
	const gosum = "example.org/dep v1.0.0 h1:aaa\nexample.org/dep v1.0.0/go.mod h1:bbb\n"
	a, b := keyOf(t, "our/cmd/a", "", gosum), keyOf(t, "our/cmd/b", "", gosum)
	if a == b {
		t.Fatal("two programs have one key")
	}
	for name, changed := range map[string]struct{ a, b string }{
		"source of a library":     {keyOf(t, "our/cmd/a", "/our/lib/lib.go", gosum), keyOf(t, "our/cmd/b", "/our/lib/lib.go", gosum)},
		"embedded file":           {keyOf(t, "our/cmd/a", "/our/lib/data/x.yaml", gosum), keyOf(t, "our/cmd/b", "/our/lib/data/x.yaml", gosum)},
		"version of a module":     {keyOf(t, "our/cmd/a", "", gosum, `"v1.0.0"`, `"v1.0.1"`), keyOf(t, "our/cmd/b", "", gosum, `"v1.0.0"`, `"v1.0.1"`)},
		"content of a module":     {keyOf(t, "our/cmd/a", "", strings.ReplaceAll(gosum, "aaa", "ccc")), keyOf(t, "our/cmd/b", "", strings.ReplaceAll(gosum, "aaa", "ccc"))},
		"replacement of a module": {keyOf(t, "our/cmd/a", "", gosum, `"Version":"v1.0.0"}`, `"Version":"v1.0.0","Replace":{"Path":"fork","Version":"v1.0.0"}}`), b},
	} {
		if changed.a == a {
			t.Errorf("%s: the key of the program that uses it stays", name)
		}
		if changed.b != b {
			t.Errorf("%s: the key of the program that does not use it changes", name)
		}
	}
	if unrelated := keyOf(t, "our/cmd/a", "", gosum+"other.org/x v1.0.0 h1:zzz\n"); unrelated != a {
		t.Error("a line of go.sum that is not used changes the key")
	}
}

func TestClosureOfUnknownProgramIsAnError(t *testing.T) {
	if _, err := closure("our/cmd/none", map[string]*listedPackage{}, nil, hashFile); err == nil {
		t.Error("want an error, not the key of nothing")
	}
}

func TestKeyDependsOnFlagsAndGo(t *testing.T) {
	m := module{ldflags: "-s"}
	base := m.recipe("go1.26.8 linux amd64").key()
	if other := m.recipe("go1.26.9 linux amd64").key(); other == base {
		t.Error("another Go has the same key")
	}
	m.ldflags = "-s -X v=2"
	if other := m.recipe("go1.26.8 linux amd64").key(); other == base {
		t.Error("other linker flags have the same key")
	}
}

func TestFolderKeyIgnoresWhatIsNotCompiled(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	key := func() string {
		t.Helper()
		in, err := folder(dir, hashFile)
		if err != nil {
			t.Fatal(err)
		}
		return in.key()
	}
	write("go.mod", "module m\n")
	write("cmd/a/main.go", "package main\n")
	base := key()
	write("cmd/a/main_test.go", "package main\n")
	write("README.md", "text")
	if key() != base {
		t.Error("a test or a text changes the key")
	}
	write("cmd/a/main.go", "package main // changed\n")
	if key() == base {
		t.Error("a changed source does not change the key")
	}
	write("cmd/a/main.go", "package main\n")
	for _, name := range []string{"go.sum", "patches/a.patch"} {
		before := key()
		write(name, "x v1.0.0 h1:aaa\n")
		if key() == before {
			t.Errorf("%s does not change the key", name)
		}
	}
}
