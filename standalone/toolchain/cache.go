package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// keptEntries is how many versions of a program stay in the cache: enough to
// change between branches without compiling.
const keptEntries = 3

// cache is the store of compiled programs: DIR/programs/NAME/KEY/NAME.
type cache struct{ dir string }

func (c cache) entry(name, key string) string {
	return filepath.Join(c.dir, "programs", name, key, name)
}

// has says whether the program is there, and marks it as used if it is.
func (c cache) has(name, key string) bool {
	path := c.entry(name, key)
	if _, err := os.Stat(path); err != nil {
		return false
	}
	now := time.Now()
	// The time only decides what is pruned; a read-only cache is fine.
	_ = os.Chtimes(filepath.Dir(path), now, now)
	return true
}

// put moves a compiled file into the cache, whole or not at all, and removes the
// oldest versions of the same program. The file must be in a work folder of the
// cache: a rename puts it in place.
func (c cache) put(name, key, file string) error {
	staged, err := os.MkdirTemp(filepath.Dir(file), "entry-*")
	if err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	defer os.RemoveAll(staged)
	if err := os.Chmod(staged, 0o755); err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	if err := os.Rename(file, filepath.Join(staged, name)); err != nil {
		return fmt.Errorf("fill a cache entry: %w", err)
	}
	final := filepath.Dir(c.entry(name, key))
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return fmt.Errorf("make a cache entry: %w", err)
	}
	if err := os.Rename(staged, final); err != nil && !c.has(name, key) {
		return fmt.Errorf("publish a cache entry: %w", err)
	}
	return c.prune(name)
}

// prune removes all versions of a program except the newest. Work trees have hard
// links, so they keep the programs that they use.
func (c cache) prune(name string) error {
	dir := filepath.Join(c.dir, "programs", name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("prune the cache: %w", err)
	}
	type used struct {
		path string
		at   time.Time
	}
	var all []used
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // Somebody else has removed it.
		}
		all = append(all, used{filepath.Join(dir, entry.Name()), info.ModTime()})
	}
	slices.SortFunc(all, func(a, b used) int { return b.at.Compare(a.at) })
	for _, old := range all[min(keptEntries, len(all)):] {
		if err := os.RemoveAll(old.path); err != nil {
			return fmt.Errorf("prune the cache: %w", err)
		}
	}
	return nil
}

// workDir is the folder that a module's programs are compiled into.
func (c cache) workDir(module string) string { return filepath.Join(c.dir, "work", module) }

func (c cache) logFile(module string) string {
	return filepath.Join(c.dir, "log", module+".log")
}

// lock makes this run the only one that compiles the module's programs, until
// release is called. While it waits for another run, waiting is called once.
func (c cache) lock(ctx context.Context, module string, waiting func()) (release func(), err error) {
	locks := filepath.Join(c.dir, "locks")
	for _, dir := range []string{c.workDir(module), filepath.Dir(c.logFile(module)), locks} {
		if err = os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the cache: %w; set GOPHERLOCKS_CACHE to a folder that can be written", err)
		}
	}
	file, err := os.OpenFile(filepath.Join(locks, module), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of %s: %w", module, err)
	}
	release = func() { file.Close() } // The kernel releases the lock with the file, also when we are killed.
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		waiting()
		err = waitForLock(ctx, file)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	// These are left from an interrupted run: no other run works here now.
	entries, err := os.ReadDir(c.workDir(module))
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("clean up after an earlier run: %w", err)
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(c.workDir(module), entry.Name())); err != nil {
			file.Close()
			return nil, fmt.Errorf("clean up after an earlier run: %w", err)
		}
	}
	return release, nil
}

// waitForLock blocks until the lock is ours or ctx ends.
func waitForLock(ctx context.Context, file *os.File) error {
	locked := make(chan error, 1)
	go func() { locked <- syscall.Flock(int(file.Fd()), syscall.LOCK_EX) }()
	select {
	case err := <-locked:
		return err
	case <-ctx.Done():
		return ctx.Err() // The process ends now, and its blocked call with it.
	}
}

// link puts the given programs and their further names from the cache into bin. It
// removes all other names of ours: a program of an earlier run must not hide the
// machine's, if that is used now.
func (c cache) link(bin string, programs []program, keys map[string]string, ours []string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("make the bin folder: %w", err)
	}
	wanted := map[string]bool{}
	for _, p := range programs {
		wanted[p.name] = true
		if err := linkFile(c.entry(p.name, keys[p.name]), filepath.Join(bin, p.name)); err != nil {
			return fmt.Errorf("link %s into %s: %w", p.name, bin, err)
		}
		for _, name := range p.links {
			wanted[name] = true
			if err := linkName(p.name, filepath.Join(bin, name)); err != nil {
				return fmt.Errorf("link %s into %s: %w", name, bin, err)
			}
		}
	}
	for _, name := range ours {
		if wanted[name] {
			continue
		}
		if err := os.Remove(filepath.Join(bin, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clean the bin folder: %w", err)
		}
	}
	return nil
}

// linkFile makes target the same file as source. It is a hard link, or a symbolic
// link if the two are on different file systems.
func linkFile(source, target string) error {
	want, err := os.Stat(source)
	if err != nil {
		return err
	}
	if have, err := os.Stat(target); err == nil && os.SameFile(want, have) {
		return nil
	}
	// A rename replaces the old file, so the program is never missing.
	staged := stagedName(target)
	if err := os.Link(source, staged); err != nil {
		if err := os.Symlink(source, staged); err != nil {
			return err
		}
	}
	return os.Rename(staged, target)
}

// linkName makes target a symbolic link to a program in the same folder.
func linkName(program, target string) error {
	if have, err := os.Readlink(target); err == nil && have == program {
		return nil
	}
	staged := stagedName(target)
	if err := os.Symlink(program, staged); err != nil {
		return err
	}
	return os.Rename(staged, target)
}

func stagedName(target string) string {
	dir, name := filepath.Split(target)
	return filepath.Join(dir, fmt.Sprintf(".%s-%d", strings.TrimPrefix(name, "."), os.Getpid()))
}
