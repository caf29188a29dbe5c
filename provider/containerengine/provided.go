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

// Provided is what `go run ./standalone/kind up` has made for the clusters of kind
// of a work tree. The zero value means an engine of the machine and a released node
// image.
type Provided struct {
	// DockerHost reaches the engine that was started because none of the machine
	// works.
	DockerHost string `json:"dockerHost,omitempty"`
	// NodeImage was built because the released one could not be pulled.
	NodeImage string `json:"nodeImage,omitempty"`
}

// LoadProvided returns what was provided for the work tree of a state folder. It is
// the zero value if nothing was.
func LoadProvided(state string) Provided {
	var p Provided
	content, err := os.ReadFile(stackcluster.ProvidedFile(state))
	if err != nil || json.Unmarshal(content, &p) != nil {
		return Provided{}
	}
	return p
}

// Save writes it for later runs, and for the Makefile.
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

// KindStacks are the stacks of a work tree that have a cluster of kind.
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

// CheckOwn is asked when no engine of the machine works, for the reason cause. It
// returns nil if the toolchain may start one instead, and otherwise cause, perhaps
// with more words. The user may have chosen another kind of engine. Or clusters of
// the work tree are on an engine of the machine: a cluster stays where it is.
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
		"If that engine is gone for good, they are gone too: remove %s and run the command again with CLUSTER=kind",
		cause, enumerate(stacks), strings.Join(files, " "))
}
