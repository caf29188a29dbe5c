package main

import (
	"context"
	"path/filepath"
)

// modulesFolder has a module for each set of programs that is compiled.
const modulesFolder = "standalone/modules"

// provideAside provides a program that only some targets need, and returns its path
// in the cache. The program's own module standalone/modules/DIR pins its version.
// The content of that folder is its key.
func (t *tree) provideAside(ctx context.Context, dir, name, path string) (string, error) {
	version, err := t.versionAside(ctx, dir, path)
	if err != nil {
		return "", err
	}
	m := module{
		name:     dir,
		title:    name + " " + version,
		dir:      filepath.Join(t.root, modulesFolder, dir),
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

// versionAside returns the version of a module that standalone/modules/DIR pins.
func (t *tree) versionAside(ctx context.Context, dir, path string) (string, error) {
	m, err := readGomod(ctx, filepath.Join(t.root, modulesFolder, dir))
	return m.version(path), err
}

// provideOldest provides what tests need of the oldest supported Kubernetes, and
// returns the folder of its programs.
func (t *tree) provideOldest(ctx context.Context) (string, error) {
	version, err := t.versionAside(ctx, "oldest", kubernetesModule)
	if err != nil {
		return "", err
	}
	m := module{
		name:    "oldest",
		title:   "Kubernetes " + version,
		dir:     filepath.Join(t.root, modulesFolder, "oldest"),
		ldflags: kubernetesFlags(version),
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager"} {
		m.programs = append(m.programs, program{name: name, pkg: kubernetesModule + "/cmd/" + name})
	}
	c := cache{t.cache}
	keys, _, err := c.provide(ctx, []module{m})
	if err != nil {
		return "", err
	}
	bin := filepath.Join(t.state, "oldest")
	return bin, c.link(bin, m.programs, keys, nil)
}
