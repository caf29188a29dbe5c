package release

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// SBOMType is the media type of an SBOM. Registries list it as the type of a
// referrer of an image.
// Source: https://www.iana.org/assignments/media-types/application/spdx+json
const SBOMType = "application/spdx+json"

// emptyType is the type of the empty configuration, for a manifest that is no
// image.
// Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor
const emptyType types.MediaType = "application/vnd.oci.empty.v1+json"

var emptyContent = []byte("{}")

// referrer is a manifest about another manifest. Its only layer is a document.
type referrer struct {
	manifest []byte
	document v1.Layer
}

var _ partial.CompressedImageCore = referrer{}

// refer attaches a document to an image.
func refer(image v1.Image, document []byte, fileName string) (v1.Image, error) {
	subject, err := partial.Descriptor(image)
	if err != nil {
		return nil, fmt.Errorf("describing the image: %w", err)
	}
	// It is the type of the image's configuration, which means nothing here.
	subject.ArtifactType = ""
	layer, err := partial.Descriptor(static.NewLayer(document, SBOMType))
	if err != nil {
		return nil, fmt.Errorf("describing the SBOM: %w", err)
	}
	layer.Annotations = map[string]string{"org.opencontainers.image.title": fileName}
	config, err := partial.Descriptor(static.NewLayer(emptyContent, emptyType))
	if err != nil {
		return nil, fmt.Errorf("describing an empty configuration: %w", err)
	}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		ArtifactType:  SBOMType,
		Config:        *config,
		Layers:        []v1.Descriptor{*layer},
		Subject:       subject,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the manifest of the SBOM: %w", err)
	}
	return partial.CompressedToImage(referrer{manifest: manifest, document: static.NewLayer(document, SBOMType)})
}

// RawConfigFile is the content of the empty configuration.
func (r referrer) RawConfigFile() ([]byte, error) { return emptyContent, nil }

// MediaType is the same for all manifests.
func (r referrer) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// RawManifest is the manifest as it is pushed.
func (r referrer) RawManifest() ([]byte, error) { return r.manifest, nil }

// LayerByDigest has the document.
func (r referrer) LayerByDigest(hash v1.Hash) (partial.CompressedLayer, error) {
	if digest, err := r.document.Digest(); err != nil || digest != hash {
		return nil, fmt.Errorf("the SBOM's manifest has no layer %s", hash)
	}
	return r.document, nil
}
