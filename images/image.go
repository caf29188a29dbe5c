// Package images makes a container image out of a static binary, in memory, without
// Docker. The same Spec always gives the same image, since all times in it are
// fixed. Package localimage loads images into nodes of this machine; package
// release pushes them to a registry.
package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// DefaultUser is the user and group "nonroot" of distroless images.
const DefaultUser = "65532:65532"

// Spec describes the image of one program for one platform.
type Spec struct {
	// BinaryName is the file's name in the image, which is at /BinaryName.
	BinaryName string
	// Binary is the content of a statically linked executable for Linux.
	Binary []byte
	// Architecture is what Binary runs on, as Go names it. Default: this machine's.
	Architecture string
	// Entrypoint defaults to /BinaryName.
	Entrypoint []string
	// Args are appended to the entrypoint unless a pod names its own.
	Args []string
	// User is UID:GID of the process; default DefaultUser.
	User string
	// Labels are what the image says of itself: labels of its configuration, and
	// the same as annotations of its manifest.
	Labels map[string]string
	// Compressed is for images that leave the machine.
	Compressed bool
}

// Build makes the image of spec.
func Build(spec Spec) (v1.Image, error) {
	if spec.BinaryName == "" || len(spec.Binary) == 0 {
		return nil, errors.New("an image needs the name and the content of a binary")
	}
	if !bytes.HasPrefix(spec.Binary, []byte("\x7fELF")) {
		return nil, fmt.Errorf("%s is not a Linux executable; build it with GOOS=linux CGO_ENABLED=0", spec.BinaryName)
	}
	layer, err := buildLayer(spec)
	if err != nil {
		return nil, fmt.Errorf("making the image's layer: %w", err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.AppendLayers(base, layer)
	if err != nil {
		return nil, fmt.Errorf("adding the image's layer: %w", err)
	}
	built, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	if image, err = mutate.ConfigFile(image, buildConfig(spec, built.RootFS)); err != nil {
		return nil, fmt.Errorf("setting the image's configuration: %w", err)
	}
	if len(spec.Labels) > 0 {
		image = mutate.Annotations(image, spec.Labels).(v1.Image)
	}
	return image, nil
}

func buildConfig(spec Spec, rootFS v1.RootFS) *v1.ConfigFile {
	config := &v1.ConfigFile{
		Architecture: spec.Architecture,
		OS:           "linux",
		// Fixed, like all times in the image.
		Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		RootFS:  rootFS,
		Config: v1.Config{
			User:       spec.User,
			Entrypoint: spec.Entrypoint,
			Cmd:        spec.Args,
			Env:        []string{"PATH=/"},
			WorkingDir: "/",
			Labels:     spec.Labels,
		},
	}
	if config.Architecture == "" {
		config.Architecture = runtime.GOARCH
	}
	if config.Config.User == "" {
		config.Config.User = DefaultUser
	}
	if len(config.Config.Entrypoint) == 0 {
		config.Config.Entrypoint = []string{"/" + spec.BinaryName}
	}
	return config
}

func buildLayer(spec Spec) (v1.Layer, error) {
	content, err := archive(spec.BinaryName, spec.Binary)
	if err != nil {
		return nil, err
	}
	if !spec.Compressed {
		return static.NewLayer(content, types.OCIUncompressedLayer), nil
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching)
}

// archive packs the binary, and /tmp, which programs expect to exist.
func archive(name string, content []byte) ([]byte, error) {
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
