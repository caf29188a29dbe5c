package nodeimage

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// Load hands the image to a container engine, unless that has it.
func Load(ctx context.Context, engine containerengine.Engine, image Image) error {
	if _, err := engine.Do(ctx, "image", "inspect", image.Reference); err == nil {
		return nil
	}
	if _, err := engine.Do(ctx, "load", "--input", image.File); err != nil {
		return fmt.Errorf("loading the node image into %s: %w", engine.Program, err)
	}
	return nil
}

// writeImage makes an image of one layer, a tar, in the form of `docker save`:
// https://github.com/moby/docker-image-spec/blob/main/v1.2.md
func writeImage(target, reference, layer string) error {
	digest, err := hashFile(layer)
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": []string{"/usr/local/bin/entrypoint", "/sbin/init"},
			"Env":        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=docker"},
			// systemd takes it for a request to stop.
			"StopSignal": "SIGRTMIN+3",
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
	})
	if err != nil {
		return fmt.Errorf("encoding the node image's configuration: %w", err)
	}
	manifest, err := json.Marshal([]any{map[string]any{
		"Config": "config.json", "RepoTags": []string{reference}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return fmt.Errorf("encoding the node image's manifest: %w", err)
	}
	if err := writeImageFiles(target, manifest, config, layer); err != nil {
		return fmt.Errorf("writing the node image: %w", err)
	}
	return nil
}

func writeImageFiles(target string, manifest, config []byte, layer string) error {
	content, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer content.Close()
	info, err := content.Stat()
	if err != nil {
		return err
	}
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(out)
	add := func(name string, size int64) error {
		return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size})
	}
	err = add("manifest.json", int64(len(manifest)))
	if err == nil {
		_, err = archive.Write(manifest)
	}
	if err == nil {
		err = add("config.json", int64(len(config)))
	}
	if err == nil {
		_, err = archive.Write(config)
	}
	if err == nil {
		err = add("layer.tar", info.Size())
	}
	if err == nil {
		_, err = io.Copy(archive, content)
	}
	if err == nil {
		err = archive.Close()
	}
	return errors.Join(err, out.Close())
}

func hashFile(path string) (string, error) {
	hash := sha256.New()
	if err := hashInto(hash, path); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
