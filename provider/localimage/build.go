// Package localimage gives container images of static binaries to the nodes of
// this machine, without a registry.
package localimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/gopherlocks/gopherlocks/images"
)

// Image is a built image: the same repository and Spec always give the same
// Digest.
type Image struct {
	// Reference is REPOSITORY:TAG. The tag follows from the content, so a node
	// never takes a changed image for an older one.
	Reference string
	// Digest is the digest of the image's manifest, such as sha256:0123….
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

// Build makes the image of spec in memory. The repository is its name without a
// tag, such as localhost/team/app.
func Build(repository string, spec images.Spec) (Image, error) {
	if repository == "" {
		return Image{}, errors.New("an image needs a repository")
	}
	image, err := images.Build(spec)
	if err != nil {
		return Image{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return Image{}, fmt.Errorf("computing the image's digest: %w", err)
	}
	const tagLength = 12
	return Image{
		Reference: repository + ":" + digest.Hex[:tagLength],
		Digest:    digest.String(),
		image:     image,
	}, nil
}
