package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is that of this tree, from here.
const root = "../.."

// renovate is what the tests look at of renovate.json.
type renovate struct {
	IgnorePaths     []string
	EnabledManagers []string
	CustomManagers  []struct {
		Description         string
		ManagerFilePatterns []string
		MatchStrings        []string
	}
}

func readRenovate(t *testing.T) renovate {
	t.Helper()
	content, err := os.ReadFile(root + "/renovate.json")
	if err != nil {
		t.Fatal(err)
	}
	var r renovate
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// projectFiles returns the files of this tree with a suffix, by their paths from
// its root.
func projectFiles(t *testing.T, suffix string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == ".gopherlocks") {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() || !strings.HasSuffix(path, suffix) {
			return nil
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(filepath.ToSlash(path), root+"/")] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRenovateFindsEachImageInOnePlace: an image with a version in Go code is a
// pin. It must be in one file only, and match one pattern.
func TestRenovateFindsEachImageInOnePlace(t *testing.T) {
	r := readRenovate(t)
	sources := projectFiles(t, ".go")
	found := map[string]string{} // Image → file.
	for _, manager := range r.CustomManagers {
		if !slices.Equal(manager.ManagerFilePatterns, []string{`/\.go$/`}) || len(manager.MatchStrings) != 1 {
			t.Fatalf("%s: this test knows one pattern in Go files only, not %q in %q", manager.Description, manager.MatchStrings, manager.ManagerFilePatterns)
		}
		pattern := regexp.MustCompile(manager.MatchStrings[0])
		name, version := pattern.SubexpIndex("depName"), pattern.SubexpIndex("currentValue")
		if name < 0 || version < 0 {
			t.Fatalf("%s: the pattern names no depName or no currentValue", manager.Description)
		}
		var files []string
		for file, content := range sources {
			for _, match := range pattern.FindAllStringSubmatch(content, -1) {
				files = append(files, file)
				found[match[name]+":"+match[version]] = file
			}
		}
		if len(files) != 1 {
			t.Errorf("%s: the pattern matches in %q, want one place", manager.Description, files)
		}
	}

	// Our own images, and one with a tag that is no version.
	others := regexp.MustCompile(`^localhost/|^registry\.example/|^ghcr\.io/converged-computing/flux-view-rocky:tag-9$`)
	image := regexp.MustCompile(`"([a-z0-9.-]+(?:/[a-z0-9._-]+)+:[\w.-]+)(?:@sha256:[0-9a-f]+)?"`)
	for file, content := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, match := range image.FindAllStringSubmatch(content, -1) {
			if !others.MatchString(match[1]) && found[match[1]] != file {
				t.Errorf("%s names the image %s, which no custom manager of renovate.json covers there", file, match[1])
			}
		}
	}
}

// TestRenovateLooksEverywhere: it knows every go.mod by its name, those of tools
// too. By default it would leave out folders of tests and examples.
func TestRenovateLooksEverywhere(t *testing.T) {
	r := readRenovate(t)
	for _, manager := range []string{"gomod", "kubernetes", "custom.regex"} {
		if !slices.Contains(r.EnabledManagers, manager) {
			t.Errorf("the manager %s is not enabled", manager)
		}
	}
	if r.IgnorePaths == nil || len(r.IgnorePaths) > 0 {
		t.Errorf("Renovate leaves out %q", r.IgnorePaths)
	}
}

// projectModules returns what each go.mod of this tree says.
func projectModules(t *testing.T) map[string]gomod {
	t.Helper()
	modules := map[string]gomod{}
	for file := range projectFiles(t, "/go.mod") {
		m, err := readGomod(t.Context(), filepath.Join(root, filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		modules[file] = m
	}
	if len(modules) < 3 {
		t.Fatalf("found %d go.mod files", len(modules))
	}
	return modules
}

// TestPinsThatAreWrittenTwiceAgree: some versions must be written twice, since each
// go.mod has its own, and an image is no module.
func TestPinsThatAreWrittenTwiceAgree(t *testing.T) {
	modules := projectModules(t)
	root, kubernetes := modules["go.mod"], modules["standalone/modules/kubernetes/go.mod"]
	for file, m := range modules {
		if parseVersion(m.Go) != parseVersion(root.Go) {
			t.Errorf("%s is of Go %s, go.mod of %s", file, m.Go, root.Go)
		}
	}
	if command, sdk := root.version(pulumiModule), root.version("github.com/pulumi/pulumi/sdk/v3"); command != sdk {
		t.Errorf("Pulumi's command line is %s, its SDK %s", command, sdk)
	}

	library := "v0." + strings.TrimPrefix(kubernetes.version(kubernetesModule), "v1.")
	for _, replace := range kubernetes.Replace {
		if strings.HasPrefix(replace.Old.Path, "k8s.io/") && replace.New.Version != library {
			t.Errorf("standalone/modules/kubernetes/go.mod takes %s %s, want %s as of k8s.io/kubernetes", replace.Old.Path, replace.New.Version, library)
		}
	}
	for _, required := range root.Require {
		if other := kubernetes.version(required.Path); strings.HasPrefix(required.Path, "k8s.io/") && other != "" && other != required.Version {
			t.Errorf("%s is %s in go.mod and %s in standalone/modules/kubernetes/go.mod: what both compile would be compiled twice", required.Path, required.Version, other)
		}
	}

	nodes, err := constant("../../provider/kind", "DefaultNodeImage")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"../../Pulumi.yaml", "../../docs/components.md"} {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		said := regexp.MustCompile(`released one of\s+Kubernetes (1\.\d+)`).FindSubmatch(content)
		if said == nil || !strings.HasPrefix(tag(nodes), "v"+string(said[1])+".") {
			t.Errorf("%s says %q of kind's released node image, which is %s", page, said, nodes)
		}
	}

	images := regexp.MustCompile(`"registry\.k8s\.io/metrics-server/metrics-server:(v[\w.-]+)"`)
	for file, content := range projectFiles(t, ".go") {
		for _, match := range images.FindAllStringSubmatch(content, -1) {
			if want := kubernetes.version("sigs.k8s.io/metrics-server"); match[1] != want {
				t.Errorf("%s names the image of metrics-server %s, and %s is compiled", file, match[1], want)
			}
		}
	}
}
