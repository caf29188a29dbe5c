package kind

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// versionFile is where a node image says its version of Kubernetes.
const versionFile = "/kind/version"

// PullImage makes sure that a container engine has a node image.
func PullImage(ctx context.Context, on containerengine.Engine, image string, progress Progress) error {
	return engine{Engine: on}.ensureImage(ctx, image, progress)
}

// ensureImages makes sure that the engine has the nodes' images, and that they
// are node images that are new enough.
func (e engine) ensureImages(ctx context.Context, config *v1alpha4.Cluster, progress Progress) error {
	var checked []string
	for _, node := range config.Nodes {
		if slices.Contains(checked, node.Image) {
			continue
		}
		checked = append(checked, node.Image)
		if err := e.ensureImage(ctx, node.Image, progress); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) ensureImage(ctx context.Context, image string, progress Progress) error {
	if _, err := e.Do(ctx, "image", "inspect", image); err != nil {
		progress("pulling the node image " + image)
		if _, err := e.Do(ctx, "pull", "--quiet", image); err != nil {
			return explainPull(e.Program, image, err)
		}
	}
	version, err := e.readVersion(ctx, image)
	if err != nil {
		return fmt.Errorf("%s is no node image of kind: it has no file %s. Take one of "+
			"https://github.com/kubernetes-sigs/kind/releases: %w", image, versionFile, err)
	}
	if err := CheckVersion(strings.TrimSpace(version)); err != nil {
		return fmt.Errorf("node image %s: %w", image, err)
	}
	return nil
}

// readVersion reads the file of the version out of an image. It is not to be
// interrupted: an engine's program that is killed between making a container and
// starting it leaves it behind.
func (e engine) readVersion(ctx context.Context, image string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return e.Do(ctx, "run", "--rm", "--network=none", "--entrypoint=cat", image, versionFile)
}

// explainPull turns what a failed pull has said into the next step.
func explainPull(program, image string, err error) error {
	text := strings.ToLower(err.Error())
	contains := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
	}
	var next string
	switch {
	case contains("toomanyrequests", "rate limit"):
		next = fmt.Sprintf("the registry refuses more downloads for now: `%s login`, or try again later", program)
	case contains("manifest unknown", "not found", "repository does not exist", "access denied", "unauthorized"):
		next = "there is no such image, or it is not public: https://github.com/kubernetes-sigs/kind/releases lists the node images"
	case contains("no space left"):
		next = fmt.Sprintf("the disk is full: `%s system df` shows what could go", program)
	default:
		next = fmt.Sprintf("the registry cannot be reached: check the network and the proxy, or load the image from a file with "+
			"`%s load`, or name one with nodeImage that `%s images` lists", program, program)
	}
	return fmt.Errorf("node image %s cannot be had: %s: %w", image, next, err)
}
