package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestEditMustFitExactlyOnce(t *testing.T) {
	e := edit{file: "x.go", old: "a: T{", new: "a: &T{"}
	got, err := e.apply([]byte("v{a: T{1}}"))
	if err != nil || string(got) != "v{a: &T{1}}" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, content := range []string{"v{a: &T{1}}", "a: T{ a: T{"} {
		if got, err := e.apply([]byte(content)); err == nil {
			t.Errorf("%q became %q: an edit that does not fit must fail", content, got)
		}
	}
}

func TestForkIsPartOfTheKey(t *testing.T) {
	f := fork{module: "m", version: "1.0.0", edits: []edit{{"x.go", "a", "b"}}}
	base := f.ingredients().key()
	f.version = "1.0.1"
	if f.ingredients().key() == base {
		t.Error("another version has the same key")
	}
	f.version, f.edits = "1.0.0", nil
	if f.ingredients().key() == base {
		t.Error("other edits have the same key")
	}
	if (*fork)(nil).ingredients() != nil {
		t.Error("no fork has ingredients")
	}
}

func TestStampSetsTheVersionWhereThereIsOne(t *testing.T) {
	f := fork{version: "4.25.0"}
	for document, want := range map[string]string{
		`{ "version": "0.0.0", "name": "x" }`: `{"name":"x","version":"4.25.0"}`,
		`{ "name": "x", "a": [1, 2] }`:        `{"a":[1,2],"name":"x"}`,
	} {
		got, err := f.stamp([]byte(document))
		if err != nil || string(got) != want {
			t.Errorf("stamp(%s) = %s, %v; want %s", document, got, err, want)
		}
	}
}

func TestForkCopyLeavesOutTestsAndCanBeChanged(t *testing.T) {
	source, target := t.TempDir(), filepath.Join(t.TempDir(), "fork")
	for _, name := range []string{"go.mod", "pkg/a/a.go", "pkg/a/a_test.go", "docs/text.md"} {
		path := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	f := fork{folders: []string{"pkg"}}
	if err := f.copy(source, target); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"go.mod": true, "pkg/a/a.go": true, "pkg/a/a_test.go": false, "docs/text.md": false} {
		info, err := os.Stat(filepath.Join(target, name))
		if (err == nil) != want {
			t.Errorf("%s is copied: %v, want %v", name, err == nil, want)
		}
		if err == nil && info.Mode().Perm()&0o200 == 0 {
			t.Errorf("%s cannot be written", name)
		}
	}
}
