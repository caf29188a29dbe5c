package release

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is where images are pushed to.
type Registry struct {
	prefix    string
	keychain  authn.Keychain
	transport http.RoundTripper
}

// NewRegistry takes a host with or without a path, such as ghcr.io/team. Names of
// images are appended to it. Credentials come from `docker login` or `podman
// login`.
func NewRegistry(prefix string) (Registry, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if scheme, rest, found := strings.Cut(prefix, "://"); found {
		return Registry{}, fmt.Errorf("registry %q must not begin with %s://; give %s", prefix, scheme, rest)
	}
	host, _, _ := strings.Cut(prefix, "/")
	if !strings.ContainsAny(host, ".:") && host != "localhost" {
		return Registry{}, fmt.Errorf("registry %q begins with no host; give one, such as ghcr.io/%[1]s or, for Docker Hub, docker.io/%[1]s", prefix)
	}
	if _, err := name.NewRepository(prefix + "/image"); err != nil {
		return Registry{}, fmt.Errorf("registry %q: %w", prefix, err)
	}
	return Registry{prefix: prefix, keychain: newKeychain(), transport: remote.DefaultTransport}, nil
}

// tagPattern matches the tags that registries take.
// Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
var tagPattern = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// CheckTag tells whether an image can be called that.
func CheckTag(tag string) error {
	if !tagPattern.MatchString(tag) {
		return fmt.Errorf("tag %q must have 1 to 128 letters, digits and _.-, and not begin with . or -; give TAG=VERSION", tag)
	}
	return nil
}

// Repository is the name of an image in the registry, without tag or digest.
func (r Registry) Repository(image string) string { return r.prefix + "/" + image }

// Check fails if an image cannot be pushed. It asks the registry for permission,
// and pushes nothing.
func (r Registry) Check(ctx context.Context, image string) error {
	repository, err := name.NewRepository(r.Repository(image))
	if err != nil {
		return fmt.Errorf("image %s: %w", image, err)
	}
	// CheckPushPermission takes no context.
	transport := withContext{ctx: ctx, next: r.transport}
	return r.explain(repository, remote.CheckPushPermission(repository.Tag("latest"), r.keychain, transport))
}

type withContext struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t withContext) RoundTrip(request *http.Request) (*http.Response, error) {
	return t.next.RoundTrip(request.WithContext(t.ctx))
}

// Push brings an image to the registry, and returns the reference by its digest.
// The tag is pushed last: when it exists, everything else does.
func (r Registry) Push(ctx context.Context, image Image, tag string) (string, error) {
	repository, err := name.NewRepository(r.Repository(image.Name))
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image.Name, err)
	}
	digest, err := image.Index.Digest()
	if err != nil {
		return "", fmt.Errorf("image %s: computing its digest: %w", image.Name, err)
	}
	pusher, err := remote.NewPusher(remote.WithAuthFromKeychain(r.keychain), remote.WithTransport(r.transport))
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image.Name, err)
	}
	if err := pusher.Push(ctx, repository.Digest(digest.String()), image.Index); err != nil {
		return "", r.explain(repository, err)
	}
	for _, bill := range image.SBOMs {
		if err := pushReferrer(ctx, pusher, repository, bill); err != nil {
			return "", r.explain(repository, err)
		}
	}
	if err := pusher.Put(ctx, repository.Tag(tag), image.Index); err != nil {
		return "", r.explain(repository, err)
	}
	return r.Repository(image.Name) + "@" + digest.String(), nil
}

// pushReferrer pushes the manifest even if the registry has it. For a registry
// without a list of referrers, go-containerregistry keeps one under a tag, and an
// interrupted push may have missed that.
func pushReferrer(ctx context.Context, pusher *remote.Pusher, repository name.Repository, referrer v1.Image) error {
	config, err := partial.ConfigLayer(referrer)
	if err != nil {
		return err
	}
	layers, err := referrer.Layers()
	if err != nil {
		return err
	}
	for _, layer := range append(layers, config) {
		if err = pusher.Upload(ctx, repository, layer); err != nil {
			return err
		}
	}
	digest, err := referrer.Digest()
	if err != nil {
		return err
	}
	return pusher.Put(ctx, repository.Digest(digest.String()), referrer)
}
