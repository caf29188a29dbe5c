package containerengine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Identity tells engines apart that one command line may lead to. A machine can
// have several Dockers. DOCKER_HOST, the context and what happens to run decide
// which one answers.
type Identity struct {
	// ID is what the engine goes by.
	ID string `json:"id,omitempty"`
	// Host is the name of the machine that it runs on, which may be a virtual one.
	Host string `json:"host,omitempty"`
	// Root is the folder of its data there; nerdctl tells none.
	Root string `json:"root,omitempty"`
}

// Identify asks a working engine for its identity.
func (e Engine) Identify(ctx context.Context) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	output, err := e.Do(ctx, "info", "--format", "{{json .}}")
	if err != nil {
		return Identity{}, err
	}
	var said struct {
		ID, Name, DockerRootDir string
		// With a format, some versions of Docker succeed even if no engine answers.
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

// Matches says whether two identities can be of one engine. The empty one matches
// all. An ID alone does not decide it. All Dockers of a machine up to version 20.10
// share one ID, which is in /etc. Podman has no ID; behind Docker's API it has
// another one each time. An engine in the same place of the same machine is the
// same, even if it has lost its data.
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
