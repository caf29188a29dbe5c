package queue

import (
	"fmt"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/autoscale"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// What is kept of an answer is bounded, beside what package leads bounds of all answers.
const (
	longestWhy  = 300 // in bytes
	longestIdle = 10 * 365 * 24 * time.Hour

	longestRevision = 128   // in bytes
	mostGroups      = 10000 // of idle ranks
)

// check refuses a report that our agent would not make.
func check(report agentapi.QueueReport) error {
	if len(report.Revision) > longestRevision {
		return fmt.Errorf("the revision of its report has %d bytes, and at most %d are allowed", len(report.Revision), longestRevision)
	}
	if len(report.Idle) > mostGroups {
		return fmt.Errorf("its report has %d groups of idle ranks, and at most %d are allowed", len(report.Idle), mostGroups)
	}
	return nil
}

// answerOf returns what a report says that was received at a time. How long ranks have
// been idle for is counted back from there, so that the lead's clock does not matter.
func answerOf(order Order, report agentapi.QueueReport, at time.Time) plan.QueueAnswer {
	answer := plan.QueueAnswer{
		Pod:      order.Pod,
		Revision: report.Revision,
		At:       at,
		Use: &autoscale.Use{
			Wanted:  report.Wanted,
			Busy:    report.Busy,
			Running: leads.Count(report.Running),
			Pending: leads.Count(report.Pending),
			Held:    leads.Count(report.Held),
		},
		TooLargeCount: max(leads.Count(report.TooLargeCount), len(report.TooLarge)),
	}
	if largest := report.Largest; largest != nil {
		answer.Use.Largest = &autoscale.Job{ID: leads.JobID(largest.ID), Ranks: largest.Ranks}
	}
	for _, idle := range report.Idle {
		answer.Use.Idle = append(answer.Use.Idle, autoscale.IdleRanks{Ranks: idle.Ranks, Since: at.Add(-idleFor(idle.Seconds))})
	}
	for _, job := range report.TooLarge[:min(len(report.TooLarge), leads.MostJobs)] {
		answer.TooLarge = append(answer.TooLarge, agentapi.QueueJob{ID: leads.JobID(job.ID), Ranks: job.Ranks, Why: leads.Excerpt(job.Why, longestWhy)})
	}
	return answer
}

// idleFor reads a time of idleness. What is no number is none.
func idleFor(seconds float64) time.Duration {
	switch {
	case !(seconds > 0):
		return 0
	case seconds > longestIdle.Seconds():
		return longestIdle
	}
	return time.Duration(seconds * float64(time.Second))
}
