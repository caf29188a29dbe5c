package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilexec "k8s.io/client-go/util/exec"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/whatif"
	"github.com/gopherlocks/gopherlocks/podexec"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

// jobsTimeout bounds the question for jobs. Agents of earlier versions run four commands
// of Flux for it, each of which takes 0.2 to 0.6 s on an idle machine.
const jobsTimeout = 20 * time.Second

// Jobs asks the lead of a MiniCluster which jobs run on ranks, and how many wait. It
// needs permission to create pods/exec.
func (c *Cluster) Jobs(ctx context.Context, there resizeplan.LiveMiniCluster, ranks idset.Set) resizeplan.Jobs {
	pod, container, ok := whatif.Lead(there.Live)
	if !ok {
		return resizeplan.Jobs{Unknown: "the lead is not running, so it cannot be asked"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, jobsTimeout, fmt.Errorf("no answer within %v", jobsTimeout))
	defer cancel()
	output, complaint, err := podexec.Run(ctx, c.config, there.MiniCluster.Namespace, pod, container, whatif.JobsCommand(ranks))
	err = explain(ctx, err, pod, string(complaint))
	var jobs whatif.Jobs
	if err == nil {
		jobs, err = whatif.ParseJobs(output)
	}
	if err != nil {
		return resizeplan.Jobs{Unknown: err.Error()}
	}
	return resizeplan.Jobs{Count: &jobs.Count, Busy: jobs.Busy, IDs: jobs.IDs}.WithPending(jobs.Pending)
}

// explain says what went wrong with a command.
func explain(ctx context.Context, err error, pod, stderr string) error {
	exit, hasEnded := errors.AsType[utilexec.CodeExitError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("pod %s: %w", pod, context.Cause(ctx))
	case hasEnded:
		first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
		return fmt.Errorf("the agent in pod %s ended with exit code %d: %s", pod, exit.Code, first)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("no permission to ask the lead: %w", err)
	}
	return fmt.Errorf("asking the lead in pod %s: %w", pod, err)
}
