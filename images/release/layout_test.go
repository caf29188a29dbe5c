package release

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestLayoutHasTheImageByItsTagAndItsSBOMs(t *testing.T) {
	image := build(t, newSpec())
	folder := t.TempDir()
	path, err := WriteLayout(folder, image, "registry.example/team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	if path != filepath.Join(folder, "app") {
		t.Errorf("written to %s", path)
	}
	written, err := layout.ImageIndexFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := written.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != 3 {
		t.Fatalf("the layout has %+v", list.Manifests)
	}
	tagged := list.Manifests[0]
	if tagged.Annotations["org.opencontainers.image.ref.name"] != "v1" || tagged.Annotations["io.containerd.image.name"] != "registry.example/team/app:v1" ||
		tagged.Digest.String() != digestOf(t, image.Index) {
		t.Errorf("the image is listed as %+v", tagged)
	}
	index, err := written.ImageIndex(tagged.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err = validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, listed := range list.Manifests[1:] {
		bill, err := written.Image(listed.Digest)
		if err != nil {
			t.Fatal(err)
		}
		about, err := bill.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if listed.ArtifactType != SBOMType || about.Subject == nil || about.Subject.Digest != manifest.Manifests[i].Digest {
			t.Errorf("an SBOM is listed as %+v, about %+v", listed, about.Subject)
		}
		requireBlobs(t, path, about.Config.Digest, about.Layers[0].Digest)
	}
}

func requireBlobs(t *testing.T, folder string, digests ...v1.Hash) {
	t.Helper()
	for _, digest := range digests {
		content, err := layout.Path(folder).Bytes(digest)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := v1.SHA256(strings.NewReader(string(content))); err != nil || got != digest {
			t.Errorf("blob %s has other content: %v", digest, err)
		}
	}
}

func TestFolderThatIsThereIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	if _, err := WriteLayout(folder, build(t, newSpec()), "", "v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteLayout(folder, build(t, newSpec()), "", "v1"); err == nil || !strings.Contains(err.Error(), "is there already; remove it") {
		t.Errorf("error = %v", err)
	}
}
