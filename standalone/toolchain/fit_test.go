package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestClusterThatCannotBeMadeIsRefusedWithEachCause(t *testing.T) {
	stopped := errors.New("docker is installed and not running: start it; podman is not on PATH")
	ours := func(error) error { return nil }
	noneOfOurs := func(cause error) error { return fmt.Errorf("%w; none of ours", cause) }
	for name, test := range map[string]struct {
		provider string
		host     host
		engine   error
		want     []string // Nothing for no refusal.
	}{
		"embedded as root":             {"embedded", host{os: "linux"}, stopped, nil},
		"embedded as a user":           {"embedded", host{os: "linux", user: 1000}, stopped, []string{"needs root, and this is user 1000", "docker is installed and not running", "podman", "CLUSTER=existing"}},
		"embedded on a Mac":            {"embedded", host{os: "darwin", user: 501}, stopped, []string{"needs Linux, and this is darwin", "docker is installed", "CLUSTER=existing"}},
		"embedded beside an engine":    {"embedded", host{os: "linux", user: 1000}, nil, []string{"needs root", "CLUSTER=kind", "CLUSTER=existing"}},
		"kind with an engine":          {"kind", host{os: "darwin", user: 501}, nil, nil},
		"kind on an engine of ours":    {"kind", host{os: "linux", checkOwn: ours}, stopped, nil},
		"kind, and ours is not wished": {"kind", host{os: "linux", checkOwn: noneOfOurs}, stopped, []string{"docker is installed", "none of ours", "CLUSTER=embedded", "CLUSTER=existing"}},
		"kind as a user":               {"kind", host{os: "linux", user: 1000, checkOwn: ours}, stopped, []string{"docker is installed", "needs root", "CLUSTER=existing"}},
		"existing":                     {"existing", host{os: "darwin", user: 501}, stopped, nil},
	} {
		test.host.checkEngine = func() error { return test.engine }
		err := test.host.fits(test.provider)
		if (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error lacks %q:\n%v", name, want, err)
			}
		}
	}
}
