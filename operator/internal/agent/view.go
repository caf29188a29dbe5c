package agent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// view is a Flux installation in an image: a folder of links into the programs'
// own folders. Both are compiled into the programs, so that a rank needs them at
// the same place.
type view struct {
	links    string // may be a link to the true folder
	software string
}

// imageView is where the images of views, and the programs from them, expect it.
var imageView = view{links: agentapi.ViewLinks, software: agentapi.ViewSoftware}

func mountedLinks(mount string) string    { return filepath.Join(mount, agentapi.MountedLinks) }
func mountedSoftware(mount string) string { return filepath.Join(mount, agentapi.MountedSoftware) }

// link makes the view below mount appear where its programs expect it. What the
// rank's own image has there stays, and the view's is put beside it.
func (v view) link(mount string) error {
	if err := linkMissing(mountedSoftware(mount), v.software); err != nil {
		return err
	}
	return linkMissing(mountedLinks(mount), v.links)
}

// linkMissing makes target a link to source; where target is a folder already,
// it does so for what source holds.
func linkMissing(source, target string) error {
	info, err := os.Stat(source)
	if os.IsNotExist(err) {
		return nil // not every view has both
	}
	if err != nil {
		return err
	}
	if existing, err := os.Stat(target); err == nil {
		if !info.IsDir() || !existing.IsDir() || os.SameFile(info, existing) {
			return nil
		}
		entries, err := os.ReadDir(source)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := linkMissing(filepath.Join(source, entry.Name()), filepath.Join(target, entry.Name())); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.Symlink(source, target); err != nil && !os.IsExist(err) {
		return fmt.Errorf("%w: programs of the view expect their files there; set containers[].securityContext.runAsUser: %d, by which the operator knows that the rank is not root", err, os.Getuid())
	}
	return nil
}

// environment returns base with the view below mount added: last in each list, so
// that the image's own programs come first. An empty mount adds nothing.
// pythonPath, if any, takes the place of the view's site-packages.
func environment(base []string, mount, pythonPath, sitePackages string) []string {
	if mount == "" {
		return base
	}
	if pythonPath == "" {
		pythonPath = sitePackages
	}
	env := slices.Clone(base)
	env = appendPath(env, "PATH", filepath.Join(mountedLinks(mount), "bin"))
	env = appendPath(env, "LD_LIBRARY_PATH", filepath.Join(mountedLinks(mount), "lib"))
	return appendPath(env, "PYTHONPATH", pythonPath)
}

// appendPath adds folder to the list in the variable name.
func appendPath(env []string, name, folder string) []string {
	if folder == "" {
		return env
	}
	for i, variable := range env {
		if value, found := strings.CutPrefix(variable, name+"="); found {
			if value != "" {
				folder = value + string(os.PathListSeparator) + folder
			}
			env[i] = name + "=" + folder
			return env
		}
	}
	return append(env, name+"="+folder)
}

// sitePackages finds the folder of the view's Python packages.
func sitePackages(mount string) string {
	found, err := filepath.Glob(filepath.Join(mountedLinks(mount), "lib", "python3*", "site-packages"))
	if err != nil || len(found) == 0 {
		return "" // a view without Python bindings
	}
	return found[0]
}

// findProgram looks for a program in the PATH of env, unless name is a path.
func findProgram(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := lookup(env, "PATH")
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			continue // where that is depends on the working directory
		}
		if program, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("there is no program %s in PATH (%s)", name, path)
}
