package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// provideAside provides a program that only some targets need, and returns its
// path in the cache. It has a module of its own, toolchain/DIR, which pins its
// version, and whose folder is its key.
func (t *tree) provideAside(ctx context.Context, dir, name, path string) (string, error) {
	folder := filepath.Join(t.root, "toolchain", dir)
	gomod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("read the version of %s: %w", name, err)
	}
	version := requiredVersion(gomod, path)
	m := module{
		name:     dir,
		title:    name + " " + version,
		dir:      folder,
		ldflags:  stripped + " -X main.version=" + version,
		programs: []program{{name: name, pkg: path + "/cmd/" + name}},
	}
	c := cache{t.cache}
	keys, _, err := c.provide(ctx, []module{m})
	if err != nil {
		return "", err
	}
	return c.entry(name, keys[name]), nil
}
