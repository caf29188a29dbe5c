package whatif

import (
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// RunsFlux tells whether the ranks are an instance of Flux. Without Flux there are
// no jobs.
func RunsFlux(mc *api.MiniCluster) bool { return build.FluxEnabled(mc) }

// Lead returns the name of the lead's pod and of the container that runs the lead;
// ok is false while it is not running.
func Lead(live Live) (pod, container string, ok bool) {
	for i := range live.Pods {
		p := &live.Pods[i]
		owner := metav1.GetControllerOf(p)
		ours := live.Job != nil && owner != nil && owner.UID == live.Job.UID
		if ours && p.Annotations[batchv1.JobCompletionIndexAnnotation] == "0" &&
			p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning {
			return p.Name, build.RankContainerName(live.MiniCluster), true
		}
	}
	return "", "", false
}

// QueueKeptBy returns the field by which the next lead has the queue of the one before, which
// stops cleanly; empty where it is lost.
func QueueKeptBy(before, after api.MiniClusterSpec) string {
	return plan.QueueKeptBy(before.Flux.StateDir, before.Archive.Path, after)
}

// JobsCommand is what tells, in the lead's container, which jobs run on ranks, and how
// many wait. It changes nothing.
func JobsCommand(ranks idset.Set) []string {
	return []string{agentapi.Program, agentapi.JobsCommand, ranks.String()}
}

// Jobs are the jobs on some ranks.
type Jobs struct {
	// Busy are those of the ranks that run jobs.
	Busy idset.Set
	// IDs are some of the jobs, and Count is their number.
	IDs   []string
	Count int
	// Pending is the number of jobs that wait for ranks; nil where the agent is of a
	// version that does not tell.
	Pending *int
}

// ParseJobs reads what JobsCommand printed.
func ParseJobs(output []byte) (Jobs, error) {
	var report agentapi.JobsReport
	if err := json.Unmarshal(output, &report); err != nil {
		return Jobs{}, fmt.Errorf("answer of the agent about jobs: %w", err)
	}
	return Jobs{Busy: report.Busy, IDs: report.Jobs, Count: report.JobCount, Pending: report.Pending}, nil
}
