package kind

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// versionFile is where a node image says its version of Kubernetes.
const versionFile = "/kind/version"

// EnsureImage makes sure that a container engine has a node image, that it is one,
// and that it is new enough.
func EnsureImage(ctx context.Context, on containerengine.Engine, image string, progress Progress) error {
	if err := on.EnsureImage(ctx, image, progress); err != nil {
		return err
	}
	version, err := readVersion(ctx, on, image)
	if err != nil {
		return fmt.Errorf("%s is no node image of kind: it has no file %s. Take one of "+
			"https://github.com/kubernetes-sigs/kind/releases: %w", image, versionFile, err)
	}
	if err := CheckVersion(strings.TrimSpace(version)); err != nil {
		return fmt.Errorf("node image %s: %w", image, err)
	}
	return nil
}

// ensureImages does that for all nodes.
func (e engine) ensureImages(ctx context.Context, config *v1alpha4.Cluster, progress Progress) error {
	var checked []string
	for _, node := range config.Nodes {
		if slices.Contains(checked, node.Image) {
			continue
		}
		checked = append(checked, node.Image)
		if err := EnsureImage(ctx, e.Engine, node.Image, progress); err != nil {
			return err
		}
	}
	return nil
}

// readVersion reads the file of the version out of an image. It is not to be
// interrupted: an engine's program that is killed between making a container and
// starting it leaves it behind.
func readVersion(ctx context.Context, on containerengine.Engine, image string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return on.Do(ctx, "run", "--rm", "--network=none", "--entrypoint=cat", on.Reference(image), versionFile)
}

// SameImage says whether two references are of one image: engines complete the name
// that a container was made by, and kind takes the tag off for Podman where there is
// a digest.
func SameImage(a, b string) bool {
	repositoryA, tagA, digestA, errA := splitReference(a)
	repositoryB, tagB, digestB, errB := splitReference(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return repositoryA == repositoryB && digestA == digestB && (digestA != "" || tagA == tagB)
}

func splitReference(image string) (repository, tag, digest string, err error) {
	named, digest, _ := strings.Cut(image, "@")
	parsed, err := name.NewTag(named)
	return parsed.Repository.Name(), parsed.TagStr(), digest, err
}
