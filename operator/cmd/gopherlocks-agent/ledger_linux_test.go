package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// ledger is what has happened to the size of a MiniCluster, and why. It judges by what the
// lead has said and by Flux's own records, and not by what autoscale remembers.
type ledger struct {
	policy autoscale.Policy
	// report is the lead's last one; nil while it is silent. need is the size that it
	// asks for, within the bounds.
	report *agentapi.QueueReport
	need   int32
	// neededAt is when each size was needed last, and anewAt when an operator that knows
	// nothing, or no report, was there last: ranks may stay for an idle time from then on.
	neededAt []time.Time
	anewAt   time.Time
	// up are the ranks that were online in the last report.
	up idset.Set

	// sizes are those that were decided, one after the other.
	sizes []decidedSize
	// longest is for how long at most a size was kept that was not needed.
	longest time.Duration
	// silences are the times that the lead did not answer.
	silences int
	// stops are pods that were stopped by shrinking, gone how long after they were needed
	// last they had ended, and losses what was killed.
	stops, losses []onRank
	gone          []time.Duration
	// faults are sizes out of bounds.
	faults []string
}

type decidedSize struct {
	size int32
	at   time.Time
}

type onRank struct {
	rank int32
	at   time.Time
}

func newLedger(p autoscale.Policy) *ledger {
	return &ledger{policy: p, need: p.Min, neededAt: make([]time.Time, p.Max+1)}
}

// needs notes that this size, and all below, are needed at a time.
func (l *ledger) needs(now time.Time, size int32) {
	for each := range size + 1 {
		l.neededAt[each] = now
	}
}

// startAnew is for an operator that remembers nothing, and has heard nothing yet.
func (l *ledger) startAnew(now time.Time) { l.report, l.anewAt = nil, now }

// pass lets the time pass that the last report held for.
func (l *ledger) pass(now time.Time, size int32) {
	l.needs(now, l.need)
	if l.report == nil {
		l.anewAt = now
	}
	l.longest = max(l.longest, min(now.Sub(l.neededAt[size]), now.Sub(l.anewAt)))
}

// heard is about a report; nil: the lead is silent.
func (l *ledger) heard(now time.Time, size int32, report *agentapi.QueueReport) {
	l.pass(now, size)
	if report == nil {
		if l.report != nil {
			l.silences++
		}
		l.report = nil
		return
	}
	up := report.Busy
	for _, idle := range report.Idle {
		up = up.Union(idle.Ranks)
	}
	// A rank that has come is idle from then on: it counts as needed until then.
	l.needs(now, min(up.Minus(l.up).Highest()+1, l.policy.Max))
	l.report, l.up = report, up
	l.need = min(max(report.Wanted, report.Busy.Highest()+1, l.policy.Min), l.policy.Max)
	l.needs(now, l.need)
}

// decided is about a decision, which may be the same size.
func (l *ledger) decided(now time.Time, before, size int32) {
	l.pass(now, before)
	if size < l.policy.Min || size > l.policy.Max {
		l.faults = append(l.faults, fmt.Sprintf("size %d is not from %d to %d", size, l.policy.Min, l.policy.Max))
		return
	}
	if need := min(l.need, l.policy.Max); l.report != nil && size < need {
		l.faults = append(l.faults, fmt.Sprintf("size %d after %d, and %d are needed", size, before, need))
	}
	if size != before {
		l.sizes = append(l.sizes, decidedSize{size, now})
	}
}

// seen is a copy of the ledger.
func (s *scaled) seen() ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *s.ledger
}

// decidedSizes are the sizes so far.
func (s *scaled) decidedSizes() []int32 {
	var sizes []int32
	for _, each := range s.seen().sizes {
		sizes = append(sizes, each.size)
	}
	return sizes
}

// awaitSizes waits until exactly these sizes have been decided, one after the other, and
// the pods are as many as the last.
func (s *scaled) awaitSizes(want ...int32) {
	s.t.Helper()
	s.await(func() string {
		if got := s.decidedSizes(); !slices.Equal(got, want) {
			return fmt.Sprintf("the sizes were %v, want %v", got, want)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if int32(len(s.pods)) != s.size {
			return fmt.Sprintf("%d pods at size %d", len(s.pods), s.size)
		}
		return ""
	})
}

// awaitReport waits for a report of the lead.
func (s *scaled) awaitReport(want string, is func(agentapi.QueueReport) bool) {
	s.t.Helper()
	s.await(func() string {
		if report := s.seen().report; report == nil || !is(*report) {
			return fmt.Sprintf("the last report is %+v, want %s", report, want)
		}
		return ""
	})
}

// jobRecord is what Flux says of a job. Times are in seconds, as in time.Time.Unix.
type jobRecord struct {
	ID       int64   `json:"id"`
	State    int     `json:"state"`
	Result   int     `json:"result"`
	RankList string  `json:"ranks"`
	Submit   float64 `json:"t_submit"`
	Run      float64 `json:"t_run"`
	Cleanup  float64 `json:"t_cleanup"`
	Note     string  `json:"exception_note"`

	ranks idset.Set // of RankList
}

// Numbers of job-list. Source: src/common/libjob/job.h of flux-core.
const (
	jobInactive  = 64
	jobCompleted = 1
)

// jobs asks Flux for all jobs, also those that have ended, in the order of their submits.
func (r *rank) jobs() []jobRecord {
	r.m.t.Helper()
	client, err := fluxrpc.New("local://" + r.Outside(r.m.config.MountPath+"/config/run/flux/local"))
	r.m.must(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.m.t.Context(), patience)
	defer cancel()
	var answer struct{ Jobs []jobRecord }
	r.m.must(client.Request(ctx, "job-list.list", map[string]any{
		"max_entries": 0,
		"attrs":       []string{"state", "result", "ranks", "t_submit", "t_run", "t_cleanup", "exception_note"},
	}, &answer))
	for i := range answer.Jobs {
		answer.Jobs[i].ranks, err = idset.Parse(strings.Trim(answer.Jobs[i].RankList, "[]"))
		r.m.must(err)
	}
	slices.SortFunc(answer.Jobs, func(a, b jobRecord) int { return cmp.Compare(a.Submit, b.Submit) })
	return answer.Jobs
}

// unix is a time as Flux writes it.
func unix(at time.Time) float64 { return float64(at.UnixNano()) / float64(time.Second) }

// runsAt tells whether the job ran on a rank at a time. It may be a little too early for
// the job, which got a rank that Flux did not know yet to be lost.
func (j jobRecord) runsAt(loss onRank, early time.Duration) bool {
	at := unix(loss.at)
	return j.ranks.Contains(loss.rank) && j.Run > 0 && j.Run <= at+early.Seconds() && at < j.Cleanup
}

// percentile of durations; 0 of none.
func percentile(of []time.Duration, percent int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	of = slices.Sorted(slices.Values(of))
	return of[(len(of)*percent+99)/100-1].Round(time.Millisecond)
}
