package kind

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// clusterLabel is the label of a cluster's containers, with its name for a value.
const clusterLabel = "io.x-k8s.kind.cluster"

// engine is a working container engine, with what kind needs to know of it.
type engine struct {
	containerengine.Engine
	identity containerengine.Identity
}

// findEngine returns the engine of a cluster. A remembered cluster keeps the engine
// of the program that made it, even if another works better now. Otherwise it is
// the engine to make the cluster on.
func findEngine(ctx context.Context, machine containerengine.Machine, remembered *record) (engine, error) {
	var program string
	if remembered != nil {
		program = remembered.Engine
	}
	found, installed := machine.Installed(ctx, program)
	var err error
	if installed {
		err = found.Check(ctx)
	} else {
		found, err = machine.Find(ctx)
	}
	if err != nil {
		return engine{}, err
	}
	identity, err := found.Identify(ctx)
	if err != nil {
		return engine{}, fmt.Errorf("asking %s who it is: %w", found.Program, err)
	}
	return engine{found, identity}, nil
}

// check refuses the engine if the cluster was made on another one: the cluster is
// missing here, but may still exist there. file is the file of the record.
func (e engine) check(name string, remembered *record, file string) error {
	if remembered == nil || remembered.Identity.Matches(e.identity) {
		return nil
	}
	return fmt.Errorf("kind cluster %s is on another container engine: it was made on %s %s, and now %s %s answers. "+
		"Start that engine and let it answer (a Docker by DOCKER_HOST or `docker context use`), and run the command again. "+
		"If it is gone for good, the cluster is gone too: remove %s and run the command again",
		name, remembered.Engine, remembered.Identity, e.Program, e.identity, file)
}

// removal is the command line that removes a cluster's containers, for a person.
func (e engine) removal(name string) string {
	program, before := e.Program, ""
	switch host := e.Getenv("DOCKER_HOST"); {
	case e.Program != containerengine.Docker || host == "":
	case host == containerengine.OwnHost:
		// Its program is not on every user's PATH.
		before = `eval "$(make -s env)"; `
	default:
		program += " --host " + host
	}
	return fmt.Sprintf("`%s%s rm -fv $(%s ps -aq --filter label=%s=%s)`", before, program, program, clusterLabel, name)
}

// option makes kind's library use the same engine.
func (e engine) option() cluster.ProviderOption {
	switch e.Program {
	case containerengine.Docker:
		return cluster.ProviderWithDocker()
	case "podman":
		return cluster.ProviderWithPodman()
	default: // Those that are nerdctl.
		return cluster.ProviderWithNerdctl(e.Program)
	}
}

// CheckEngine returns nil if clusters can be made on a container engine. Its error
// says what to do about the engines that are missing or do not work.
func CheckEngine(ctx context.Context) error {
	_, err := containerengine.Here().Find(ctx)
	return err
}

func errorOr(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", strings.TrimSpace(text))
}
