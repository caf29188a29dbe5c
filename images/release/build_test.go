package release

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/images/crosscompile"
)

const (
	module = "github.com/gopherlocks/gopherlocks"
	// demo is the smallest of our programs that uses other modules.
	demo = module + "/demo/cmd/gopherlocks-demo-workload"
)

// TestAnyFolderGivesTheSameImage compiles a program of ours for both platforms,
// here and in a copy of its source elsewhere, and looks at what the registry has.
func TestAnyFolderGivesTheSameImage(t *testing.T) {
	folder, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	here := compile(t, folder)
	// The user's settings must not matter either.
	t.Setenv("GOFLAGS", "-buildmode=pie")
	t.Setenv("GOAMD64", "v3")
	there := compile(t, copySource(t, folder))
	first, second := build(t, here), build(t, there)
	r := newRegistry(t, serve(t, registry.New(silent())))
	digest := push(t, r, first, "v1")
	if again := digestOf(t, second.Index); again != digest.DigestStr() {
		t.Errorf("the image is %s here, and %s elsewhere", digest.DigestStr(), again)
	}
	for i := range first.SBOMs {
		if a, b := digestOf(t, first.SBOMs[i]), digestOf(t, second.SBOMs[i]); a != b {
			t.Errorf("an SBOM is %s here, and %s elsewhere", a, b)
		}
	}

	index, err := remote.Index(digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 2 {
		t.Fatalf("the index is %+v", manifest)
	}
	for _, platform := range manifest.Manifests {
		info := here.Programs[platform.Platform.Architecture].Info
		var built []string
		for _, m := range info.Deps {
			built = append(built, m.Path+" "+m.Version)
		}
		if len(built) < 3 {
			t.Fatalf("the program was built from %q, too little to be compared", built)
		}
		var listed []string
		for _, p := range sbomOf(t, digest.Context(), platform.Digest).Packages {
			listed = append(listed, p.PackageName+" "+p.PackageVersion)
		}
		want := append([]string{here.Name + " v1", demo + " v1", "stdlib " + strings.TrimPrefix(info.GoVersion, "go")}, built...)
		if !slices.Equal(listed, want) {
			t.Errorf("the SBOM of %s lists %q, want %q", platform.Platform, listed, want)
		}
	}
}

func compile(t *testing.T, folder string) Spec {
	t.Helper()
	spec := Spec{Name: filepath.Base(demo), Version: "v1", Programs: map[string]images.Program{}}
	for _, architecture := range []string{"amd64", "arm64"} {
		programs, err := crosscompile.Build(t.Context(), folder, architecture, func(int) {}, demo)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(spec.Programs, map[string]images.Program{architecture: programs[spec.Name]})
	}
	return spec
}

// copySource copies what the program is compiled from into another folder.
func copySource(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	list := goList(t.Context(), from, "list", "-deps", "-f",
		`{{if .Module}}{{if .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}{{end}}`, demo)
	output, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := append(strings.Fields(string(output)), filepath.Join(from, "go.mod"), filepath.Join(from, "go.sum"))
	if len(files) < 5 {
		t.Fatalf("the program is compiled from %q, which cannot be all", files)
	}
	for _, file := range files {
		relative, err := filepath.Rel(from, file)
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// goList lists for Linux, wherever the test runs.
func goList(ctx context.Context, folder string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOFLAGS=", "CGO_ENABLED=0")
	return cmd
}
