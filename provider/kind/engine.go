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

// engine is a container engine that works, with what kind needs of it.
type engine struct {
	containerengine.Engine
	identity containerengine.Identity
}

// findEngine returns the engine of a cluster: that of the program which made it, be
// it that another works better now, else the one to make it on.
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

// check refuses the engine for a cluster that was made on another one: that the
// cluster is not there says nothing about it. file is that of what is remembered.
func (e engine) check(name string, remembered *record, file string) error {
	if remembered == nil || remembered.Identity.Matches(e.identity) {
		return nil
	}
	return fmt.Errorf("kind cluster %s is on another container engine: it was made on %s %s, and what answers now is %s %s. "+
		"Start that engine and let it answer, by DOCKER_HOST or `docker context use` where it is a Docker, and run the command again. "+
		"Where it is gone for good, so is the cluster: remove %s and run the command again",
		name, remembered.Engine, remembered.Identity, e.Program, e.identity, file)
}

// removal is the command line that removes a cluster's containers, for a person.
func (e engine) removal(name string) string {
	program, before := e.Program, ""
	switch host := e.Getenv("DOCKER_HOST"); {
	case e.Program != containerengine.Docker || host == "":
	case host == containerengine.OwnHost:
		// Nor is its program on everybody's PATH.
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

// CheckEngine says what to do about container engines that are not there or do
// not work; nil when clusters can be made on one.
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
