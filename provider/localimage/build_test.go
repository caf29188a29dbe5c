package localimage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gopherlocks/gopherlocks/images"
)

const repository = "localhost/team/app"

func newSpec() images.Spec {
	return images.Spec{BinaryName: "app", Binary: []byte("\x7fELF and more")}
}

func build(t *testing.T, spec images.Spec) Image {
	t.Helper()
	image, err := Build(repository, spec)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestSameInputsGiveTheSameImage(t *testing.T) {
	a, b := build(t, newSpec()), build(t, newSpec())
	if a.Digest != b.Digest || a.Reference != b.Reference {
		t.Errorf("%s and %s", a.Digest, b.Digest)
	}
	if tag, ok := strings.CutPrefix(a.Reference, "localhost/team/app:"); !ok || !strings.HasPrefix(a.Digest, "sha256:"+tag) {
		t.Errorf("the reference of %s is %s", a.Digest, a.Reference)
	}
}

func TestImagesWithoutARepositoryAreRefused(t *testing.T) {
	if image, err := Build("", newSpec()); err == nil {
		t.Errorf("got %s", image.Reference)
	}
}

// TestLayoutLeadsFromIndexToBinary reads the image back as containerd does: from the index
// to the manifest, and from there to configuration and layer, by digest.
func TestLayoutLeadsFromIndexToBinary(t *testing.T) {
	image := build(t, newSpec())
	var archive bytes.Buffer
	if _, err := image.WriteTo(&archive); err != nil {
		t.Fatal(err)
	}
	files := readTar(t, &archive)
	var index v1.IndexManifest
	decode(t, files["index.json"], &index)
	if len(index.Manifests) != 1 || index.Manifests[0].Annotations["io.containerd.image.name"] != image.Reference {
		t.Fatalf("the index is %+v", index)
	}
	var manifest v1.Manifest
	decode(t, blob(t, files, index.Manifests[0].Digest), &manifest)
	if index.Manifests[0].Digest.String() != image.Digest {
		t.Errorf("the manifest is %s, not %s", index.Manifests[0].Digest, image.Digest)
	}
	var config v1.ConfigFile
	decode(t, blob(t, files, manifest.Config.Digest), &config)
	if got := config.Config; got.User != images.DefaultUser || len(got.Entrypoint) != 1 || got.Entrypoint[0] != "/app" {
		t.Errorf("the configuration is %+v", got)
	}
	if len(manifest.Layers) != 1 || len(config.RootFS.DiffIDs) != 1 || config.RootFS.DiffIDs[0] != manifest.Layers[0].Digest {
		t.Fatalf("the layers are %v, their content %v", manifest.Layers, config.RootFS.DiffIDs)
	}
	layer := readTar(t, bytes.NewReader(blob(t, files, manifest.Layers[0].Digest)))
	if string(layer["app"]) != "\x7fELF and more" {
		t.Errorf("the binary is %q", layer["app"])
	}
}

func TestStoreTellsThatNoContainerdListens(t *testing.T) {
	store := Store{Address: filepath.Join(t.TempDir(), "containerd.sock")}
	if err := store.Load(t.Context(), build(t, newSpec())); !errors.Is(err, ErrUnreachable) {
		t.Errorf("the error is %v", err)
	}
}

func readTar(t *testing.T, archive io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func blob(t *testing.T, files map[string][]byte, digest v1.Hash) []byte {
	t.Helper()
	data, ok := files["blobs/sha256/"+digest.Hex]
	sum := sha256.Sum256(data)
	if !ok || hex.EncodeToString(sum[:]) != digest.Hex {
		t.Fatalf("blob %s is missing or has other content", digest)
	}
	return data
}

func decode(t *testing.T, data []byte, value any) {
	t.Helper()
	if err := json.Unmarshal(data, value); err != nil {
		t.Fatal(err)
	}
}
