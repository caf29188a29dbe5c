package containerengine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/stackcluster"
)

// Provided is what clusters of kind run on that `go run ./standalone/kind up` has made
// for a work tree. The zero value is all official: an engine of the machine, and a
// released node image.
type Provided struct {
	// DockerHost reaches the engine that was started for want of another.
	DockerHost string `json:"dockerHost,omitempty"`
	// NodeImage was built for want of a registry.
	NodeImage string `json:"nodeImage,omitempty"`
}

// LoadProvided returns what was provided for the work tree with a state folder, the
// zero value where nothing was.
func LoadProvided(state string) Provided {
	var p Provided
	content, err := os.ReadFile(stackcluster.ProvidedFile(state))
	if err != nil || json.Unmarshal(content, &p) != nil {
		return Provided{}
	}
	return p
}

// Save leaves the note.
func (p Provided) Save(state string) error {
	content, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding what was provided: %w", err)
	}
	if err := os.WriteFile(stackcluster.ProvidedFile(state), append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("noting what was provided: %w", err)
	}
	return nil
}

// KindStacks are the stacks of a work tree whose cluster is one of kind.
func KindStacks(state string) []string {
	files := stackcluster.RecordFiles(state)
	var stacks []string
	for _, stack := range slices.Sorted(maps.Keys(files)) {
		if content, err := os.ReadFile(files[stack]); err == nil && strings.TrimSpace(string(content)) == stackcluster.Kind {
			stacks = append(stacks, stack)
		}
	}
	return stacks
}

// CheckOwn says why no engine that the toolchain starts may take the place of those
// of the machine, none of which works; nil when one may. It may not where the user
// has chosen another kind of engine, nor where clusters of the work tree are on an
// engine of the machine: a cluster stays where it is. The error goes on from cause,
// which is why none works.
func (m Machine) CheckOwn(state string, cause error) error {
	if chosen := m.Getenv(Variable); chosen != "" && chosen != Docker {
		return cause
	}
	stacks := KindStacks(state)
	if len(stacks) == 0 || LoadProvided(state).DockerHost == OwnHost {
		return nil
	}
	var files []string
	for _, stack := range stacks {
		files = append(files, stackcluster.RecordFile(state, stack))
	}
	return fmt.Errorf("%w; clusters of this folder are on an engine of the machine (stack %s), and no other takes its place. "+
		"Where that engine is gone for good, so are they: remove %s and run the command again with CLUSTER=kind",
		cause, enumerate(stacks), strings.Join(files, " "))
}
