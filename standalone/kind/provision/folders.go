package provision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
	"github.com/gopherlocks/gopherlocks/standalone/kind/nodeimage"
)

// Folders are where things are kept.
type Folders struct {
	bin, state, cache string
}

// FindFolders follows the exports of `make env`.
func FindFolders() (Folders, error) {
	bin := os.Getenv(stackcluster.BinVariable)
	if bin == "" {
		return Folders{}, errors.New(stackcluster.BinVariable + ` is not set; run eval "$(make -s env)" first`)
	}
	cache := os.Getenv("GOPHERLOCKS_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Folders{}, fmt.Errorf("finding the cache: %w", err)
		}
		cache = filepath.Join(user, "gopherlocks")
	}
	return Folders{bin: bin, state: filepath.Dir(bin), cache: cache}, nil
}

// Cached returns the folder of the cache for something that is made once.
func (f Folders) Cached(what string) string { return filepath.Join(f.cache, "kind", what) }

// imageSpec is what a node image is built from here.
func (f Folders) imageSpec(ctx context.Context) (nodeimage.Spec, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kind").Output()
	if err != nil {
		return nodeimage.Spec{}, fmt.Errorf("finding kind's module: %w", err)
	}
	version, err := exec.CommandContext(ctx, filepath.Join(f.bin, "kubeadm"), "version", "--output=short").Output()
	if err != nil {
		return nodeimage.Spec{}, fmt.Errorf("asking kubeadm for its version: %w; run `make tools CLUSTER=kind` first", err)
	}
	mirror := os.Getenv("GOPHERLOCKS_DEBIAN_MIRROR")
	if mirror == "" {
		mirror = DefaultMirror
	}
	return nodeimage.Spec{
		Programs: f.bin, KindModule: strings.TrimSpace(string(module)),
		KubernetesVersion: strings.TrimSpace(string(version)), Mirror: mirror,
	}, nil
}

// linkDocker puts Docker's command line into the tools' folder.
func (f Folders) linkDocker(unpacked string) error {
	if err := os.MkdirAll(f.bin, 0o755); err != nil {
		return fmt.Errorf("linking Docker's command line: %w", err)
	}
	if err := f.unlinkDocker(); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(unpacked, "usr/bin/docker"), f.docker()); err != nil {
		return fmt.Errorf("linking Docker's command line: %w", err)
	}
	return os.Setenv("PATH", f.bin+":"+os.Getenv("PATH"))
}

// unlinkDocker removes it: without its engine it would look like an engine that is
// stopped.
func (f Folders) unlinkDocker() error {
	if err := os.Remove(f.docker()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing the link to Docker's command line: %w", err)
	}
	return nil
}

func (f Folders) docker() string { return filepath.Join(f.bin, "docker") }
