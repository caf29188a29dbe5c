package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxcli"
)

// printJobs writes a DrainReport about ranks, a set as Flux writes it, of the
// instance that this container is a rank of. It only looks.
func printJobs(w io.Writer, p paths, ranks string) error {
	set, err := idset.Parse(ranks)
	if err != nil {
		return fmt.Errorf("RANKS: %w", err)
	}
	cfg, _, err := readConfig(os.Getenv)
	if err != nil {
		return err
	}
	ctx := context.Background() // each command of Flux has a time limit of its own
	flux, err := joinInstance(ctx, cfg, p, os.Environ())
	if err != nil {
		return err
	}
	report, err := endpoint.Look(ctx, flux, set)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(report)
}

// joinInstance returns a client of the instance that the broker of this container
// belongs to, for a process that is not the rank's own.
func joinInstance(ctx context.Context, cfg agentapi.Config, p paths, env []string) (*fluxcli.Client, error) {
	// The rank has put the view in its place.
	env = environment(env, cfg.ViewPath, cfg.PythonPath, sitePackages(cfg.ViewPath))
	program, err := findProgram("flux", env)
	if err != nil {
		return nil, err
	}
	return fluxcli.New(ctx, program, append(env[:len(env):len(env)], "FLUX_URI=local://"+p.socket))
}
