package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// fork is a copy of a module with small changes, made for one build. It is for a
// module that does not compile as it is published: files of Go's module cache
// cannot be changed, and an overlay cannot replace them. The changes are the
// patches in the folder "patches" beside the go.mod that requires the module.
type fork struct {
	module  string   // Path of the module.
	folders []string // What is copied of it, besides its go.mod.
	// embeds are JSON files that the module's release build would make from others:
	// name → original, relative to the module.
	embeds map[string]string
	// version goes into those files that have a top-level "version".
	version string
}

// ingredients are the fork's part of a program's key. The patches are not among
// them: their folder is hashed as a whole. go.sum pins the module's own content.
func (f *fork) ingredients() ingredients {
	if f == nil {
		return nil
	}
	in := ingredients{fmt.Sprintf("fork %s %s", f.module, f.version)}
	for name, original := range f.embeds {
		in = append(in, fmt.Sprintf("embed %s of %s", name, original))
	}
	return in
}

// make copies the module into the folder dir and changes the copy. It writes a
// go.mod that uses the copy, for the go command's -modfile, and returns the path of
// that.
func (f *fork) make(ctx context.Context, m module, dir string) (modfile string, err error) {
	out, err := goOutput(ctx, m.dir, "mod", "download", "-json", f.module)
	if err != nil {
		return "", err
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &downloaded); err != nil {
		return "", fmt.Errorf("read the answer of go mod download: %w", err)
	}
	target := filepath.Join(dir, "fork")
	if err := f.copy(downloaded.Dir, target); err != nil {
		return "", fmt.Errorf("copy %s: %w", f.module, err)
	}
	if err := applyPatches(ctx, filepath.Join(m.dir, "patches"), target); err != nil {
		return "", fmt.Errorf("change %s: %w", f.module, err)
	}
	for name, original := range f.embeds {
		if err := rewrite(filepath.Join(target, original), filepath.Join(target, name), f.stamp); err != nil {
			return "", fmt.Errorf("make %s of %s: %w", name, f.module, err)
		}
	}

	modfile = filepath.Join(dir, "go.mod")
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := rewrite(filepath.Join(m.dir, name), filepath.Join(dir, name), unchanged); err != nil {
			return "", err
		}
	}
	if _, err := goOutput(ctx, dir, "mod", "edit", "-replace="+f.module+"="+target, modfile); err != nil {
		return "", err
	}
	return modfile, nil
}

// applyPatches applies the patches in a folder to the files below target. git
// refuses a patch that does not fit, such as after a change of the pinned version.
func applyPatches(ctx context.Context, folder, target string) error {
	patches, err := filepath.Glob(filepath.Join(folder, "*.patch"))
	if err != nil || len(patches) == 0 {
		return err
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return fmt.Errorf("%w; install it (on Debian: apt-get install -y git) and run the command again, what was compiled until here is kept", err)
	}
	cmd := exec.CommandContext(ctx, git, append([]string{"apply"}, patches...)...)
	cmd.Dir = target
	// Inside a repository, git would skip files that are not below its working
	// folder.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(target))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git apply: %w: %s; if the pinned version has changed, look whether the patches in %s are still needed", err, bytes.TrimSpace(out), folder)
	}
	return nil
}

// copy copies what the fork needs of the module. Module caches are read-only,
// the copy is not.
func (f *fork) copy(source, target string) error {
	for _, folder := range slices.Concat([]string{"go.mod"}, f.folders) {
		err := filepath.WalkDir(filepath.Join(source, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(source, path)
			if err != nil {
				return err
			}
			if entry.IsDir() {
				return os.MkdirAll(filepath.Join(target, relative), 0o755)
			}
			if strings.HasSuffix(path, "_test.go") {
				return nil
			}
			return rewrite(path, filepath.Join(target, relative), unchanged)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stamp makes a JSON document compact and sets its version, if it has one.
func (f *fork) stamp(document []byte) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, err
	}
	if _, ok := fields["version"]; ok {
		fields["version"] = json.RawMessage(fmt.Sprintf("%q", f.version))
	}
	return json.Marshal(fields)
}

// rewrite writes what change makes of one file into another, or the same.
func rewrite(source, target string, change func([]byte) ([]byte, error)) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	changed, err := change(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, changed, 0o644)
}

func unchanged(content []byte) ([]byte, error) { return content, nil }
