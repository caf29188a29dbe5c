package nodeimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// kindnetReference is the image in files/kind/manifests/default-cni.yaml.
const kindnetReference = "localhost/gopherlocks/kindnet:latest"

// imageProgram is the program in an image of the control plane, by the last part of
// the image's repository.
var imageProgram = map[string]string{
	"kube-apiserver": "kubernetes", "kube-controller-manager": "kubernetes", "kube-scheduler": "kubernetes",
	"kube-proxy": "kubernetes", "etcd": "etcd", "coredns": "coredns", "pause": "pause", "kindnet": "kindnet",
}

// proxyPackages are the programs that kube-proxy runs, and their libraries.
var proxyPackages = []string{
	"iptables", "conntrack", "libc6", "libip4tc2", "libip6tc2", "libmnl0", "libnetfilter-conntrack3",
	"libnfnetlink0", "libnftnl11", "libxtables12",
}

var sandboxImage = regexp.MustCompile(`(?m)^\s*sandbox_image = "([^"]+)"`)

// controlPlaneImages lists the images that a node must have before it starts.
func (s Spec) controlPlaneImages(ctx context.Context) ([]string, error) {
	list, err := run(ctx, filepath.Join(s.Programs, "kubeadm"), "config", "images", "list", "--kubernetes-version="+s.KubernetesVersion)
	if err != nil {
		return nil, fmt.Errorf("asking kubeadm for its images: %w", err)
	}
	config, err := os.ReadFile(filepath.Join(s.KindModule, "images/base/files/etc/containerd/config.toml"))
	if err != nil {
		return nil, fmt.Errorf("reading containerd's configuration: %w", err)
	}
	match := sandboxImage.FindSubmatch(config)
	if match == nil {
		return nil, errors.New("containerd's configuration names no sandbox_image")
	}
	// kubeadm names another pause image than containerd's configuration.
	references := []string{string(match[1]), kindnetReference}
	for _, reference := range strings.Fields(list) {
		if !strings.Contains(reference, "/pause:") {
			references = append(references, reference)
		}
	}
	return references, nil
}

// addImages puts the images into the node as one archive, which has shared layers
// only once. scratch is a folder to work in.
func (r rootfs) addImages(spec Spec, references []string, scratch string) error {
	archive, err := layout.Write(scratch, empty.Index)
	if err != nil {
		return fmt.Errorf("making the archive of images: %w", err)
	}
	layers := map[string]v1.Layer{}
	for _, reference := range references {
		image, err := r.buildImage(spec, nameOf(reference), layers)
		if err != nil {
			return fmt.Errorf("making the image %s: %w", reference, err)
		}
		// containerd reads the image's whole name from this annotation.
		named := layout.WithAnnotations(map[string]string{"io.containerd.image.name": reference})
		if err := archive.AppendImage(image, named); err != nil {
			return fmt.Errorf("adding the image %s: %w", reference, err)
		}
	}
	if err := writeArchive(scratch, r.path("kind/images.tar")); err != nil {
		return fmt.Errorf("writing the archive of images: %w", err)
	}
	return nil
}

// nameOf returns the last part of a reference without its tag.
func nameOf(reference string) string {
	name, _, _ := strings.Cut(path.Base(reference), ":")
	return name
}

func (r rootfs) buildImage(spec Spec, name string, layers map[string]v1.Layer) (v1.Image, error) {
	program, ok := imageProgram[name]
	if !ok {
		return nil, fmt.Errorf("no program is known that %s is for", name)
	}
	if layers[program] == nil {
		layer, err := programLayer(spec, program)
		if err != nil {
			return nil, err
		}
		layers[program] = layer
	}
	used := []v1.Layer{layers[program]}
	if name == "kube-proxy" {
		layer, err := r.packageLayer(proxyPackages)
		if err != nil {
			return nil, err
		}
		used = append(used, layer)
	}
	image, err := mutate.AppendLayers(
		mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), used...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	config.Config = v1.Config{
		Entrypoint: []string{"/usr/local/bin/" + name},
		Env:        []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin"},
	}
	return mutate.ConfigFile(image, config)
}

// programLayer has a program under its name, and under its other names.
func programLayer(spec Spec, program string) (v1.Layer, error) {
	content, err := os.ReadFile(filepath.Join(spec.Programs, program))
	if err != nil {
		return nil, err
	}
	var layer layerWriter
	layer.file("usr/local/bin/"+program, 0o755, content)
	for name, of := range imageProgram {
		if of == program && name != program {
			layer.symlink("usr/local/bin/"+name, program)
		}
	}
	return layer.close()
}

// packageLayer has the files of installed packages, and Debian's links for old
// names of folders.
func (r rootfs) packageLayer(names []string) (v1.Layer, error) {
	var layer layerWriter
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		layer.symlink(name, "usr/"+name)
	}
	for _, name := range names {
		files, err := r.packageFiles(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := layer.copy(r, file); err != nil {
				return nil, fmt.Errorf("package %s: %w", name, err)
			}
		}
	}
	// The image must use the same variant as the node. The node's is chosen by its
	// rules. Docker writes the first ones, with Debian's default: nft.
	for _, name := range []string{"iptables", "ip6tables"} {
		for _, suffix := range []string{"", "-save", "-restore"} {
			layer.symlink("usr/sbin/"+name+suffix, "xtables-nft-multi")
		}
	}
	return layer.close()
}

// packageFiles lists the programs and libraries of an installed package.
func (r rootfs) packageFiles(name string) ([]string, error) {
	matches, err := filepath.Glob(r.path("var/lib/dpkg/info", name+"*.list"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, match := range matches {
		if base := filepath.Base(match); base != name+".list" && !strings.HasPrefix(base, name+":") {
			continue
		}
		list, err := os.ReadFile(match)
		if err != nil {
			return nil, err
		}
		for file := range strings.Lines(string(list)) {
			file = strings.TrimSpace(file)
			if info, err := os.Stat(r.path(file)); err == nil && info.IsDir() {
				continue // Also a link to one, such as /lib.
			}
			if _, err := os.Lstat(r.path(file)); err != nil || strings.HasPrefix(file, "/usr/share/") || strings.HasPrefix(file, "/etc/") {
				continue
			}
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("package %s, which kube-proxy needs, is not in the node", name)
	}
	return files, nil
}

// layerWriter writes the files of a layer; the first error is that of close.
type layerWriter struct {
	buffer  bytes.Buffer
	archive *tar.Writer
	err     error
}

func (l *layerWriter) add(header *tar.Header, content []byte) {
	if l.archive == nil {
		l.archive = tar.NewWriter(&l.buffer)
	}
	header.ModTime, header.Size = time.Unix(0, 0), int64(len(content))
	if l.err == nil {
		l.err = l.archive.WriteHeader(header)
	}
	if l.err == nil {
		_, l.err = l.archive.Write(content)
	}
}

func (l *layerWriter) file(name string, mode int64, content []byte) {
	l.add(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, content)
}

func (l *layerWriter) symlink(name, target string) {
	l.add(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

// copy adds a file of the root file system, where folders may be links.
func (l *layerWriter) copy(root rootfs, file string) error {
	folder, err := filepath.EvalSymlinks(root.path(filepath.Dir(file)))
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(string(root), folder)
	if err != nil {
		return err
	}
	name := path.Join(relative, path.Base(file))
	info, err := os.Lstat(root.path(name))
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, readErr := os.Readlink(root.path(name))
		if readErr != nil {
			return readErr
		}
		l.symlink(name, target)
		return nil
	}
	content, err := os.ReadFile(root.path(name))
	if err != nil {
		return err
	}
	l.file(name, int64(info.Mode().Perm()), content)
	return nil
}

func (l *layerWriter) close() (v1.Layer, error) {
	if l.err != nil {
		return nil, l.err
	}
	if err := l.archive.Close(); err != nil {
		return nil, err
	}
	// Not compressed: it never leaves the machine.
	return static.NewLayer(l.buffer.Bytes(), types.OCIUncompressedLayer), nil
}

// writeArchive packs a folder into a tar.
func writeArchive(folder, target string) error {
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(out)
	err = archive.AddFS(os.DirFS(folder))
	return errors.Join(err, archive.Close(), out.Close())
}
