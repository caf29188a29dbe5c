// Package provision decides what clusters of kind on this machine run on, and
// provides it: the machine's container engine and a released node image where
// they are to be had, else an engine and an image made here.
package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/kind"
	"github.com/gopherlocks/gopherlocks/toolchain/kind/dockerd"
	"github.com/gopherlocks/gopherlocks/toolchain/kind/nodeimage"
)

// result is what a cluster of kind on this machine runs on. The zero value
// is all official: the machine's own engine, and a released node image.
type result struct {
	// DockerHost reaches the engine that was started for want of another.
	DockerHost string `json:"dockerHost,omitempty"`
	// NodeImage was built for want of a registry.
	NodeImage string `json:"nodeImage,omitempty"`
}

// EngineDir is the folder of the engine that is started for want of another.
const EngineDir = "/var/lib/gopherlocks-docker"

// answerTimeout bounds how long an engine may take to say that it works.
const answerTimeout = 20 * time.Second

// pullTimeout bounds the download of a released node image, about 400 MB.
const pullTimeout = 15 * time.Minute

// DefaultMirror is where Debian's packages come from.
const DefaultMirror = "http://deb.debian.org/debian"

// Up provides what is missing, and says in one line each which it took.
func Up(ctx context.Context, folders Folders) error {
	var p result
	engine := dockerd.Engine{Dir: EngineDir}
	if os.Getenv("DOCKER_HOST") == engine.Host() {
		// Of an earlier run: the engine is still not the machine's own.
		if err := os.Unsetenv("DOCKER_HOST"); err != nil {
			return err
		}
	}
	if err := engineWorks(ctx); err == nil {
		fmt.Println("container engine: using the one of this machine")
	} else {
		fmt.Printf("container engine: none that works (%v); using Debian's Docker, unpacked, in %s\n", err, EngineDir)
		unpacked, err := dockerd.Unpack(ctx, folders.Cached("docker"))
		if err != nil {
			return err
		}
		if err := linkDocker(unpacked, folders.bin); err != nil {
			return err
		}
		if err := engine.Start(ctx, unpacked); err != nil {
			return err
		}
		p.DockerHost = engine.Host()
		if err := os.Setenv("DOCKER_HOST", p.DockerHost); err != nil {
			return err
		}
	}
	image, err := provideImage(ctx, folders)
	if err != nil {
		return err
	}
	p.NodeImage = image
	return folders.save(p)
}

// NodeImage provides a node image on the engine that works, and returns its
// reference.
func NodeImage(ctx context.Context, folders Folders) (string, error) {
	built, err := provideImage(ctx, folders)
	if built == "" && err == nil {
		return kind.DefaultNodeImage, nil
	}
	return built, err
}

// provideImage returns the reference of an image that was built, or "" where
// the released one is to be had.
func provideImage(ctx context.Context, folders Folders) (string, error) {
	pullCtx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	err := kind.PullImage(pullCtx, kind.DefaultNodeImage, func(message string) { fmt.Println("node image: " + message) })
	if err == nil {
		fmt.Println("node image: using " + kind.DefaultNodeImage)
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	fmt.Println("node image: the released one cannot be had; using one made of Debian packages and Go modules")
	return buildAndLoad(ctx, folders)
}

func buildAndLoad(ctx context.Context, folders Folders) (string, error) {
	spec, err := folders.imageSpec(ctx)
	if err != nil {
		return "", err
	}
	image, err := nodeimage.Build(ctx, spec, folders.Cached("node"), func(step string) { fmt.Println("node image: " + step) })
	if err != nil {
		return "", err
	}
	if err := nodeimage.Load(ctx, image); err != nil {
		return "", err
	}
	return image.Reference, nil
}

// Down removes the engine that Up has started, unless it has containers: those
// may be another stack's.
func Down(ctx context.Context, folders Folders) error {
	engine := dockerd.Engine{Dir: EngineDir}
	if busy, err := engine.Busy(ctx); err != nil {
		return err
	} else if busy {
		fmt.Printf("container engine: kept, there are containers in it; `DOCKER_HOST=%s docker ps --all` lists them\n", engine.Host())
		return nil
	}
	unpacked, err := dockerd.Unpack(ctx, folders.Cached("docker"))
	if err != nil {
		return err
	}
	if err := engine.Stop(ctx, unpacked); err != nil {
		return err
	}
	return folders.save(result{})
}

// engineWorks says why the engine that kind would take does not work.
func engineWorks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	return kind.CheckEngine(ctx)
}

// linkDocker puts Docker's command line into the tools' folder, unless the
// machine has one.
func linkDocker(unpacked, bin string) error {
	if _, err := exec.LookPath("docker"); err == nil {
		return nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("linking Docker's command line: %w", err)
	}
	target := filepath.Join(bin, "docker")
	if err := os.Symlink(filepath.Join(unpacked, "usr/bin/docker"), target); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("linking Docker's command line: %w", err)
	}
	return os.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

// Folders are where things are kept.
type Folders struct {
	bin, state, cache string
}

// FindFolders follows the exports of `make env`.
func FindFolders() (Folders, error) {
	bin := os.Getenv("GOPHERLOCKS_BIN")
	if bin == "" {
		return Folders{}, errors.New(`GOPHERLOCKS_BIN is not set; run eval "$(make -s env)" first`)
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

// Cached returns the folder of the cache for what is made once.
func (f Folders) Cached(what string) string { return filepath.Join(f.cache, "kind", what) }

// save leaves the provision for `make env` to export.
func (f Folders) save(p result) error {
	content, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding what was provided: %w", err)
	}
	if err := os.WriteFile(filepath.Join(f.state, "kind.json"), append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("noting what was provided: %w", err)
	}
	return nil
}

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
