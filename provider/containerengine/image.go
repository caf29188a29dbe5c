package containerengine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// PullTimeout bounds the download of kind's node image, about 400 MB, if another
// image can take its place.
const PullTimeout = 15 * time.Minute

// EnsureImage makes sure that the engine has a node image. progress is told of a
// download. Its error says what to do next.
func (e Engine) EnsureImage(ctx context.Context, image string, progress func(message string)) error {
	image = e.Reference(image)
	if _, err := e.Do(ctx, "image", "inspect", image); err == nil {
		return nil
	}
	progress("pulling the node image " + image)
	if _, err := e.Do(ctx, "pull", "--quiet", image); err != nil {
		return explainPull(e.Program, image, err)
	}
	return nil
}

// Reference is the name by which the engine knows an image. The other engines and
// kind look for a name without a registry on Docker Hub. Podman asks which registry
// is meant, and fails without a terminal.
func (e Engine) Reference(image string) string {
	first, _, hasPath := strings.Cut(image, "/")
	switch {
	case e.Program != "podman", hasPath && (strings.ContainsAny(first, ".:") || first == "localhost"):
		return image
	case hasPath:
		return "docker.io/" + image
	default:
		return "docker.io/library/" + image
	}
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
	case contains("manifest unknown", "not found", "repository does not exist", "access denied", "access to the resource is denied", "unauthorized"):
		next = "there is no such image, or it is not public: https://github.com/kubernetes-sigs/kind/releases lists the node images"
	case contains("no space left"):
		next = fmt.Sprintf("the disk is full: `%s system df` shows what could go", program)
	default:
		next = fmt.Sprintf("the registry cannot be reached: check the network and the proxy, or load the image from a file with "+
			"`%s load`, or name one with nodeImage that `%s images` lists", program, program)
	}
	return fmt.Errorf("node image %s is not available: %s: %w", image, next, err)
}
