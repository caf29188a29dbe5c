package localimage

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// WriteTo writes the image as a tar of an OCI image layout
// (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
// containerd takes the manifest from it as it is, so the digest stays ours.
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
			// containerd reads the image's whole name from this annotation.
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
		if err = writeFile(writer, file.name, int64(len(file.data)), bytes.NewReader(file.data)); err != nil {
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
