package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPatchesMustFit also runs inside of a git repository, as the cache may lie in one.
func TestPatchesMustFit(t *testing.T) {
	repository := t.TempDir()
	if err := exec.Command("git", "init", "-q", repository).Run(); err != nil {
		t.Skip("git is not there:", err)
	}
	folder, target := filepath.Join(repository, "patches"), filepath.Join(repository, "source", "fork")
	file := filepath.Join(target, "pkg", "x.go")
	writeFile(t, filepath.Join(folder, "a.patch"), "Why.\n\n--- a/pkg/x.go\n+++ b/pkg/x.go\n@@ -1,3 +1,3 @@\n v{\n-a: T{1}\n+a: &T{1}\n }\n")
	writeFile(t, file, "v{\na: T{1}\n}\n")
	if err := applyPatches(t.Context(), folder, target); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "v{\na: &T{1}\n}\n" {
		t.Errorf("the file is %q (%v)", got, err)
	}
	if err := applyPatches(t.Context(), folder, target); err == nil {
		t.Error("a patch that does not fit must fail")
	}
}

func TestWithoutGitItIsToldToInstallIt(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "a.patch"), "--- a/x\n+++ b/x\n")
	t.Setenv("PATH", t.TempDir())
	if err := applyPatches(t.Context(), folder, t.TempDir()); err == nil || !strings.Contains(err.Error(), "install -y git") {
		t.Errorf("error = %v", err)
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestForkIsPartOfTheKey(t *testing.T) {
	f := fork{module: "m", version: "1.0.0"}
	base := f.ingredients().key()
	f.version = "1.0.1"
	if f.ingredients().key() == base {
		t.Error("another version has the same key")
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
