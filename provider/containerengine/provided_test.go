package containerengine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stateWith makes the state folder of a work tree. Its stacks have the given
// cluster providers.
func stateWith(t *testing.T, stacks map[string]string) string {
	t.Helper()
	state := t.TempDir()
	for stack, provider := range stacks {
		if err := os.WriteFile(filepath.Join(state, "clusterProvider."+stack), []byte(provider+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

func TestNoteOfWhatWasProvidedIsReadAsItWasWritten(t *testing.T) {
	state := t.TempDir()
	if got := LoadProvided(state); got != (Provided{}) {
		t.Errorf("without a note: %+v", got)
	}
	for _, want := range []Provided{{DockerHost: OwnHost, NodeImage: "node:v1"}, {}} {
		if err := want.Save(state); err != nil {
			t.Fatal(err)
		}
		if got := LoadProvided(state); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		// The Makefile looks for the word.
		note, err := os.ReadFile(filepath.Join(state, "kind.json"))
		if err != nil || strings.Contains(string(note), "dockerHost") != (want.DockerHost != "") {
			t.Errorf("the note is %s (%v)", note, err)
		}
	}
}

func TestStacksWithAClusterOfKindAreKnown(t *testing.T) {
	state := stateWith(t, map[string]string{"dev": "kind", "prod": "existing", "test": "kind"})
	if got := KindStacks(state); !slices.Equal(got, []string{"dev", "test"}) {
		t.Errorf("got %v", got)
	}
	if got := KindStacks(t.TempDir()); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// TestOurEngineTakesNobodysPlace: a cluster on a Docker that is stopped is not gone.
func TestOurEngineTakesNobodysPlace(t *testing.T) {
	stopped := errors.New("docker is installed and not running")
	for name, test := range map[string]struct {
		stacks map[string]string
		led    string // What the work tree was led to.
		chosen string
		want   []string // Parts of the refusal; nothing for none.
	}{
		"nothing is made":            {nil, "", "", nil},
		"docker is chosen":           {nil, "", "docker", nil},
		"podman is chosen":           {nil, "", "podman", []string{"docker is installed"}},
		"an embedded cluster":        {map[string]string{"dev": "embedded"}, "", "", nil},
		"a cluster on the machine's": {map[string]string{"dev": "kind", "x": "kind"}, "", "", []string{"docker is installed", "stack dev and x", "clusterProvider.dev "}},
		"a cluster on ours":          {map[string]string{"dev": "kind"}, OwnHost, "", nil},
	} {
		state := stateWith(t, test.stacks)
		if err := (Provided{DockerHost: test.led}).Save(state); err != nil {
			t.Fatal(err)
		}
		err := answers(nil, Variable+"="+test.chosen).CheckOwn(state, stopped)
		if (err == nil) != (test.want == nil) || err != nil && !errors.Is(err, stopped) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error is %v, want %q in it", name, err, want)
			}
		}
	}
}
