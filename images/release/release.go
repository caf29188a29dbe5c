// Package release makes the images of our programs for a registry. Each program has
// one index with an image for each platform. Each image has an SBOM that refers to
// it. The same programs always give the same digests.
//
//	REGISTRY/NAME:TAG ─► index ─┬─► image linux/amd64 ◄─ SBOM (SPDX)
//	                            └─► image linux/arm64 ◄─ SBOM (SPDX)
package release

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/gopherlocks/gopherlocks/images"
	"github.com/gopherlocks/gopherlocks/images/sbom"
)

// licence is the licence of the programs' own source.
const licence = "Apache-2.0"

// Spec describes the image of one program.
type Spec struct {
	// Name is the name of the program and of its file in the image. It is also the
	// last part of the image's repository.
	Name string
	// Description is one sentence for people.
	Description string
	// Version is the program's.
	Version string
	// Revision is the commit that it was built from; empty if unknown.
	Revision string
	// Programs are the compiled program by architecture, as Go names it.
	Programs map[string]images.Program
}

// Image is an image for several platforms. Its digests are known before it is
// pushed.
type Image struct {
	// Name is the Spec's.
	Name string
	// Index leads to the image of each platform.
	Index v1.ImageIndex
	// SBOMs are manifests. Each refers to the image of one platform.
	SBOMs []v1.Image
}

// Build makes the image in memory.
func Build(spec Spec) (Image, error) {
	if spec.Name == "" || spec.Version == "" {
		return Image{}, errors.New("an image needs a name and a version")
	}
	if len(spec.Programs) == 0 {
		return Image{}, fmt.Errorf("image %s: it has no program", spec.Name)
	}
	made := Image{Name: spec.Name}
	var additions []mutate.IndexAddendum
	for _, architecture := range slices.Sorted(maps.Keys(spec.Programs)) {
		program := spec.Programs[architecture]
		image, bill, err := buildPlatform(spec, architecture, program)
		if err != nil {
			return Image{}, fmt.Errorf("image %s for linux/%s: %w", spec.Name, architecture, err)
		}
		additions = append(additions, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
		made.SBOMs = append(made.SBOMs, bill)
		// The main module is the same for all of them.
		made.Index = mutate.Annotations(empty.Index, spec.labels(program.Info)).(v1.ImageIndex)
	}
	made.Index = mutate.AppendManifests(mutate.IndexMediaType(made.Index, types.OCIImageIndex), additions...)
	return made, nil
}

func buildPlatform(spec Spec, architecture string, program images.Program) (image, bill v1.Image, err error) {
	if err = program.Check(architecture); err != nil {
		return nil, nil, err
	}
	image, err = images.Build(images.Spec{
		BinaryName: spec.Name, Binary: program.Content, Architecture: architecture,
		Labels: spec.labels(program.Info), Compressed: true,
	})
	if err != nil {
		return nil, nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, nil, fmt.Errorf("computing its digest: %w", err)
	}
	document, err := sbom.Build(sbom.Subject{
		Name: spec.Name, Digest: digest.Hex, Architecture: architecture,
		Version: spec.Version, License: licence, Info: program.Info,
	})
	if err != nil {
		return nil, nil, err
	}
	bill, err = refer(image, document, fmt.Sprintf("%s-linux-%s.spdx.json", spec.Name, architecture))
	return image, bill, err
}

// labels are the names that the image specification has for such things.
// Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md
func (s Spec) labels(info *debug.BuildInfo) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.title":       s.Name,
		"org.opencontainers.image.description": s.Description,
		"org.opencontainers.image.version":     s.Version,
		"org.opencontainers.image.revision":    s.Revision,
		"org.opencontainers.image.source":      "https://" + info.Main.Path,
		"org.opencontainers.image.licenses":    licence,
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}
