package release

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/gopherlocks/gopherlocks/images"
)

// fake is a program that was never compiled.
func fake(architecture string) images.Program {
	return images.Program{
		Content: []byte("\x7fELF for " + architecture),
		Info: &debug.BuildInfo{
			GoVersion: "go1.26.8", Path: "example.org/team/cmd/app", Main: debug.Module{Path: "example.org/team", Version: "(devel)"},
			Deps: []*debug.Module{{Path: "example.org/for-" + architecture, Version: "v1.0.0", Sum: "h1:abc="}},
			Settings: []debug.BuildSetting{
				{Key: "CGO_ENABLED", Value: "0"}, {Key: "GOARCH", Value: architecture}, {Key: "GOOS", Value: "linux"},
			},
		},
	}
}

func newSpec() Spec {
	return Spec{
		Name: "app", Description: "An app", Version: "v1", Revision: "0123",
		Programs: map[string]images.Program{"amd64": fake("amd64"), "arm64": fake("arm64")},
	}
}

func build(t *testing.T, spec Spec) Image {
	t.Helper()
	image, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digestOf(t *testing.T, described interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := described.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// serve runs a registry in memory until the test ends, and returns its address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	moveHome(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func silent() registry.Option { return registry.Logger(log.New(io.Discard, "", 0)) }

func newRegistry(t *testing.T, prefix string) Registry {
	t.Helper()
	r, err := NewRegistry(prefix)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func push(t *testing.T, r Registry, image Image, tag string) name.Digest {
	t.Helper()
	if err := r.Check(t.Context(), image.Name); err != nil {
		t.Fatal(err)
	}
	reference, err := r.Push(t.Context(), image, tag)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := name.NewDigest(reference)
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestPushedImageRunsOnEveryPlatform(t *testing.T) {
	r := newRegistry(t, serve(t, registry.New(silent()))+"/team")
	image := build(t, newSpec())
	digest := push(t, r, image, "v1")
	if digest.DigestStr() != digestOf(t, image.Index) || digest.Context().RepositoryStr() != "team/app" {
		t.Errorf("pushed %s, want %s in team/app", digest, digestOf(t, image.Index))
	}
	tagged, err := remote.Index(digest.Context().Tag("v1"))
	if err != nil {
		t.Fatal(err)
	}
	if got := digestOf(t, tagged); got != digest.DigestStr() {
		t.Errorf("the tag is at %s, and what was pushed is %s", got, digest)
	}
	// All that it refers to exists and matches its digest.
	if err = validate.Index(tagged); err != nil {
		t.Error(err)
	}
	manifest, err := tagged.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{
		"org.opencontainers.image.title": "app", "org.opencontainers.image.description": "An app",
		"org.opencontainers.image.version": "v1", "org.opencontainers.image.revision": "0123",
		"org.opencontainers.image.source": "https://example.org/team", "org.opencontainers.image.licenses": "Apache-2.0",
	}
	if manifest.MediaType != types.OCIImageIndex || !maps.Equal(manifest.Annotations, labels) {
		t.Errorf("the index is %+v", manifest)
	}
	var platforms []string
	for _, described := range manifest.Manifests {
		platforms = append(platforms, described.Platform.String())
		// As a node finds it.
		pulled, err := remote.Image(digest, remote.WithPlatform(*described.Platform))
		if err != nil {
			t.Fatal(err)
		}
		config, err := pulled.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.OS != "linux" || config.Architecture != described.Platform.Architecture {
			t.Errorf("the image for %s is for %s/%s", described.Platform, config.OS, config.Architecture)
		}
		if c := config.Config; c.User != images.DefaultUser || !slices.Equal(c.Entrypoint, []string{"/app"}) || !maps.Equal(c.Labels, labels) {
			t.Errorf("the configuration is %+v", c)
		}
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("the platforms are %q", platforms)
	}
}

// TestSBOMOfEachPlatformIsFoundInTheRegistry tries a registry that lists referrers
// of an image, and one that has a tag instead.
func TestSBOMOfEachPlatformIsFoundInTheRegistry(t *testing.T) {
	for _, lists := range []bool{true, false} {
		t.Run(fmt.Sprintf("lists referrers %t", lists), func(t *testing.T) {
			r := newRegistry(t, serve(t, registry.New(silent(), registry.WithReferrersSupport(lists))))
			digest := push(t, r, build(t, newSpec()), "v1")
			push(t, r, build(t, newSpec()), "v1") // Once more: there is still one.
			index, err := remote.Index(digest)
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			for _, platform := range manifest.Manifests {
				document := sbomOf(t, digest.Context(), platform.Digest)
				var modules []string
				for _, p := range document.Packages[3:] {
					modules = append(modules, p.PackageName)
				}
				if !slices.Equal(modules, []string{"example.org/for-" + platform.Platform.Architecture}) {
					t.Errorf("the SBOM of %s is about %q", platform.Platform, modules)
				}
				if got := document.Packages[0].PackageChecksums[0].Value; got != platform.Digest.Hex {
					t.Errorf("the SBOM of %s is about image %s", platform.Digest, got)
				}
			}
		})
	}
}

// sbomOf finds the SBOM of an image as other programs do.
func sbomOf(t *testing.T, repository name.Repository, image v1.Hash) v2_3.Document {
	t.Helper()
	referrers, err := remote.Referrers(repository.Digest(image.String()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Manifests) != 1 {
		t.Fatalf("%d manifests refer to %s, want 1", len(list.Manifests), image)
	}
	found, err := remote.Image(repository.Digest(list.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := found.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	// Read from the manifest: in the list, go-containerregistry's registry has
	// another type.
	if manifest.ArtifactType != "application/spdx+json" || manifest.Subject == nil || manifest.Subject.Digest != image || len(manifest.Layers) != 1 {
		t.Fatalf("the manifest is %+v", manifest)
	}
	layer, err := found.LayerByDigest(manifest.Layers[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var document v2_3.Document
	if err := json.ReadInto(content, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// TestPushGoesOnWhereItWasInterrupted: the manifest of an SBOM exists, but not the
// tag that leads to it.
func TestPushGoesOnWhereItWasInterrupted(t *testing.T) {
	var lost string
	memory := registry.New(silent())
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/manifests/sha256-") && lost == "" {
			lost = request.URL.Path
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		memory.ServeHTTP(w, request)
	}))
	r, image := newRegistry(t, address), build(t, newSpec())
	if _, err := r.Push(t.Context(), image, "v1"); err == nil || lost == "" {
		t.Fatalf("the push was not interrupted: %v", err)
	}
	tag, err := name.NewTag(r.Repository("app") + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = remote.Head(tag); err == nil {
		t.Error("the tag is there before everything is")
	}
	digest := push(t, r, image, "v1")
	manifest, err := image.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, platform := range manifest.Manifests {
		sbomOf(t, digest.Context(), platform.Digest)
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	answer := func(status int) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if request.URL.Path == "/v2/" && status != http.StatusUnauthorized {
				return // A registry that knows us.
			}
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(status)
		}))
	}
	// Like ghcr.io, it gives no token to unknown users.
	tokenless := serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, request.Host))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	// It is on this machine, but at an address where plain HTTP is not tried.
	plain := httptest.NewUnstartedServer(http.NotFoundHandler())
	plain.Listener.Close()
	var err error
	if plain.Listener, err = net.Listen("tcp", "127.0.0.2:0"); err != nil {
		t.Fatal(err)
	}
	plain.Start()
	defer plain.Close()
	for name, c := range map[string]struct{ address, want string }{
		"unknown to the registry": {answer(http.StatusUnauthorized), "docker login"},
		"not allowed":             {answer(http.StatusForbidden), "may not push there"},
		"no token":                {tokenless, "log in as somebody who may: `docker login " + tokenless + "`"},
		"no such repository":      {answer(http.StatusNotFound), "no such repository"},
		"nobody listens":          {strings.TrimPrefix(closed.URL, "http://"), "cannot be reached"},
		"own certificate":         {strings.TrimPrefix(untrusted.URL, "https://"), "let SSL_CERT_FILE name"},
		"plain HTTP":              {strings.TrimPrefix(plain.URL, "http://"), "call it by such an address"},
	} {
		r := newRegistry(t, c.address)
		_, err := r.Push(t.Context(), build(t, newSpec()), "v1")
		for _, err := range []error{r.Check(t.Context(), "app"), err} {
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.address+"/app") {
				t.Errorf("%s: error = %v, want one of %s/app that says %q", name, err, c.address, c.want)
			}
		}
	}
}

func TestNamesThatCannotBeAreRefused(t *testing.T) {
	for prefix, want := range map[string]string{
		"":                     "begins with no host",
		"team":                 "such as ghcr.io/team",
		"https://ghcr.io/team": "must not begin with https://; give ghcr.io/team",
		"ghcr.io/Team":         "ghcr.io/Team",
		"ghcr.io/te am":        "ghcr.io/te am",
	} {
		if _, err := NewRegistry(prefix); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("registry %q: error = %v, want one with %q", prefix, err, want)
		}
	}
	for prefix, want := range map[string]string{
		"ghcr.io/team/": "ghcr.io/team/app", "localhost/x": "localhost/x/app", "127.0.0.1:5000": "127.0.0.1:5000/app", "docker.io/team": "docker.io/team/app",
	} {
		if got := newRegistry(t, prefix).Repository("app"); got != want {
			t.Errorf("the image in %q is %s, want %s", prefix, got, want)
		}
	}
	if err := CheckTag("v1.2.3-4-gabc"); err != nil {
		t.Error(err)
	}
	for _, tag := range []string{"", "v1+2", "a b", ".a", strings.Repeat("a", 129)} {
		if err := CheckTag(tag); err == nil {
			t.Errorf("tag %q is accepted", tag)
		}
	}
}

func TestSameProgramsGiveTheSameImage(t *testing.T) {
	plain := digestOf(t, build(t, newSpec()).Index)
	if again := digestOf(t, build(t, newSpec()).Index); again != plain {
		t.Errorf("%s and %s", plain, again)
	}
	for name, change := range map[string]func(*Spec){
		"version":  func(s *Spec) { s.Version = "v2" },
		"revision": func(s *Spec) { s.Revision = "" },
		"program": func(s *Spec) {
			changed := fake("arm64")
			changed.Content = bytes.ToUpper(changed.Content)
			s.Programs["arm64"] = changed
		},
		"platforms": func(s *Spec) { delete(s.Programs, "arm64") },
	} {
		spec := newSpec()
		change(&spec)
		if digestOf(t, build(t, spec).Index) == plain {
			t.Errorf("another %s gives the same image", name)
		}
	}
}

func TestProgramsThatDoNotFitAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"needs a name and a version":                               func(s *Spec) { s.Version = "" },
		"it has no program":                                        func(s *Spec) { s.Programs = nil },
		"for linux/arm64: the program was built with GOARCH=amd64": func(s *Spec) { s.Programs["arm64"] = fake("amd64") },
		"not a Linux executable": func(s *Spec) {
			script := fake("arm64")
			script.Content = []byte("#!/bin/sh")
			s.Programs["arm64"] = script
		},
	} {
		spec := newSpec()
		change(&spec)
		if _, err := Build(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
}
