package nodeimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// suite is the release of Debian that nodes are made of.
const suite = "bookworm"

// packages are the ones in kind's images/base/Dockerfile that a node without
// network storage needs, and Debian's packages of what kind compiles itself.
var packages = []string{
	"systemd", "conntrack", "iptables", "iproute2", "ethtool", "util-linux", "mount", "kmod", "procps", "jq", "ca-certificates",
	"containerd", "runc", "containernetworking-plugins",
}

// rootfs is the folder of a node's root file system.
type rootfs string

func (r rootfs) path(elem ...string) string {
	return filepath.Join(append([]string{string(r)}, elem...)...)
}

// bootstrap installs Debian.
func (r rootfs) bootstrap(ctx context.Context, mirror string) error {
	_, err := run(ctx, "debootstrap", "--variant=minbase", "--include="+strings.Join(packages, ","), suite, string(r), mirror)
	if err != nil {
		return fmt.Errorf("installing Debian into a node image: %w", err)
	}
	return r.removeAll(
		"var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale",
		// They change settings of the whole machine, such as kernel.pid_max: nodes
		// are privileged, and share its kernel.
		"usr/lib/sysctl.d", "etc/sysctl.conf", "etc/sysctl.d",
		// Services that a container has no use for, as in kind's Dockerfile.
		"lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
		"lib/systemd/system/multi-user.target.wants/*", "etc/systemd/system/*.wants/*",
		"lib/systemd/system/local-fs.target.wants/*", "lib/systemd/system/basic.target.wants/*",
		"lib/systemd/system/sockets.target.wants/*udev*", "lib/systemd/system/sockets.target.wants/*initctl*",
	)
}

// removeAll removes what the patterns match.
func (r rootfs) removeAll(patterns ...string) error {
	for _, pattern := range patterns {
		matches, err := filepath.Glob(r.path(pattern))
		if err != nil {
			return fmt.Errorf("cleaning a node image: %w", err)
		}
		for _, match := range matches {
			if err := os.RemoveAll(match); err != nil {
				return fmt.Errorf("cleaning a node image: %w", err)
			}
		}
	}
	return nil
}

// populate adds everything that does not come from Debian.
func (r rootfs) populate(ctx context.Context, spec Spec) error {
	own, err := fs.Sub(source, "files")
	if err != nil {
		return fmt.Errorf("reading the node's files: %w", err)
	}
	return errors.Join(
		r.copyTree(os.DirFS(filepath.Join(spec.KindModule, "images/base/files"))),
		r.copyTree(own),
		r.install(filepath.Join(spec.Programs, "kubernetes"), "usr/bin/kubernetes"),
		r.install(filepath.Join(spec.Programs, "kubeadm"), "usr/bin/kubeadm"),
		r.link("kubernetes", "usr/bin/kubelet"),
		r.link("kubernetes", "usr/bin/kubectl"),
		r.write("kind/version", spec.KubernetesVersion),
		r.configureContainerd(ctx),
		r.configureSystemd(),
	)
}

// copyTree copies files; those in a folder named bin are programs.
func (r rootfs) copyTree(tree fs.FS) error {
	return fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, path)
		if err != nil {
			return fmt.Errorf("reading the node's file %s: %w", path, err)
		}
		mode := fs.FileMode(0o644)
		if filepath.Base(filepath.Dir(path)) == "bin" {
			mode = 0o755
		}
		return r.writeMode(path, content, mode)
	})
}

func (r rootfs) write(path, content string) error { return r.writeMode(path, []byte(content), 0o644) }

func (r rootfs) writeMode(path string, content []byte, mode fs.FileMode) error {
	target := r.path(path)
	err := os.MkdirAll(filepath.Dir(target), 0o755)
	if err == nil {
		err = os.WriteFile(target, content, mode)
	}
	if err != nil {
		return fmt.Errorf("writing the node's file %s: %w", path, err)
	}
	return nil
}

// install copies a program.
func (r rootfs) install(source, path string) error {
	in, err := os.Open(source)
	if err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	defer in.Close()
	out, err := os.OpenFile(r.path(path), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("installing %s: %w", path, err)
	}
	return nil
}

// link makes path a symbolic link, in place of what is there.
func (r rootfs) link(target, path string) error {
	name := r.path(path)
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.RemoveAll(name)
	}
	if err == nil {
		err = os.Symlink(target, name)
	}
	if err != nil {
		return fmt.Errorf("linking the node's %s: %w", path, err)
	}
	return nil
}

// configureContainerd lets kind's configuration find Debian's programs.
func (r rootfs) configureContainerd(ctx context.Context) error {
	const config = "etc/containerd/config.toml"
	content, err := os.ReadFile(r.path(config))
	if err != nil {
		return fmt.Errorf("reading the node's %s: %w", config, err)
	}
	const lowers, leaves = "restrict_oom_score_adj = false", "restrict_oom_score_adj = true"
	if strings.Count(string(content), lowers) != 1 {
		return fmt.Errorf("kind's %s has no line %q any more", config, lowers)
	}
	// Without CAP_SYS_RESOURCE no process can lower its own score.
	content = []byte(strings.Replace(string(content), lowers, leaves, 1))
	spec, err := run(ctx, "chroot", string(r), "ctr", "oci", "spec")
	if err != nil {
		return fmt.Errorf("asking containerd for its default container: %w", err)
	}
	base, err := buildBaseSpec([]byte(spec))
	if err != nil {
		return err
	}
	return errors.Join(
		r.write(config, string(content)),
		r.write("etc/containerd/cri-base.json", string(base)),
		r.link("/usr/bin/containerd", "usr/local/bin/containerd"),
		r.link("/usr/lib/cni", "opt/cni/bin"),
	)
}

// buildBaseSpec changes containerd's default container as kind does: a hook
// hides the machine's identity, and limits are inherited.
func buildBaseSpec(spec []byte) ([]byte, error) {
	var container map[string]any
	if err := json.Unmarshal(spec, &container); err != nil {
		return nil, fmt.Errorf("reading containerd's default container: %w", err)
	}
	process, ok := container["process"].(map[string]any)
	if !ok {
		return nil, errors.New("containerd's default container has no process")
	}
	delete(process, "rlimits")
	container["hooks"] = map[string]any{
		"createContainer": []any{map[string]any{"path": "/kind/bin/mount-product-files.sh"}},
	}
	return json.Marshal(container)
}

// configureSystemd makes systemd the first process, and lets it start the
// node's services.
func (r rootfs) configureSystemd() error {
	errs := []error{
		r.link("/usr/lib/systemd/systemd", "sbin/init"),
		// It registers with the kernel, for the whole machine.
		r.link("/dev/null", "etc/systemd/system/systemd-binfmt.service"),
		// Without this the node's journal is full of the machine's messages.
		r.write("etc/systemd/journald.conf.d/kind.conf", "[Journal]\nReadKMsg=no\n"),
	}
	for _, service := range []string{"kubelet", "containerd", "undo-mount-hacks", "load-images"} {
		unit := service + ".service"
		errs = append(errs, r.link("/etc/systemd/system/"+unit, "etc/systemd/system/multi-user.target.wants/"+unit))
	}
	return errors.Join(append(errs, os.MkdirAll(r.path("etc/kubernetes/manifests"), 0o755))...)
}
