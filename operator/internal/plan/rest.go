package plan

import (
	"fmt"
	"slices"
	"time"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// Before all ranks end, for a restart or sleep, the instance rests: its queue is stopped,
// and the jobs that run may end. The queue itself is left to the state folder or archive.

// leadPatience is how long a lead that has not been ready yet may run jobs that nobody
// knows of: it may be about to be ready. A longer wait would hold back the change that
// mends it.
const leadPatience = time.Minute

// requeueTime bounds the wait until jobs are back in the queue, where a lead does not do it,
// or is of an earlier version.
const requeueTime = time.Minute

// purpose is why all ranks are to end. begins and leaves are those of a departure, to which
// is added what will be lost.
type purpose struct {
	reason         string
	begins, leaves string
	// atOnce does not wait for jobs.
	atOnce bool
}

// RestTimeout returns how long jobs may go on before a restart or sleep.
func RestTimeout(mc *api.MiniCluster) time.Duration {
	if seconds := mc.Spec.Restart.DrainTimeoutSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return DrainTimeout(mc)
}

// endRanks deletes the Job once no job of Flux runs, and reports what is given then. Until
// then the instance rests.
func (f facts) endRanks(to purpose, then Report) Plan {
	d := planDrain(f, f.everybody(to))
	if d.holds() {
		p := Plan{upkeep(f), f.report(api.ReasonDraining, d.leaving+": "+d.because+HindrancesText(f.hindered.hindrances))}
		p.DrainOrder, p.DrainStatus, p.WakeAt = d.order, d.status, Earliest(p.WakeAt, d.deadline)
		p.QueueStatus = f.MiniCluster.Status.Queue
		p.Events = d.events
		return p
	}
	p := Plan{upkeep(f), then}
	p.End, p.DrainStatus = nil, nil // All ranks go.
	p.DeleteJob = f.Job
	p.Events = slices.Concat(d.events, f.lost(), then.Events)
	return p
}

// everybody is the departure of all ranks.
func (f facts) everybody(to purpose) departure {
	may, until := f.jobsMayRun()
	loss := f.loss()
	return departure{
		ranks: idset.Range(0, f.completions), timeout: RestTimeout(f.MiniCluster),
		reason: to.reason, begins: to.begins + loss, leaves: to.leaves + loss, idle: "any more",
		requeues:   f.MiniCluster.Spec.Restart.OnTimeout == api.TimeoutRequeue,
		jobsMayRun: may && !to.atOnce && f.end == nil, unknownUntil: until,
	}
}

// jobsMayRun tells whether the instance may run jobs: those that run end with the lead, so
// that its pod decides. Of one that has not been ready yet it is not known until a time,
// and no longer expected afterwards.
func (f facts) jobsMayRun() (may bool, until time.Time) {
	for pod, status := range f.runningLeads() {
		if status.Ready || wasReady(pod, status) {
			return true, time.Time{}
		}
		until = status.State.Running.StartedAt.Add(leadPatience)
		return f.Now.Before(until), until
	}
	return false, time.Time{}
}

// losing names what of the queue ends with the ranks that are there, and how many that is;
// empty where it is kept, or there is nothing: without a lead that has been up, nothing waits.
func (f facts) losing() (jobs string, many int) {
	if may, _ := f.jobsMayRun(); !may || !f.flux || f.end != nil || f.keepsQueue() {
		return "", 0
	}
	answer := f.answerAbout(idset.Range(0, f.completions))
	switch {
	case answer == nil || answer.Problem != "":
		return "what waits in the queue", 1
	case answer.Pending == 0:
		return "", 0
	}
	return counted(answer.Pending, "job") + " in the queue", answer.Pending
}

// loss says, for a message, what will be lost and how to keep it; empty for nothing.
func (f facts) loss() string {
	jobs, _ := f.losing()
	if jobs == "" {
		return ""
	}
	return fmt.Sprintf("; %s will be lost, since neither flux.stateDir nor archive.path keeps it: "+
		"save it with \"gopherlocks-agent save\", or take the change back", jobs)
}

// lost warns of what is lost with the ranks.
func (f facts) lost() []Event {
	jobs, many := f.losing()
	if jobs == "" {
		return nil
	}
	return []Event{warning(api.EventStateLost, "%s %s lost with the ranks: neither flux.stateDir nor archive.path keeps it", Capital(jobs), verb(many, "is", "are")).
		logged("Lost the queue with the ranks", "reason", "neither flux.stateDir nor archive.path keeps it")}
}

// keepsQueue tells whether the ranks of the spec find what those of the Job leave.
func (f facts) keepsQueue() bool {
	before, ok := build.ConfigOf(f.Job)
	if !ok { // What ranks are told, nobody changes.
		spec := f.MiniCluster.Spec
		before.StateDir, before.ArchivePath = spec.Flux.StateDir, spec.Archive.Path
	}
	return QueueKeptBy(before.StateDir, before.ArchivePath, f.MiniCluster.Spec) != ""
}

// QueueKeptBy returns the field by which ranks of the spec find the queue that a lead leaves
// which stops cleanly; empty where they do not. An archive is read only where the state
// folder has no content, which nobody knows here.
func QueueKeptBy(stateDir, archivePath string, after api.MiniClusterSpec) string {
	switch {
	case after.Flux.StateDir != "" && after.Flux.StateDir == stateDir:
		return "flux.stateDir"
	case after.Flux.StateDir == "" && after.Archive.Path != "" && after.Archive.Path == archivePath:
		return "archive.path"
	}
	return ""
}
