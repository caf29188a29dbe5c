package main

import (
	"os"
	"path/filepath"
	"testing"
)

// writeExecutable makes a program, or another file, and returns its path.
func writeExecutable(t *testing.T, mode os.FileMode, elements ...string) string {
	t.Helper()
	path := filepath.Join(elements...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho v3.255.1\necho more\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOurOwnProgramsAreNotTakenForOfficialOnes(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	otherTree := filepath.Join(dir, "other", ".gopherlocks", "bin")
	writeExecutable(t, 0o755, bin, "pulumi")
	writeExecutable(t, 0o755, otherTree, "pulumi")
	notAProgram := filepath.Dir(writeExecutable(t, 0o644, dir, "text", "pulumi"))
	t.Setenv("PATH", bin+":"+otherTree+":"+notAProgram+":relative:")
	if got := lookOutside(bin, "pulumi"); got != "" {
		t.Errorf("found %s", got)
	}
	official := writeExecutable(t, 0o755, dir, "official", "pulumi")
	t.Setenv("PATH", os.Getenv("PATH")+":"+filepath.Dir(official))
	if got := lookOutside(bin, "pulumi"); got != official {
		t.Errorf("found %q, want %s", got, official)
	}
}

func TestLanguageHostIsFoundBesideALinkedPulumi(t *testing.T) {
	dir := t.TempDir()
	pulumi := writeExecutable(t, 0o755, dir, "cellar", "pulumi")
	link := filepath.Join(dir, "pulumi")
	if err := os.Symlink(pulumi, link); err != nil {
		t.Fatal(err)
	}
	if got := lookBeside(link, "pulumi-language-go"); got != "" {
		t.Errorf("found %s", got)
	}
	host := writeExecutable(t, 0o755, dir, "cellar", "pulumi-language-go")
	if got := lookBeside(link, "pulumi-language-go"); got != host {
		t.Errorf("found %q, want %s", got, host)
	}
}

func TestAskVersion(t *testing.T) {
	dir := t.TempDir()
	if got := askVersion(t.Context(), writeExecutable(t, 0o755, dir, "pulumi"), "version"); got != "v3.255.1" {
		t.Errorf("got %q, want the first line", got)
	}
	if got := askVersion(t.Context(), filepath.Join(dir, "missing"), "version"); got != "" {
		t.Errorf("got %q of a program that does not run", got)
	}
}
