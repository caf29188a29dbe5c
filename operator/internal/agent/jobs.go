package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
)

// printJobs writes a JobsReport about ranks, a set as Flux writes it, of the
// instance that this container is a rank of. It only looks.
func printJobs(w io.Writer, p paths, ranks string) error {
	set, err := idset.Parse(ranks)
	if err != nil {
		return fmt.Errorf("RANKS: %w", err)
	}
	flux, err := fluxinstance.New("local://" + p.socket)
	if err != nil {
		return err
	}
	defer flux.Close()
	ctx := context.Background() // each request has a time limit of its own
	report, err := endpoint.Look(ctx, flux, set)
	if err != nil {
		return err
	}
	pending, err := flux.PendingJobs(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(agentapi.JobsReport{DrainReport: report, Pending: &pending})
}
