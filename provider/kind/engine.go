package kind

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/cluster"

	"github.com/gopherlocks/gopherlocks/provider/containerengine"
)

// engine is a container engine, with what kind needs of it.
type engine struct{ containerengine.Engine }

// findEngine returns the engine of a cluster: the one that it was made on, be it
// that another works better now, else the one to make it on.
func findEngine(ctx context.Context, machine containerengine.Machine, remembered *record) (engine, error) {
	if remembered != nil && remembered.Engine != "" {
		// One that was removed since took the cluster along.
		if found, ok := machine.Installed(ctx, remembered.Engine); ok {
			return engine{found}, nil
		}
	}
	found, err := machine.Find(ctx)
	return engine{found}, err
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

// lines runs the engine's command line and splits what it prints.
func (e engine) lines(ctx context.Context, args ...string) ([]string, error) {
	output, err := e.Do(ctx, args...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(output, func(r rune) bool { return r == '\n' }), nil
}

func errorOr(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", strings.TrimSpace(text))
}
