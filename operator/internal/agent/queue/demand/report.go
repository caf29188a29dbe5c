package demand

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// idleStep is how exact the time is since when a rank is idle. It is rounded to later,
// so that a rank counts as idle for too short rather than for too long. Thousands of
// ranks that come one after the other are a few hundred groups then.
const idleStep = 250 * time.Millisecond

// Report is a QueueReport without what depends on when it is given.
type Report struct {
	report agentapi.QueueReport
	idle   []idleSince
	// Problems are jobs whose request is not understood, at most 10.
	Problems []agentapi.QueueJob
}

type idleSince struct {
	ranks idset.Set
	since time.Time
}

// Revision is another one whenever anything else than the passing of time is.
func (r Report) Revision() string { return r.report.Revision }

// At returns the report as it is at a time.
func (r Report) At(now time.Time) agentapi.QueueReport {
	report := r.report
	report.Idle = nil
	for _, each := range r.idle {
		report.Idle = append(report.Idle, agentapi.IdleRanks{
			Ranks: each.ranks, Seconds: max(now.Sub(each.since), 0).Seconds(),
		})
	}
	return report
}

// Report tells of the queue, for a MiniCluster of at most maxSize ranks. Jobs of stopped
// queues are held.
func (t *Tracker) Report(maxSize int32, stopped map[string]bool) (Report, error) {
	jobs, held := t.waitingJobs(stopped)
	busy := t.busy()
	packed := pack(t.ranks, maxSize, t.held(), busy, t.cleaning, jobs)
	r := Report{idle: t.idle(busy), Problems: packed.problems}
	r.report = agentapi.QueueReport{
		Running: t.running(), Pending: packed.pending, Held: held,
		Wanted: packed.wanted, First: packed.first, Largest: packed.largest,
		TooLarge: packed.tooLarge, TooLargeCount: packed.tooLargeCount,
		Busy: busy,
	}
	t.countCores(&r.report)
	var err error
	r.report.Revision, err = r.revision()
	return r, err
}

// revision is a digest of what is told, with points in time in place of durations. It
// is no counter, since a lead that was replaced would begin anew, and might come to a
// number that somebody knows already.
func (r Report) revision() (string, error) {
	text, err := json.Marshal(r.report)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	digest.Write(text)
	for _, each := range r.idle {
		fmt.Fprintf(digest, " %s %d", each.ranks, each.since.UnixNano())
	}
	return hex.EncodeToString(digest.Sum(nil)[:16]), nil
}

// busy are the ranks that run jobs, or clean up after one.
func (t *Tracker) busy() idset.Set {
	var ranks []int32
	for rank, jobs := range t.jobsOn {
		if jobs > 0 {
			ranks = append(ranks, int32(rank))
		}
	}
	return idset.Of(ranks...).Union(t.cleaning)
}

// idle are the ranks that are online and not busy, by the time since when.
func (t *Tracker) idle(busy idset.Set) []idleSince {
	groups := map[time.Duration][]int32{}
	for rank := range t.ranks.Online.Minus(busy).All() {
		since := (t.since[rank] + idleStep - 1).Truncate(idleStep)
		groups[since] = append(groups[since], rank)
	}
	var idle []idleSince
	for since, ranks := range groups {
		idle = append(idle, idleSince{idset.Of(ranks...), t.began.Add(since)})
	}
	slices.SortFunc(idle, func(a, b idleSince) int { return a.since.Compare(b.since) })
	return idle
}

// held are the parts that running jobs hold.
func (t *Tracker) held() []Part {
	var held []Part
	for _, j := range t.jobs {
		held = append(held, j.holds...)
	}
	return held
}

func (t *Tracker) running() int {
	count := 0
	for _, j := range t.jobs {
		if j.holds != nil {
			count++
		}
	}
	return count
}

// countCores adds cores and GPUs of the ranks that are online.
func (t *Tracker) countCores(report *agentapi.QueueReport) {
	add := func(parts []Part, cores, gpus *int) {
		for _, each := range parts {
			online := each.Ranks.Intersect(t.ranks.Online).Len()
			*cores += online * int(each.Cores)
			*gpus += online * int(each.GPUs)
		}
	}
	add(t.ranks.Parts, &report.Cores, &report.GPUs)
	add(t.held(), &report.CoresUsed, &report.GPUsUsed)
}
