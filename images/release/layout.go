package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// LayoutFolder is where WriteLayout writes an image of that name. It fails if the
// folder exists.
func LayoutFolder(folder, image string) (string, error) {
	path := filepath.Join(folder, image)
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return "", fmt.Errorf("%s is there already; remove it, or give another folder", path)
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("look for %s: %w", path, err)
	}
	return path, nil
}

// WriteLayout writes an image as an OCI layout into a folder of its own under
// folder, and returns that. There, index.json lists the image under its tag, and
// the SBOMs, which nothing else refers to. A containerd that imports the layout
// calls the image repository, which may be empty.
// Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
func WriteLayout(folder string, image Image, repository, tag string) (string, error) {
	path, err := LayoutFolder(folder, image.Name)
	if err != nil {
		return "", err
	}
	if err = os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for image %s: %w", image.Name, err)
	}
	written, err := layout.Write(path, empty.Index)
	if err == nil {
		err = written.AppendIndex(image.Index, layout.WithAnnotations(namesOf(repository, tag)))
	}
	for _, bill := range image.SBOMs {
		if err == nil {
			err = written.AppendImage(bill)
		}
	}
	if err != nil {
		return "", fmt.Errorf("write image %s into %s: %w", image.Name, path, err)
	}
	return path, nil
}

func namesOf(repository, tag string) map[string]string {
	names := map[string]string{"org.opencontainers.image.ref.name": tag}
	if repository != "" {
		// containerd reads the image's whole name from this annotation.
		names["io.containerd.image.name"] = repository + ":" + tag
	}
	return names
}
