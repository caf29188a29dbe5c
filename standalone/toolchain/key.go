package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listedPackage is what `go list -json` tells of a package.
type listedPackage struct {
	ImportPath string
	Dir        string
	Module     *listedModule
	GoFiles    []string
	EmbedFiles []string
	Deps       []string
}

type listedModule struct {
	Path    string
	Version string
	Main    bool
	Replace *listedModule
}

// packageFields are the fields of listedPackage.
const packageFields = "ImportPath,Dir,Module,GoFiles,EmbedFiles,Deps"

func parsePackages(out io.Reader) (map[string]*listedPackage, error) {
	packages := map[string]*listedPackage{}
	for decoder := json.NewDecoder(out); ; {
		p := new(listedPackage)
		err := decoder.Decode(p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer of go list: %w", err)
		}
		packages[p.ImportPath] = p
	}
}

// ingredients are what a program is made of, as lines of text. Its key is their
// hash: the same ingredients give the same program.
type ingredients []string

func (in ingredients) key() string {
	sorted := slices.Compact(slices.Sorted(slices.Values(in)))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:])[:24]
}

// recipe is what all programs of a module depend on besides their source.
func (m module) recipe(goVersion string) ingredients {
	return append(ingredients{
		"go " + goVersion,
		"flags " + strings.Join(buildFlags, " ") + " " + strings.Join(buildEnvironment, " "),
		"ldflags " + m.ldflags,
	}, m.fork.ingredients()...)
}

// closure returns what the program at importPath is compiled from: the content
// of our own files, and for a package of another module its version and the
// checksum that go.sum has for it. hashFile returns the hash of a file's content.
func closure(importPath string, packages map[string]*listedPackage, checksums map[string]string, hashFile func(string) (string, error)) (ingredients, error) {
	main, ok := packages[importPath]
	if !ok {
		return nil, fmt.Errorf("go list does not know the program %s", importPath)
	}
	var in ingredients
	for _, path := range append([]string{importPath}, main.Deps...) {
		p := packages[path]
		switch {
		case p == nil || p.Module == nil: // "unsafe", "C" and the standard library: the Go version says it.
		case p.Module.Main:
			for _, file := range slices.Concat(p.GoFiles, p.EmbedFiles) {
				sum, err := hashFile(filepath.Join(p.Dir, file))
				if err != nil {
					return nil, err
				}
				in = append(in, fmt.Sprintf("file %s/%s %s", path, file, sum))
			}
		default:
			used := p.Module
			if used.Replace != nil {
				used = used.Replace
			}
			in = append(in, fmt.Sprintf("module %s %s@%s %s", path, used.Path, used.Version, checksums[used.Path+" "+used.Version]))
		}
	}
	return in, nil
}

// parseChecksums reads a go.sum: "path version" → checksum of the module's content.
func parseChecksums(gosum []byte) map[string]string {
	checksums := map[string]string{}
	for scanner := bufio.NewScanner(bytes.NewReader(gosum)); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 3 && !strings.HasSuffix(fields[1], "/go.mod") {
			checksums[fields[0]+" "+fields[1]] = fields[2]
		}
	}
	return checksums
}

// folder returns the content of a small module: every file that the go command or
// the linker may read, and its patches. Tests are left out.
func folder(dir string, hashFile func(string) (string, error)) (ingredients, error) {
	var in ingredients
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		extension := filepath.Ext(name)
		isSource := extension == ".go" && !strings.HasSuffix(name, "_test.go") || extension == ".patch"
		if !entry.Type().IsRegular() || !isSource && name != "go.mod" && name != "go.sum" {
			return nil
		}
		sum, err := hashFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		in = append(in, fmt.Sprintf("file %s %s", filepath.ToSlash(relative), sum))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the module in %s: %w", dir, err)
	}
	return in, nil
}

// hashFile returns the SHA-256 of a file's content.
func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// keys returns the key of each program of the module, by its name. It may download
// modules, and passes their names to progress.
func (m module) keys(ctx context.Context, progress func(line string)) (map[string]string, error) {
	goVersion, err := goOutput(ctx, m.dir, "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return nil, err
	}
	recipe := m.recipe(strings.Join(strings.Fields(goVersion), " "))
	keys := map[string]string{}
	if !m.closure {
		content, readErr := folder(m.dir, hashFile)
		if readErr != nil {
			return nil, readErr
		}
		for _, p := range m.programs {
			keys[p.name] = slices.Concat(recipe, content, ingredients{"program " + p.pkg}).key()
		}
		return keys, nil
	}

	listed, err := m.list(ctx, progress, append(slices.Clone(buildFlags), "-json="+packageFields)...)
	if err != nil {
		return nil, err
	}
	packages, err := parsePackages(strings.NewReader(listed))
	if err != nil {
		return nil, err
	}
	gosum, err := os.ReadFile(filepath.Join(m.dir, "go.sum"))
	if err != nil {
		return nil, fmt.Errorf("read the checksums of modules: %w", err)
	}
	checksums := parseChecksums(gosum)
	for _, p := range m.programs {
		content, err := closure(p.importPath(), packages, checksums, hashFile)
		if err != nil {
			return nil, err
		}
		keys[p.name] = slices.Concat(recipe, content, ingredients{"program " + p.pkg}).key()
	}
	return keys, nil
}

// importPath resolves a package that is relative to the root module.
func (p program) importPath() string {
	if rest, ok := strings.CutPrefix(p.pkg, "./"); ok {
		return rootModule + "/" + rest
	}
	return p.pkg
}
