package kind

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// TestContainersAreNotLeftHalfMade: with --rm Docker removes a container that has
// run, but not one that was only made.
func TestContainersAreNotLeftHalfMade(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := true
	machine := containerengine.Machine{
		Run: func(ctx context.Context, _ io.Reader, _ string, args ...string) (string, error) {
			if args[0] == "run" {
				cancel()
				interrupted = ctx.Err() != nil
			}
			return cgroupV2 + "\nv1.37.2", nil
		},
		Getenv: func(string) string { return "" },
	}
	err := EnsureImage(ctx, containerengine.Engine{Machine: machine, Program: "docker"}, "mine:latest", func(string) {})
	if err != nil || interrupted {
		t.Errorf("the container is interrupted: %v (%v)", interrupted, err)
	}
}

func TestOnlyNodeImagesThatAreNewEnoughAreUsed(t *testing.T) {
	for answer, want := range map[string]string{
		"cgroup2\nv1.37.0":                        "",
		"cgroup2\nv1.29.0\n":                      "at least 1.30",
		"error: cat: /kind/version: No such file": "no node image",
	} {
		_, err := askImageThatSays(t, answer)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q", answer, err, want)
		}
	}
}

// TestKubeletIsToldToTakeCgroupV1WhereItWouldRefuse: older ones do not know the
// field, and refuse a configuration that has it.
func TestKubeletIsToldToTakeCgroupV1WhereItWouldRefuse(t *testing.T) {
	for answer, want := range map[string]bool{
		"cgroup\nv1.37.0":   true,
		"cgroup\nv1.35.0\n": true,
		"cgroup\nv1.34.3":   false,
		"cgroup2\nv1.37.0":  false,
	} {
		if got, err := askImageThatSays(t, answer); err != nil || got != want {
			t.Errorf("%q: %v (%v), want %v", answer, got, err, want)
		}
	}
}

// TestImagesAreAskedInAShell: released images have no line break behind the version,
// and others may have one.
func TestImagesAreAskedInAShell(t *testing.T) {
	for _, version := range []string{"v1.37.0", "v1.37.0\n"} {
		for _, unified := range []bool{true, false} {
			root := t.TempDir()
			write := func(file, content string) {
				t.Helper()
				path := filepath.Join(root, file)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			write(versionFile, version)
			if unified {
				write(unifiedFile, "cpu memory")
			}
			script := strings.NewReplacer(versionFile, root+versionFile, unifiedFile, root+unifiedFile).Replace(askImage)
			answer, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
			if err != nil {
				t.Fatal(err)
			}
			if onV1, err := askImageThatSays(t, string(answer)); err != nil || onV1 == unified {
				t.Errorf("%q: version 1 is %v (%v), want %v", answer, onV1, err, !unified)
			}
		}
	}
}

func askImageThatSays(t *testing.T, answer string) (onCgroupV1 bool, err error) {
	t.Helper()
	const image = "mine:latest"
	const ask = "docker run --rm --network=none --entrypoint=sh " + image + " -c " + askImage
	machine := answers{"docker image inspect " + image: "[]", ask: answer}
	return ensureImage(t.Context(), containerengine.Engine{Machine: machine.machine(), Program: "docker"}, image, func(string) {})
}

func TestReferencesOfOneImage(t *testing.T) {
	const digest = "@sha256:08497ee19eace7b4b5348db5c6a1591d7752b164530a36f855cb0f2bdcbadd48"
	const other = "@sha256:18497ee19eace7b4b5348db5c6a1591d7752b164530a36f855cb0f2bdcbadd48"
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{DefaultNodeImage, DefaultNodeImage, true},
		{DefaultNodeImage, "docker.io/" + DefaultNodeImage, true},
		// What Podman says of a container that kind has made.
		{"kindest/node:v1.37.0" + digest, "docker.io/kindest/node" + digest, true},
		{"kindest/node:v1.37.0", "docker.io/kindest/node:v1.37.0", true},
		{"mine", "docker.io/library/mine:latest", true},
		{"localhost/gopherlocks/kind-node:v1.37.2-0123", "localhost/gopherlocks/kind-node:v1.37.2-0123", true},
		{"kindest/node:v1.37.0", "kindest/node:v1.37.2", false},
		{"kindest/node:v1.37.0" + digest, "kindest/node:v1.37.0" + other, false},
		{"kindest/node:v1.37.0", "kindest/node:v1.37.0" + digest, false},
		{"mine", "localhost/mine", false},
		{"sha256:0123", "sha256:0123", true},
		{"No Reference", "No Reference", true},
		{"No Reference", "", false},
	} {
		for range 2 {
			if got := SameImage(test.a, test.b); got != test.same {
				t.Errorf("%s and %s: same is %v", test.a, test.b, got)
			}
			test.a, test.b = test.b, test.a
		}
	}
}

func TestRemovingAnImageLeavesOthersOfItsContent(t *testing.T) {
	const reference, id, imported = "localhost/a/app:1", "sha256:0123", "import-2026-11-26@sha256:4567"
	for name, test := range map[string]struct{ names, want string }{
		"the only one":          {"localhost/a/app:1 sha256:0123", "localhost/a/app:1 sha256:0123"},
		"with its digest":       {"localhost/a/app:1 localhost/a/app@sha256:4567 " + imported, "localhost/a/app:1 localhost/a/app@sha256:4567 " + imported},
		"another repository":    {"localhost/a/app:1 localhost/b/app:1 " + id + " " + imported, "localhost/a/app:1"},
		"another tag":           {"localhost/a/app:1 localhost/a/app:2 " + id, "localhost/a/app:1"},
		"another's digest":      {"localhost/a/app:1 localhost/b/app@sha256:4567 " + id, "localhost/a/app:1"},
		"only others":           {"localhost/b/app:1 " + id, ""},
		"what is left of it":    {id, id},
		"nothing":               {"", ""},
		"a repository's prefix": {"localhost/a/app:1 localhost/a/ap@sha256:4567", "localhost/a/app:1"},
	} {
		if got := strings.Join(namesToRemove(strings.Fields(test.names), reference), " "); got != test.want {
			t.Errorf("%s: removes %q, want %q", name, got, test.want)
		}
	}
}
