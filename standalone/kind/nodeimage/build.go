// Package nodeimage builds a node image of kind on a machine that reaches no
// registry. It is made of Debian packages, kind's own files from its Go module, and
// programs that were compiled from Go modules.
//
// kind's released images are made in the same way (images/base and
// pkg/build/nodeimage of sigs.k8s.io/kind). Here containerd, runc and the CNI
// plugins are Debian's. The images of the control plane are made here too, and
// loaded when the node starts. Package kindnet is the network. Nothing asks for
// CAP_SYS_RESOURCE, which some machines lack.
package nodeimage

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gopherlocks/gopherlocks/provider/flock"
)

// repository is the name of node images without tag.
const repository = "localhost/gopherlocks/kind-node"

// Programs are the files that Spec.Programs must have.
var Programs = []string{"kubernetes", "kubeadm", "etcd", "coredns", "pause", "kindnet"}

// Spec is what a node image is made from.
type Spec struct {
	// Programs is the folder of Programs.
	Programs string
	// KindModule is the folder of the Go module sigs.k8s.io/kind.
	KindModule string
	// KubernetesVersion is the programs' version, such as v1.37.2.
	KubernetesVersion string
	// Mirror is the URL of a mirror of Debian.
	Mirror string
}

// Image is a node image in a file.
type Image struct {
	// Reference is its name, with a tag that follows from what it is made from.
	Reference string
	// File is an archive for `docker load`.
	File string
}

// source is this package's own source, which also decides about the image.
//
//go:embed *.go files
var source embed.FS

// Build returns the image of spec, and makes it unless it lies in the folder
// cache already. progress is told each step.
func Build(ctx context.Context, spec Spec, cache string, progress func(step string)) (Image, error) {
	key, err := spec.key()
	if err != nil {
		return Image{}, err
	}
	image := Image{
		Reference: fmt.Sprintf("%s:%s-%s", repository, spec.KubernetesVersion, key),
		File:      filepath.Join(cache, key, "node.tar"),
	}
	if isThere(image.File) {
		return image, nil
	}
	if os.Geteuid() != 0 {
		return Image{}, errors.New("building a node image needs root, for its files' owners")
	}
	// On a machine with a working engine debootstrap was not installed: it usually
	// gets a released image.
	if _, err = exec.LookPath("debootstrap"); err != nil {
		return Image{}, errors.New("building a node image needs debootstrap: run `apt-get install debootstrap`, " +
			"or let the container engine reach the registry of the released image")
	}
	if err = os.MkdirAll(cache, 0o755); err != nil {
		return Image{}, fmt.Errorf("making the cache of node images: %w", err)
	}
	// What others have begun is removed below, so no other run may still work on
	// it.
	lock, err := flock.AcquireTelling(ctx, filepath.Join(cache, ".lock"), func() { progress("waiting for another run that builds one") })
	if err != nil {
		return Image{}, err
	}
	defer func() { _ = lock.Release() }() // A file that cannot be removed is used again.
	if isThere(image.File) {
		return image, nil
	}
	work, err := os.MkdirTemp(cache, ".build-*")
	if err != nil {
		return Image{}, fmt.Errorf("making a folder to build in: %w", err)
	}
	defer os.RemoveAll(work)
	if err := spec.build(ctx, work, image.Reference, progress); err != nil {
		return Image{}, err
	}
	if err := os.MkdirAll(filepath.Dir(image.File), 0o755); err != nil {
		return Image{}, fmt.Errorf("making a cache entry: %w", err)
	}
	if err := os.Rename(filepath.Join(work, "node.tar"), image.File); err != nil {
		return Image{}, fmt.Errorf("publishing a cache entry: %w", err)
	}
	if err := keepOnly(cache, key); err != nil {
		// An error only costs room on the disk; the image is there.
		progress(err.Error())
	}
	return image, nil
}

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// keepOnly removes all images except one, and what interrupted builds have left.
// Images are large, and made in a minute.
func keepOnly(cache, kept string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return fmt.Errorf("pruning the cache of node images: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		if entry.Name() == kept || !entry.IsDir() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(cache, entry.Name())); err != nil {
			errs = append(errs, fmt.Errorf("an earlier build stays in the cache: %w", err))
		}
	}
	return errors.Join(errs...)
}

// key is a hash of all that the image is made from. Versions of Debian's packages
// are left out: the build takes the current ones.
func (s Spec) key() (string, error) {
	hash := sha256.New()
	for _, name := range Programs {
		fmt.Fprintf(hash, "program %s\n", name)
		if err := hashInto(hash, filepath.Join(s.Programs, name)); err != nil {
			return "", fmt.Errorf("%w; run `make tools CLUSTER=kind` first", err)
		}
	}
	// A module's folder has its version in its name, and never changes.
	fmt.Fprintf(hash, "kind %s\nversion %s\n", filepath.Base(s.KindModule), s.KubernetesVersion)
	err := fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := source.ReadFile(path)
		fmt.Fprintf(hash, "source %s %x\n", path, sha256.Sum256(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing the recipe: %w", err)
	}
	const length = 12
	return hex.EncodeToString(hash.Sum(nil))[:length], nil
}

func hashInto(hash io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("hashing a program of the node: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("hashing %s: %w", path, err)
	}
	return nil
}

// build leaves the image in the folder work, as node.tar.
func (s Spec) build(ctx context.Context, work, reference string, progress func(string)) error {
	root := rootfs(filepath.Join(work, "rootfs"))
	progress("installing Debian")
	if err := root.bootstrap(ctx, s.Mirror); err != nil {
		return err
	}
	progress("adding kind's files and the programs")
	if err := root.populate(ctx, s); err != nil {
		return err
	}
	progress("making the images of the control plane")
	references, err := s.controlPlaneImages(ctx)
	if err != nil {
		return err
	}
	if err := root.addImages(s, references, filepath.Join(work, "images")); err != nil {
		return err
	}
	progress("packing the node image")
	layer := filepath.Join(work, "layer.tar")
	if _, err := run(ctx, "tar", "--numeric-owner", "--sort=name", "-C", string(root), "-cf", layer, "."); err != nil {
		return err
	}
	return writeImage(filepath.Join(work, "node.tar"), reference, layer)
}

// run runs a program and returns its standard output. Its mounts and the processes
// that it starts end with it, even if it is killed.
func run(ctx context.Context, program string, args ...string) (string, error) {
	var stderr strings.Builder
	command := exec.CommandContext(ctx, program, args...)
	command.Stderr = &stderr
	confine(command)
	output, err := command.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w: on Debian, `apt-get install %s`", err, program)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, lastLines(stderr.String()+string(output)))
	}
	return string(output), nil
}

func lastLines(text string) string {
	const shown = 10
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-shown):], "\n")
}
