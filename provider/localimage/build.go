// Package localimage makes container images out of static binaries, without
// Docker and without a registry, and loads them into a containerd.
package localimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// DefaultUser is the user and group of nobody in distroless images.
const DefaultUser = "65532:65532"

// Spec describes an image.
type Spec struct {
	// Repository is the image's name without tag, such as localhost/team/app.
	Repository string
	// BinaryName is the file's name in the image, which is at /BinaryName.
	BinaryName string
	// Binary is the content of a statically linked executable for this machine.
	Binary []byte
	// Entrypoint defaults to /BinaryName.
	Entrypoint []string
	// Args are appended to the entrypoint unless a pod names its own.
	Args []string
	// User is UID:GID of the process; default DefaultUser.
	User string
}

// Image is a built image: the same Spec always gives the same Digest.
type Image struct {
	// Reference is REPOSITORY:TAG with a tag that follows from the content, so
	// that a changed image is never taken for an older one on the node.
	Reference string
	// Digest is that of the image's manifest, such as sha256:0123….
	Digest string
	image  v1.Image
}

// ReadBinary reads the file at path for a Spec.
func ReadBinary(path string) (name string, content []byte, err error) {
	content, err = os.ReadFile(path)
	if err != nil {
		return "", nil, fmt.Errorf("reading the image's binary: %w", err)
	}
	return filepath.Base(path), content, nil
}

// Build makes the image of spec in memory. It has a single layer, which is not
// compressed: it never leaves the machine.
func Build(spec Spec) (Image, error) {
	if spec.Repository == "" || spec.BinaryName == "" || len(spec.Binary) == 0 {
		return Image{}, fmt.Errorf("an image needs a repository, the name and the content of a binary")
	}
	if !bytes.HasPrefix(spec.Binary, []byte("\x7fELF")) {
		return Image{}, fmt.Errorf("%s is not a Linux executable; build it with GOOS=linux CGO_ENABLED=0", spec.BinaryName)
	}
	layer, err := buildLayer(spec.BinaryName, spec.Binary)
	if err != nil {
		return Image{}, fmt.Errorf("making the image's layer: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, static.NewLayer(layer, types.OCIUncompressedLayer))
	if err != nil {
		return Image{}, fmt.Errorf("adding the image's layer: %w", err)
	}
	image, err = mutate.ConfigFile(image, buildConfig(spec, image))
	if err != nil {
		return Image{}, fmt.Errorf("setting the image's configuration: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return Image{}, fmt.Errorf("computing the image's digest: %w", err)
	}
	const tagLength = 12
	return Image{
		Reference: spec.Repository + ":" + digest.Hex[:tagLength],
		Digest:    digest.String(),
		image:     image,
	}, nil
}

func buildConfig(spec Spec, image v1.Image) *v1.ConfigFile {
	config := &v1.ConfigFile{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		// Fixed, like all times in the image.
		Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			User:       spec.User,
			Entrypoint: spec.Entrypoint,
			Cmd:        spec.Args,
			Env:        []string{"PATH=/"},
			WorkingDir: "/",
		},
	}
	if config.Config.User == "" {
		config.Config.User = DefaultUser
	}
	if len(config.Config.Entrypoint) == 0 {
		config.Config.Entrypoint = []string{"/" + spec.BinaryName}
	}
	if built, err := image.ConfigFile(); err == nil {
		config.RootFS = built.RootFS
	}
	return config
}

// buildLayer also makes /tmp, which programs expect to exist.
func buildLayer(name string, content []byte) ([]byte, error) {
	var buffer bytes.Buffer
	buffer.Grow(len(content) + 4096)
	writer := tar.NewWriter(&buffer)
	epoch := time.Unix(0, 0)
	headers := []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777, ModTime: epoch},
		{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content)), ModTime: epoch},
	}
	for _, header := range headers {
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// WriteTo writes the image as a tar of an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md),
// from which containerd takes the manifest as it is, so that its digest stays ours.
func (i Image) WriteTo(out io.Writer) (int64, error) {
	counter := &countingWriter{out: out}
	writer := tar.NewWriter(counter)
	err := i.writeLayout(writer)
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return counter.count, fmt.Errorf("writing image %s: %w", i.Reference, err)
	}
	return counter.count, nil
}

func (i Image) writeLayout(writer *tar.Writer) error {
	manifest, err := i.image.RawManifest()
	if err != nil {
		return err
	}
	config, err := i.image.RawConfigFile()
	if err != nil {
		return err
	}
	configName, err := i.image.ConfigName()
	if err != nil {
		return err
	}
	digest, err := v1.NewHash(i.Digest)
	if err != nil {
		return err
	}
	index, err := json.Marshal(v1.IndexManifest{
		SchemaVersion: 2,
		MediaType:     types.OCIImageIndex,
		Manifests: []v1.Descriptor{{
			MediaType: types.OCIManifestSchema1,
			Digest:    digest,
			Size:      int64(len(manifest)),
			// By this annotation containerd gives the image its whole name.
			Annotations: map[string]string{"io.containerd.image.name": i.Reference},
		}},
	})
	if err != nil {
		return err
	}
	blob := func(hash v1.Hash) string { return path.Join("blobs", hash.Algorithm, hash.Hex) }
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blob(digest), manifest},
		{blob(configName), config},
	} {
		if err := writeFile(writer, file.name, int64(len(file.data)), bytes.NewReader(file.data)); err != nil {
			return err
		}
	}
	layers, err := i.image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		if err := writeLayer(writer, layer, blob); err != nil {
			return err
		}
	}
	return nil
}

func writeLayer(writer *tar.Writer, layer v1.Layer, blob func(v1.Hash) string) error {
	hash, err := layer.Digest()
	if err != nil {
		return err
	}
	size, err := layer.Size()
	if err != nil {
		return err
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	return writeFile(writer, blob(hash), size, content)
}

func writeFile(writer *tar.Writer, name string, size int64, content io.Reader) error {
	if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(writer, content)
	return err
}

type countingWriter struct {
	out   io.Writer
	count int64
}

func (w *countingWriter) Write(data []byte) (int, error) {
	n, err := w.out.Write(data)
	w.count += int64(n)
	return n, err
}
