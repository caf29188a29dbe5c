package dockerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packages are dockerd's parts. containerd, runc and iptables are missing here:
// they are installed, since the embedded cluster needs them too. Installing
// docker.io would start a daemon, and make a group.
var packages = []string{"docker.io", "libdevmapper1.02.1", "tini"}

// Unpack returns a folder with the programs of Debian's docker.io, which it
// downloads and unpacks below the folder cache when it is not there yet.
func Unpack(ctx context.Context, cache string) (string, error) {
	version, err := candidateVersion(ctx)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, version)
	if _, err = os.Stat(folder); err == nil {
		return folder, nil
	}
	if err = os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("making the cache of Docker: %w", err)
	}
	work, err := os.MkdirTemp(cache, ".unpack-*")
	if err != nil {
		return "", fmt.Errorf("making a folder to unpack into: %w", err)
	}
	defer os.RemoveAll(work)
	// apt-get downloads into the working folder.
	if _, err = run(ctx, work, "apt-get", append([]string{"-q", "download"}, packages...)...); err != nil {
		return "", fmt.Errorf("downloading Debian's Docker: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(files) != len(packages) {
		return "", fmt.Errorf("downloading Debian's Docker: got %q for %q (%w)", files, packages, err)
	}
	root := filepath.Join(work, "root")
	for _, file := range files {
		if _, err := run(ctx, work, "dpkg-deb", "--extract", file, root); err != nil {
			return "", fmt.Errorf("unpacking Debian's Docker: %w", err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		return "", fmt.Errorf("unpacking Debian's Docker: %w", err)
	}
	if err := os.Rename(root, folder); err != nil {
		return "", fmt.Errorf("publishing a cache entry: %w", err)
	}
	return folder, nil
}

// candidateVersion is the version of docker.io that apt would install, as the
// name of a folder.
func candidateVersion(ctx context.Context) (string, error) {
	policy, err := run(ctx, "", "apt-cache", "policy", packages[0])
	if err != nil {
		return "", fmt.Errorf("asking for Debian's Docker: %w", err)
	}
	for line := range strings.Lines(policy) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "Candidate: "); ok && version != "(none)" {
			return strings.ReplaceAll(version, ":", "_"), nil
		}
	}
	return "", fmt.Errorf("apt knows no package %s; run `apt-get update`", packages[0])
}

func run(ctx context.Context, dir, program string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Dir, command.Env = dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	output, err := command.Output()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", program, err)
	}
	return string(output), nil
}
