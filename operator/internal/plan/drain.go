package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/build"
)

// defaultDrainTimeout holds where scaleDown.drainTimeoutSeconds is not set.
const defaultDrainTimeout = time.Hour

// DrainOrder is what the lead is to be told: drain these ranks and no others.
// Ranks is a set as Flux writes it, or empty for none.
type DrainOrder struct{ Ranks string }

// DrainAnswer is what the lead answered last. It counts for the order of the same
// Ranks only.
type DrainAnswer struct {
	Ranks string
	// Busy are those of the ranks that run jobs, as a set; Jobs are some of the
	// jobs, and JobCount is their number.
	Busy     string
	Jobs     []string
	JobCount int
	// Problem says why the lead did not answer. Then nothing else is known.
	Problem string
}

// Equal tells whether two answers say the same.
func (a DrainAnswer) Equal(b DrainAnswer) bool {
	return a.Ranks == b.Ranks && a.Busy == b.Busy && a.JobCount == b.JobCount && a.Problem == b.Problem && slices.Equal(a.Jobs, b.Jobs)
}

// DrainTimeout returns how long ranks that are to go may keep their jobs.
func DrainTimeout(mc *api.MiniCluster) time.Duration {
	if seconds := mc.Spec.ScaleDown.DrainTimeoutSeconds; seconds != nil {
		return time.Duration(*seconds) * time.Second
	}
	return defaultDrainTimeout
}

// drained tells whether the ranks from p.Desired to completions may go now. If
// not, the plan is to drain them, and says so. It fails closed: without an answer
// of the lead, a rank counts as busy until the time is over.
func drained(o Observed, p *Plan, completions int32) bool {
	mc := o.MiniCluster
	if !build.FluxEnabled(mc) {
		return true // there is nobody who gives ranks work
	}
	going := idset.Range(p.Desired, completions)
	target := going.String()
	timeout := DrainTimeout(mc)
	before := drainInForce(mc, completions)
	if timeout == 0 && before.status == nil || !p.Ranks.anyRunning(p.Desired, completions) {
		p.DrainStatus = stillToUndrain(mc, p.Desired).status
		return true
	}
	answer := o.Drain
	if answer != nil && answer.Ranks != target {
		answer = nil
	}
	if answer != nil && answer.Problem == "" && answer.Busy == "" {
		p.tell(corev1.EventTypeNormal, api.EventDrained, "No job runs on ranks %s", target)
		return true
	}

	// The time begins anew with ranks that were not to go before: the jobs of each rank
	// have it whole, at the price of a longer wait for the others.
	start := metav1.NewTime(o.Now)
	if before.status != nil && going.Minus(before.ranks).Len() == 0 {
		start = before.status.StartTime
	}
	deadline := start.Add(timeout)
	if !o.Now.Before(deadline) {
		p.tell(corev1.EventTypeWarning, api.EventDrainTimedOut, "Ranks %s go after %s although %s", target, timeout, hindrance(answer))
		if answer == nil || answer.Problem != "" {
			p.DrainStatus = stillToUndrain(mc, p.Desired).status
		}
		return true
	}
	p.DrainStatus = &api.Drain{Ranks: target, StartTime: start, Busy: target}
	if answer != nil && answer.Problem == "" {
		p.DrainStatus.Busy = answer.Busy
	}
	p.DrainOrder = &DrainOrder{Ranks: target}
	p.wakeBy(deadline)
	p.leaving = fmt.Sprintf("ranks %s take no more jobs and go when they are idle, or at %s", target, deadline.UTC().Format(time.RFC3339))
	p.leavingWhy = hindrance(answer)
	if mc.Status.Drain == nil || mc.Status.Drain.Ranks != target {
		p.tell(corev1.EventTypeNormal, api.EventDraining, "Ranks %s take no more jobs, to go when they are idle", target)
	}
	return false
}

// earlierDrain is the drain that the status tells of; the zero value is none.
type earlierDrain struct {
	status *api.Drain
	ranks  idset.Set
}

func drainBefore(mc *api.MiniCluster) earlierDrain {
	if mc.Status.Drain == nil {
		return earlierDrain{}
	}
	ranks, err := idset.Parse(mc.Status.Drain.Ranks)
	if err != nil {
		return earlierDrain{} // somebody else has written it
	}
	return earlierDrain{mc.Status.Drain, ranks}
}

// drainInForce returns the drain that the status tells of, if it is that of the
// Job's highest ranks, as each is until they have gone. The status may still tell of
// one that is over: its ranks have gone, or came back to work since.
func drainInForce(mc *api.MiniCluster, completions int32) earlierDrain {
	if before := drainBefore(mc); before.ranks.Contains(completions - 1) {
		return before
	}
	return earlierDrain{}
}

// stillToUndrain returns the drain that the status tells of, if ranks below desired
// are among its: the lead has not confirmed that these stay. It is kept, so that
// undrain goes on with it when the others have gone.
func stillToUndrain(mc *api.MiniCluster, desired int32) earlierDrain {
	if before := drainBefore(mc); before.ranks.Minus(idset.Range(desired, idset.Max)).Len() > 0 {
		return before
	}
	return earlierDrain{}
}

// alsoLeaving is p.leaving, to be put behind a message.
func (p *Plan) alsoLeaving() string {
	if p.leaving == "" {
		return ""
	}
	return "; " + p.leaving
}

// hindrance says what keeps ranks from going.
func hindrance(answer *DrainAnswer) string {
	switch {
	case answer == nil:
		return "the lead has not answered yet"
	case answer.Problem != "":
		return "the lead does not answer: " + answer.Problem
	}
	jobs := fmt.Sprintf("%d jobs run", answer.JobCount)
	if answer.JobCount == 1 {
		jobs = "1 job runs"
	}
	busy := answer.Busy
	if ranks, err := idset.Parse(busy); err == nil {
		busy = listRanks(slices.Collect(ranks.All()))
	}
	text := jobs + " on ranks " + busy
	if len(answer.Jobs) > 0 {
		text += " (" + strings.Join(answer.Jobs, ", ") + ")"
	}
	return text
}

// undrain lets ranks work again that were to go and now stay. Ranks that have
// gone are no matter of it: they undrain themselves when they come back. Until their
// pods have ended they stay drained.
func undrain(o Observed, p *Plan, completions int32) {
	before := stillToUndrain(o.MiniCluster, completions)
	if before.status == nil || !build.FluxEnabled(o.MiniCluster) {
		return
	}
	gone := before.ranks.Minus(idset.Range(0, p.Desired)).String()
	if o.Drain != nil && o.Drain.Ranks == gone && o.Drain.Problem == "" {
		stay := before.ranks.Minus(idset.Range(completions, idset.Max))
		p.tell(corev1.EventTypeNormal, api.EventDrainCanceled, "Ranks %s stay, and take jobs again", stay)
		return
	}
	p.DrainStatus = before.status
	p.DrainOrder = &DrainOrder{Ranks: gone}
}
