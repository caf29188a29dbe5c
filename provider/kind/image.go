package kind

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// versionFile is where a node image says its version of Kubernetes.
const versionFile = "/kind/version"

// askImage prints which control groups the nodes find that the image is run as, and
// then the version: the last, since released images have no line break behind it.
// Where the hierarchies of version 2 are mounted as one, this file is in its root.
const askImage = "if test -e " + unifiedFile + "; then echo " + cgroupV2 + "; else echo " + cgroupV1 + "; fi && cat " + versionFile

const (
	unifiedFile = "/sys/fs/cgroup/cgroup.controllers"
	cgroupV1    = "cgroup"
	cgroupV2    = "cgroup2"
)

// EnsureImage makes sure that a container engine has a node image, that it is one,
// and that it is new enough.
func EnsureImage(ctx context.Context, on containerengine.Engine, image string, progress Progress) error {
	_, err := ensureImage(ctx, on, image, progress)
	return err
}

// withoutCgroupV1 is the first version of Kubernetes whose kubelet refuses control
// groups of version 1, unless it is told otherwise.
// Source: https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/5573-remove-cgroup-v1
var withoutCgroupV1 = version.MustParseGeneric("1.35")

// ensureImage does that, and says whether kubelet of the image has to be told to
// take the control groups that it will find.
func ensureImage(ctx context.Context, on containerengine.Engine, image string, progress Progress) (onCgroupV1 bool, err error) {
	if err = on.EnsureImage(ctx, image, progress); err != nil {
		return false, err
	}
	answer, err := askAbout(ctx, on, image)
	if err != nil {
		return false, fmt.Errorf("%s is no node image of kind: it has no file %s. Take one of "+
			"https://github.com/kubernetes-sigs/kind/releases: %w", image, versionFile, err)
	}
	cgroups, says, _ := strings.Cut(answer, "\n")
	says = strings.TrimSpace(says)
	if err = CheckVersion(says); err != nil {
		return false, fmt.Errorf("node image %s: %w", image, err)
	}
	parsed, err := version.ParseGeneric(says)
	if err != nil {
		return false, fmt.Errorf("node image %s: %w", image, err)
	}
	return cgroups == cgroupV1 && parsed.AtLeast(withoutCgroupV1), nil
}

// ensureImages does that for all nodes.
func (e engine) ensureImages(ctx context.Context, config *v1alpha4.Cluster, progress Progress) (onCgroupV1 bool, err error) {
	checked := map[string]bool{}
	for _, node := range config.Nodes {
		if checked[node.Image] {
			continue
		}
		checked[node.Image] = true
		v1, err := ensureImage(ctx, e.Engine, node.Image, progress)
		if err != nil {
			return false, err
		}
		onCgroupV1 = onCgroupV1 || v1
	}
	return onCgroupV1, nil
}

// askAbout runs askImage in an image. It is not to be interrupted: an engine's
// program that is killed between making a container and starting it leaves it
// behind.
func askAbout(ctx context.Context, on containerengine.Engine, image string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return on.Do(ctx, "run", "--rm", "--network=none", "--entrypoint=sh", on.Reference(image), "-c", askImage)
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
