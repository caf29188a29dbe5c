package provision

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

const testHost = "unix:///engine"

// newTree makes the state of a work tree that was given an engine.
func newTree(t *testing.T, dockerHost string) string {
	t.Helper()
	state := t.TempDir()
	if err := (containerengine.Provided{DockerHost: dockerHost}).Save(state); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestEngineIsKeptForTreesThatAreLedToIt(t *testing.T) {
	engine := usersOf(t.TempDir())
	mine, other, moved, deleted := newTree(t, testHost), newTree(t, testHost), newTree(t, ""), newTree(t, testHost)
	for _, state := range []string{mine, other, moved, deleted} {
		for range 2 { // Each `make up` says it again.
			if err := engine.add(state); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.RemoveAll(deleted); err != nil {
		t.Fatal(err)
	}
	if found, err := engine.others(mine, testHost); err != nil || !slices.Equal(found, []string{other}) {
		t.Errorf("it is kept for %v (%v), want %s alone", found, err, other)
	}
	for range 2 { // The second time there is nothing to forget.
		if err := engine.remove(other); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := engine.others(mine, testHost); err != nil || found != nil {
		t.Errorf("it is kept for %v (%v)", found, err)
	}
	if found, err := usersOf(t.TempDir()).others(mine, testHost); err != nil || found != nil {
		t.Errorf("without a record: %v (%v)", found, err)
	}
}

func TestDockerLinkGoesWithItsEngine(t *testing.T) {
	folders := Folders{bin: filepath.Join(t.TempDir(), "bin")}
	t.Setenv("PATH", os.Getenv("PATH"))
	for _, unpacked := range []string{"/one", "/two"} { // Another version takes the place.
		if err := folders.linkDocker(unpacked); err != nil {
			t.Fatal(err)
		}
		if target, err := os.Readlink(folders.docker()); err != nil || target != unpacked+"/usr/bin/docker" {
			t.Errorf("it leads to %s (%v)", target, err)
		}
	}
	for range 2 {
		if err := folders.unlinkDocker(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(folders.docker()); !os.IsNotExist(err) {
		t.Errorf("it is left (%v)", err)
	}
}
