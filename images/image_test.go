package images

import (
	"archive/tar"
	"errors"
	"io"
	"maps"
	"runtime"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func newSpec() Spec { return Spec{BinaryName: "app", Binary: []byte("\x7fELF and more")} }

func build(t *testing.T, spec Spec) v1.Image {
	t.Helper()
	image, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digest(t *testing.T, spec Spec) string {
	t.Helper()
	digest, err := build(t, spec).Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func TestEveryInputIsPartOfTheDigest(t *testing.T) {
	plain := digest(t, newSpec())
	if again := digest(t, newSpec()); again != plain {
		t.Errorf("the same inputs give %s and %s", plain, again)
	}
	for name, change := range map[string]func(*Spec){
		"binary":       func(s *Spec) { s.Binary = []byte("\x7fELF and else") },
		"name":         func(s *Spec) { s.BinaryName = "other" },
		"entrypoint":   func(s *Spec) { s.Entrypoint = []string{"/app", "serve"} },
		"args":         func(s *Spec) { s.Args = []string{"--help"} },
		"user":         func(s *Spec) { s.User = "0:0" },
		"architecture": func(s *Spec) { s.Architecture = "riscv64" },
		"label":        func(s *Spec) { s.Labels = map[string]string{"a": "b"} },
		"compression":  func(s *Spec) { s.Compressed = true },
	} {
		spec := newSpec()
		change(&spec)
		if digest(t, spec) == plain {
			t.Errorf("another %s gives the same image", name)
		}
	}
}

// TestImagesStayWhatTheyWere fails when a digest changes, so that nobody changes it
// unawares: nodes would load all images again, and pods would be replaced.
func TestImagesStayWhatTheyWere(t *testing.T) {
	spec := newSpec()
	spec.Architecture = "amd64"
	if got, want := digest(t, spec), "sha256:e6a2bab7ee758e8542d406c68d7123632a787356c73c246d6b2b07ab43cbd2c5"; got != want {
		t.Errorf("the image is %s and was %s", got, want)
	}
}

func TestUnusableBinariesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Spec){
		"not an executable": func(s *Spec) { s.Binary = []byte("#!/bin/sh") },
		"empty":             func(s *Spec) { s.Binary = nil },
		"without a name":    func(s *Spec) { s.BinaryName = "" },
	} {
		spec := newSpec()
		change(&spec)
		if _, err := Build(spec); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestImageSaysWhatItIsAndRunsAsNobody(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		spec := newSpec()
		spec.Compressed = compressed
		spec.Labels = map[string]string{"org.opencontainers.image.title": "app"}
		image := build(t, spec)
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != "linux" || config.Architecture != runtime.GOARCH || config.Created.Unix() != 0 {
			t.Errorf("the image is for %s/%s, of %s", config.OS, config.Architecture, config.Created)
		}
		if got := config.Config; got.User != DefaultUser || !slices.Equal(got.Entrypoint, []string{"/app"}) || !maps.Equal(got.Labels, spec.Labels) {
			t.Errorf("the configuration is %+v", got)
		}
		manifest, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		want := types.OCIUncompressedLayer
		if compressed {
			want = types.OCILayer
		}
		if !maps.Equal(manifest.Annotations, spec.Labels) || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != want {
			t.Errorf("the manifest is %+v", manifest)
		}
		if content := readBinary(t, image, "app"); content != string(spec.Binary) {
			t.Errorf("the binary is %q", content)
		}
	}
}

// readBinary finds the file in the image's only layer.
func readBinary(t *testing.T, image v1.Image, name string) string {
	t.Helper()
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("no %s in the image", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name != name {
			continue
		}
		if header.Mode != 0o755 || header.ModTime.Unix() != 0 {
			t.Errorf("%s has mode %o and time %s", name, header.Mode, header.ModTime)
		}
		data, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
}
