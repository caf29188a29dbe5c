package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// answerTimeout bounds how long a program may take to tell its version.
const answerTimeout = 20 * time.Second

// installTimeout bounds the download of the Kubernetes plugin, about 60 MB.
const installTimeout = 5 * time.Minute

// probe looks at what the machine has.
func (t *tree) probe(ctx context.Context, pinned versions) machine {
	m := machine{
		os:              runtime.GOOS,
		clusterProvider: t.clusterProvider(ctx).Provider,
		pulumi:          tool{path: lookOutside(t.bin, "pulumi")},
		kubectl:         tool{path: lookOutside(t.bin, "kubectl")},
	}
	if m.pulumi.path != "" {
		m.pulumi.version = askVersion(ctx, m.pulumi.path, "version")
		m.languageHost = lookBeside(m.pulumi.path, "pulumi-language-go")
	}
	if m.kubectl.path != "" {
		m.kubectl.version = kubectlVersion(ctx, m.kubectl.path)
	}
	if m.clusterProvider == stackcluster.Kind {
		m.nodeImage, m.imageBuilder = pullNodeImage(ctx, pinned.nodeImage), checkImageBuilder()
	}
	if !choosePulumi(m, pinned).build {
		m.plugin = installPlugin(ctx, m.pulumi.path, pinned.pluginSDK)
	}
	return m
}

// lookOutside finds a program on PATH. It ignores the bin folders of this and all
// other work trees.
func lookOutside(bin, name string) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if dir == bin || strings.HasSuffix(dir, stackcluster.BinSuffix) || !filepath.IsAbs(dir) {
			continue
		}
		if path := filepath.Join(dir, name); isExecutable(path) {
			return path
		}
	}
	return ""
}

// lookBeside finds a program in the folder of another. If the other is a link, it
// also looks where that leads: package managers link only some programs into PATH.
func lookBeside(path, name string) string {
	dirs := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		dirs = append(dirs, filepath.Dir(real))
	}
	for _, dir := range dirs {
		if beside := filepath.Join(dir, name); isExecutable(beside) {
			return beside
		}
	}
	return ""
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// askVersion runs the program and returns the first line of its answer, or "".
func askVersion(ctx context.Context, path string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

func kubectlVersion(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "version", "--client", "-o", "json").Output()
	if err != nil {
		return ""
	}
	var answer struct {
		ClientVersion struct {
			GitVersion string `json:"gitVersion"`
		} `json:"clientVersion"`
	}
	if json.Unmarshal(out, &answer) != nil {
		return ""
	}
	return answer.ClientVersion.GitVersion
}

// installPlugin lets the official pulumi install the Kubernetes plugin, as its
// first `pulumi up` would. It returns at once if the plugin is installed.
func installPlugin(ctx context.Context, pulumi, version string) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, pulumi, "plugin", "install", "resource", "kubernetes", version, "--non-interactive")
	cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("no answer within %s", installTimeout)
	}
	if err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		return errors.New(strings.TrimPrefix(line, "error: "))
	}
	return nil
}

// pullNodeImage lets the container engine download a node image, as kind would. It
// returns at once if the engine has the image.
func pullNodeImage(ctx context.Context, image string) error {
	engine, err := containerengine.WithoutOwn().Find(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, containerengine.PullTimeout)
	defer cancel()
	return engine.EnsureImage(ctx, image, func(string) {})
}

// checkImageBuilder returns nil if a node image can be built here. Its error says
// why not.
func checkImageBuilder() error {
	if os.Geteuid() != 0 {
		return errors.New("building one needs root, for its files' owners")
	}
	if _, err := exec.LookPath("debootstrap"); err != nil {
		return errors.New("building one needs debootstrap: run `apt-get install debootstrap`")
	}
	return nil
}
