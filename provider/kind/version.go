package kind

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/kubeversion"
)

// DefaultNodeImage is the one of the kind that our plugin is made with.
const DefaultNodeImage = "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5"

// ImageOfVersion returns the released node image of a version of Kubernetes,
// such as v1.37.0 or 1.37.0.
func ImageOfVersion(version string) (string, error) {
	if err := CheckVersion(version); err != nil {
		return "", err
	}
	version = "v" + strings.TrimPrefix(version, "v")
	if tag := "kindest/node:" + version; strings.HasPrefix(DefaultNodeImage, tag+"@") {
		return DefaultNodeImage, nil
	} else if strings.Count(version, ".") < 2 {
		return "", fmt.Errorf("version %q has no patch version, and node images are released for those only, such as %s: "+
			"https://github.com/kubernetes-sigs/kind/releases lists them", version, imageTag(DefaultNodeImage))
	} else {
		return tag, nil
	}
}

var versionPattern = regexp.MustCompile(`^v?1\.\d+(\.\d+)?([-+].*)?$`)

// CheckVersion refuses versions of Kubernetes that are too old.
func CheckVersion(version string) error {
	if !versionPattern.MatchString(version) {
		return fmt.Errorf("%q is not a version of Kubernetes such as v1.37.0", version)
	}
	return kubeversion.Check(version)
}

// checkImage refuses an image if its tag says that it is too old. If the tag is no
// version, the image itself is asked before nodes are made from it.
func checkImage(image string) error {
	if tag := imageTag(image); versionPattern.MatchString(tag) {
		return CheckVersion(tag)
	}
	return nil
}

// imageTag returns the tag of REPOSITORY[:TAG][@DIGEST], or "".
func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	last := image[strings.LastIndex(image, "/")+1:]
	_, tag, _ := strings.Cut(last, ":")
	return tag
}
