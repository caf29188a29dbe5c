package containerengine

import (
	"strings"
	"testing"
)

func TestImageThatCannotBeHadIsExplained(t *testing.T) {
	const image = "kindest/node:v1.99.0"
	for said, want := range map[string]string{
		"Error response from daemon: manifest for kindest/node:v1.99.0 not found: manifest unknown":              "there is no such image",
		"Error response from daemon: Get https://registry-1.docker.io/v2/: dial tcp: i/o timeout":                "cannot be reached",
		"toomanyrequests: You have reached your pull rate limit":                                                 "docker login",
		"failed to register layer: write /usr/bin/kubelet: no space left on device":                              "disk is full",
		"Error response from daemon: pull access denied for mine, repository does not exist or may require ..":   "not public",
		"initializing source docker://docker.io/library/mine:latest: requested access to the resource is denied": "not public",
	} {
		machine := answers(map[string]string{"docker image inspect " + image: "error: none", "docker pull --quiet " + image: "error: " + said})
		err := Engine{machine, "docker"}.EnsureImage(t.Context(), image, func(string) {})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), image) {
			t.Errorf("%s\nis explained as\n%v\nwithout %q", said, err, want)
		}
	}
}

func TestImageIsPulledOnlyWhereItIsMissing(t *testing.T) {
	machine := answers(map[string]string{"docker image inspect here:1": "[]", "docker image inspect away:1": "error: none", "docker pull --quiet away:1": ""})
	var told []string
	for _, image := range []string{"here:1", "away:1"} {
		if err := (Engine{machine, "docker"}).EnsureImage(t.Context(), image, func(message string) { told = append(told, message) }); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(told, "|"); got != "pulling the node image away:1" {
		t.Errorf("told %q", got)
	}
}

// TestPodmanIsGivenWholeNames: it has the registry of none by itself.
func TestPodmanIsGivenWholeNames(t *testing.T) {
	const digest = "@sha256:08497ee19eace7b4b5348db5c6a1591d7752b164530a36f855cb0f2bdcbadd48"
	for image, want := range map[string]string{
		"kindest/node:v1.37.0" + digest: "docker.io/kindest/node:v1.37.0" + digest,
		"mine":                          "docker.io/library/mine",
		"mine:1":                        "docker.io/library/mine:1",
		"docker.io/kindest/node":        "docker.io/kindest/node",
		"localhost/gopherlocks/kind-node:v1.37.2": "localhost/gopherlocks/kind-node:v1.37.2",
		"registry:5000/node":                      "registry:5000/node",
	} {
		if got := (Engine{Program: "podman"}).Reference(image); got != want {
			t.Errorf("%s: podman is given %s, want %s", image, got, want)
		}
		for _, program := range []string{"docker", "nerdctl", "finch"} {
			if got := (Engine{Program: program}).Reference(image); got != image {
				t.Errorf("%s: %s is given %s", image, program, got)
			}
		}
	}
	pulls := answers(map[string]string{"podman image inspect docker.io/kindest/node:v1": "error: none", "podman pull --quiet docker.io/kindest/node:v1": ""})
	if err := (Engine{pulls, "podman"}).EnsureImage(t.Context(), "kindest/node:v1", func(string) {}); err != nil {
		t.Error(err)
	}
}
