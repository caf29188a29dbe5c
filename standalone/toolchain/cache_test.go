package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// newCache returns a cache whose lock is held until the test ends.
func newCache(t *testing.T) cache {
	t.Helper()
	c := cache{t.TempDir()}
	release, err := c.lock(t.Context(), "m", func() { t.Error("an unused cache is locked") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return c
}

func (c cache) mustPut(t *testing.T, name, key, content string) {
	t.Helper()
	file := filepath.Join(c.workDir("m"), "compiled")
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.put(name, key, file); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestCacheKeepsTheNewestEntries(t *testing.T) {
	c := newCache(t)
	old := time.Now().Add(-time.Hour)
	for i := range keptEntries {
		key := fmt.Sprint("key", i)
		c.mustPut(t, "etcd", key, key)
		at := old.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Dir(c.entry("etcd", key)), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if !c.has("etcd", "key0") { // Which makes it the newest.
		t.Fatal("the first entry is gone too early")
	}
	c.mustPut(t, "etcd", "key9", "key9")
	c.mustPut(t, "pulumi", "key1", "another program's entries do not count")
	for key, want := range map[string]bool{"key0": true, "key1": false, "key2": true, "key9": true} {
		if got := c.has("etcd", key); got != want {
			t.Errorf("has(%s) = %v, want %v", key, got, want)
		}
	}
}

func TestPutTwiceKeepsTheEntry(t *testing.T) {
	c := newCache(t)
	c.mustPut(t, "etcd", "key", "first")
	c.mustPut(t, "etcd", "key", "second")
	if got := read(t, c.entry("etcd", "key")); got != "first" {
		t.Errorf("got %q: an entry must not change, trees have links to it", got)
	}
}

func TestLinkFillsAndCleansTheBinFolder(t *testing.T) {
	c := newCache(t)
	bin := filepath.Join(t.TempDir(), "bin")
	c.mustPut(t, "kubernetes", "key1", "one")
	c.mustPut(t, "pulumi", "key1", "cli")
	both := []program{{name: "kubernetes", links: []string{"kubelet", "kubectl"}}, {name: "pulumi"}}
	ours := []string{"kubernetes", "kubelet", "kubectl", "pulumi"}
	keys := map[string]string{"kubernetes": "key1", "pulumi": "key1"}
	if err := c.link(bin, both, keys, ours); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "mine"), []byte("a user's file"), 0o755); err != nil {
		t.Fatal(err)
	}

	// Another version, and parts that are now taken from the machine.
	c.mustPut(t, "kubernetes", "key2", "two")
	keys["kubernetes"] = "key2"
	fewer := []program{{name: "kubernetes", links: []string{"kubelet"}}}
	for range 2 { // The second time everything is there already.
		if err := c.link(bin, fewer, keys, ours); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"kubernetes", "kubelet"} {
		if got := read(t, filepath.Join(bin, name)); got != "two" {
			t.Errorf("%s is %q, want the new version", name, got)
		}
	}
	for _, name := range []string{"kubectl", "pulumi"} {
		if _, err := os.Lstat(filepath.Join(bin, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s still hides the machine's own (%v)", name, err)
		}
	}
	entries, err := os.ReadDir(bin)
	if err != nil || len(entries) != 3 {
		t.Errorf("bin holds %v (%v), want kubernetes, kubelet and the user's file", entries, err)
	}
}

func TestLinkedProgramOutlivesItsEntry(t *testing.T) {
	c := newCache(t)
	bin := t.TempDir()
	c.mustPut(t, "etcd", "key", "program")
	if err := c.link(bin, []program{{name: "etcd"}}, map[string]string{"etcd": "key"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(bin, "etcd")); got != "program" {
		t.Errorf("got %q", got)
	}
}

func TestLockLetsTheSecondRunWait(t *testing.T) {
	c := cache{t.TempDir()}
	release, err := c.lock(t.Context(), "m", func() {})
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(filepath.Join(c.workDir("m"), "half"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	waiting, done := make(chan struct{}), make(chan error)
	go func() {
		second, lockErr := c.lock(context.Background(), "m", func() { close(waiting) })
		if lockErr == nil {
			defer second()
		}
		done <- lockErr
	}()
	<-waiting
	// Another module's lock is independent.
	other, err := c.lock(t.Context(), "other", func() { t.Error("another module waits too") })
	if err != nil {
		t.Fatal(err)
	}
	other()
	select {
	case err := <-done:
		t.Fatalf("the second run did not wait (%v)", err)
	default:
	}
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.workDir("m"), "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the next run does not clean up after an interrupted one (%v)", err)
	}
}

func TestLockGivesUpWhenInterrupted(t *testing.T) {
	c := cache{t.TempDir()}
	release, err := c.lock(t.Context(), "m", func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.lock(ctx, "m", cancel)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the interruption", err)
	}
}
