package release

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// moveHome hides the credentials of the user who runs the test.
func moveHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(home, "run"))
	for _, variable := range []string{"DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME"} {
		t.Setenv(variable, "")
	}
	return home
}

// Where there may be logins.
const (
	ofDocker      = ".docker/config.json"
	ofPodman      = "run/containers/auth.json"
	ofPodmanAlong = ".config/containers/auth.json" // For good.
)

// logins are users by the name that they are stored under.
type logins map[string]string

func (l logins) String() string {
	type login struct {
		Auth []byte `json:"auth"` // In base 64.
	}
	auths := map[string]login{}
	for key, user := range l {
		auths[key] = login{Auth: []byte(user + ":secret")}
	}
	content, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		panic(err)
	}
	return string(content)
}

func writeFile(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// refuse answers like a registry that knows no user. It notes which user each host
// was told.
type refuse map[string]string

func (r refuse) RoundTrip(request *http.Request) (*http.Response, error) {
	if user, _, found := request.BasicAuth(); found {
		r[request.URL.Host] = user
	}
	return &http.Response{
		StatusCode: http.StatusUnauthorized, Request: request, Body: http.NoBody,
		Header: http.Header{"Www-Authenticate": {`Basic realm="test"`}},
	}, nil
}

// logIn tries to push, and returns which user each host was told.
func logIn(t *testing.T, prefix string) (map[string]string, error) {
	t.Helper()
	r, told := newRegistry(t, prefix), refuse{}
	r.transport = told
	return told, r.Check(t.Context(), "app")
}

func TestLoginsOfDockerAndPodmanAreFound(t *testing.T) {
	const dockerHub = "index.docker.io"
	for name, c := range map[string]struct {
		files  map[string]logins
		prefix string
		host   string
		want   string
	}{
		"docker login": {
			map[string]logins{ofDocker: {"https://index.docker.io/v1/": "me"}},
			"docker.io/team", dockerHub, "me",
		},
		"docker login index.docker.io": {
			map[string]logins{ofDocker: {"index.docker.io": "me"}},
			"docker.io/team", dockerHub, "me",
		},
		"docker login ghcr.io": {
			map[string]logins{ofDocker: {"ghcr.io": "me"}},
			"ghcr.io/team", "ghcr.io", "me",
		},
		"podman login docker.io": {
			map[string]logins{ofPodman: {"docker.io": "me"}},
			"docker.io/team", dockerHub, "me",
		},
		"podman login docker.io, where Docker has no login": {
			map[string]logins{ofPodman: {"docker.io": "me"}, ofDocker: {}},
			"index.docker.io/team", dockerHub, "me",
		},
		"podman login ghcr.io, where Docker has another login": {
			map[string]logins{ofPodman: {"ghcr.io": "me"}, ofDocker: {"https://index.docker.io/v1/": "other"}},
			"ghcr.io/team", "ghcr.io", "me",
		},
		"podman login that outlives the session, beside one that does not": {
			map[string]logins{ofPodmanAlong: {"ghcr.io": "me"}, ofPodman: {"docker.io": "other"}},
			"ghcr.io/team", "ghcr.io", "me",
		},
		"Docker's before Podman's": {
			map[string]logins{ofPodman: {"docker.io": "other"}, ofDocker: {"https://index.docker.io/v1/": "me"}},
			"docker.io/team", dockerHub, "me",
		},
		"podman login to a part of the registry": {
			map[string]logins{ofPodman: {"ghcr.io": "other", "ghcr.io/team": "me", "ghcr.io/others": "others"}},
			"ghcr.io/team/deeper", "ghcr.io", "me",
		},
		"podman login to a part of Docker Hub": {
			map[string]logins{ofPodman: {"docker.io": "other", "docker.io/team": "me", "docker.io/others": "others"}},
			"docker.io/team", dockerHub, "me",
		},
	} {
		t.Run(name, func(t *testing.T) {
			home := moveHome(t)
			for file, content := range c.files {
				writeFile(t, filepath.Join(home, file), content.String(), 0o600)
			}
			if told, err := logIn(t, c.prefix); !maps.Equal(told, map[string]string{c.host: c.want}) {
				t.Errorf("told %v, want %s told of %s: %v", told, c.host, c.want, err)
			}
		})
	}
}

// TestLoginsAreOnlyForTheirRegistry has logins to all other registries in each
// file, but none to this one.
func TestLoginsAreOnlyForTheirRegistry(t *testing.T) {
	all := []string{
		"https://index.docker.io/v1/", "index.docker.io", "docker.io", "docker.io/team", "ghcr.io", "ghcr.io/team",
		"registry.example", "registry.example:5000", "https://registry.example:5001/v1/", "io", "example",
		"docker.io.example", "ghcr.io.example", "not-docker.io", "not-ghcr.io",
	}
	for prefix, own := range map[string][]string{
		"docker.io/team":             {"https://index.docker.io/v1/", "index.docker.io", "docker.io", "docker.io/team"},
		"ghcr.io/team":               {"ghcr.io", "ghcr.io/team"},
		"registry.example/team":      {"registry.example"},
		"registry.example:5000/team": {"registry.example:5000"},
		"registry.example:5001/team": {"https://registry.example:5001/v1/"},
		"docker.io.example":          {"docker.io.example"},
		"example.ghcr.io/team":       {},
		"hub.docker.io/team":         {},
	} {
		stored := logins{}
		for _, key := range all {
			if !slices.Contains(own, key) {
				stored[key] = "other"
			}
		}
		home := moveHome(t)
		for _, file := range []string{ofDocker, ofPodman, ofPodmanAlong} {
			writeFile(t, filepath.Join(home, file), stored.String(), 0o600)
		}
		told, err := logIn(t, prefix)
		if len(told) > 0 || err == nil || !strings.Contains(err.Error(), "does not know you") {
			t.Errorf("pushing to %s told %v of logins to others: %v", prefix, told, err)
		}
	}
}

func TestLoginFilesAreThoseOfDockerAndPodman(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		want        []string
	}{
		"by default": {
			map[string]string{"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/7"},
			[]string{"/home/me/.docker/config.json", "/run/user/7/containers/auth.json", "/home/me/.config/containers/auth.json"},
		},
		"without a session": {
			map[string]string{"HOME": "/home/me"},
			[]string{"/home/me/.docker/config.json", "/run/containers/7/auth.json", "/home/me/.config/containers/auth.json"},
		},
		"elsewhere": {
			map[string]string{
				"HOME": "/home/me", "XDG_RUNTIME_DIR": "/run/user/7",
				"DOCKER_CONFIG": "/d", "REGISTRY_AUTH_FILE": "/p.json", "XDG_CONFIG_HOME": "/c",
			},
			[]string{"/d/config.json", "/p.json", "/c/containers/auth.json"},
		},
		"nowhere": {nil, []string{"", "/run/containers/7/auth.json", ""}},
	} {
		if got := loginFiles(func(key string) string { return c.environment[key] }, 7); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestCredentialHelpersAreAsked: they are asked by the name of the registry alone,
// as ECR's helper is.
func TestCredentialHelpersAreAsked(t *testing.T) {
	const registry = "123.dkr.ecr.eu-west-1.amazonaws.com"
	home := moveHome(t)
	writeFile(t, filepath.Join(home, ofDocker), `{"credHelpers": {"`+registry+`": "test", "broken.example": "missing"}}`, 0o600)
	writeFile(t, filepath.Join(home, "bin/docker-credential-test"), `#!/bin/sh
read -r host
[ "$host" = `+registry+` ] && echo '{"ServerURL": "'$host'", "Username": "AWS", "Secret": "secret"}'
`, 0o700)
	t.Setenv("PATH", filepath.Join(home, "bin")+":"+os.Getenv("PATH"))
	if told, err := logIn(t, registry+"/team"); !maps.Equal(told, map[string]string{registry: "AWS"}) {
		t.Errorf("told %v: %v", told, err)
	}
	_, err := logIn(t, "broken.example/team")
	for _, want := range []string{"docker-credential-missing", "install it", filepath.Join(home, ofDocker), "broken.example/team/app"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
}

func TestLoginsThatCannotBeReadAreReported(t *testing.T) {
	home := moveHome(t)
	path := filepath.Join(home, ofPodman)
	writeFile(t, path, `{"auths": `, 0o600)
	if _, err := logIn(t, "ghcr.io/team"); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "log in again") {
		t.Errorf("error = %v", err)
	}
	// Docker's login is found first.
	writeFile(t, filepath.Join(home, ofDocker), logins{"ghcr.io": "me"}.String(), 0o600)
	if told, err := logIn(t, "ghcr.io/team"); !maps.Equal(told, map[string]string{"ghcr.io": "me"}) {
		t.Errorf("told %v: %v", told, err)
	}
}

// TestAdvisedLoginHelps stores a login where the advised command would. Docker and
// Podman store it under the name that they are given. Without a name, Docker uses
// another one for Docker Hub.
func TestAdvisedLoginHelps(t *testing.T) {
	moveHome(t)
	for prefix, want := range map[string]string{
		"docker.io/team":       "run `docker login` or `podman login docker.io` and try again",
		"index.docker.io/team": "run `docker login` or `podman login docker.io` and try again",
		"ghcr.io/team":         "run `docker login ghcr.io` or `podman login ghcr.io` and try again",
		"127.0.0.1:5000":       "run `docker login 127.0.0.1:5000` or `podman login 127.0.0.1:5000` and try again",
	} {
		if _, err := logIn(t, prefix); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want one with %q", prefix, err, want)
		}
	}
}
