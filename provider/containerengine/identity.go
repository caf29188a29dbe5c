package containerengine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Identity tells an engine from others that the same command line may lead to: a
// machine can have several Dockers, and DOCKER_HOST, a context, and what happens to
// run decide which one answers.
type Identity struct {
	// ID is what the engine goes by.
	ID string `json:"id,omitempty"`
	// Host is the name of the machine that it runs on, be it a virtual one.
	Host string `json:"host,omitempty"`
	// Root is the folder of its data there; nerdctl tells none.
	Root string `json:"root,omitempty"`
}

// Identify asks an engine that works who it is.
func (e Engine) Identify(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	output, err := e.Do(ctx, "info", "--format", "{{json .}}")
	if err != nil {
		return Identity{}, err
	}
	var said struct {
		ID, Name, DockerRootDir string
		// With a format, versions of Docker succeed also where nothing answers.
		ServerErrors []string
		// Podman's words.
		Host  struct{ Hostname string }
		Store struct{ GraphRoot string }
	}
	if err := json.Unmarshal([]byte(output), &said); err != nil {
		return Identity{}, fmt.Errorf("reading what `%s info --format '{{json .}}'` says: %w", e.Program, err)
	}
	if len(said.ServerErrors) > 0 {
		return Identity{}, explain(e.Program, e.Getenv("DOCKER_HOST"), errors.New(strings.Join(said.ServerErrors, "; ")))
	}
	return Identity{
		ID: said.ID, Host: cmp.Or(said.Name, said.Host.Hostname), Root: cmp.Or(said.DockerRootDir, said.Store.GraphRoot),
	}, nil
}

// Matches says whether two identities can be one engine's; the empty one can be
// anybody's. An ID alone tells too much and too little: Dockers up to version 20.10
// of one machine share theirs, which is in /etc, and Podman has none, or behind
// Docker's API another one each time. An engine in the same place of the same
// machine is the same, also when it has lost its data.
func (i Identity) Matches(other Identity) bool {
	if i == (Identity{}) || other == (Identity{}) {
		return true
	}
	return i.Root == other.Root && (i.ID == other.ID || i.Root != "" && i.Host == other.Host)
}

// String says where the engine is, for a person to find it.
func (i Identity) String() string {
	if i.Root == "" {
		return fmt.Sprintf("on %s (ID %s)", i.Host, i.ID)
	}
	return fmt.Sprintf("on %s with its data in %s", i.Host, i.Root)
}
