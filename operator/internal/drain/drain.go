// Package drain tells leads which of their ranks are to be drained, and learns which
// of those are idle.
package drain

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// wait is how long the lead may hold back an answer that tells nothing new.
const wait = 30 * time.Second

// Order is what a lead is to be told.
type Order struct {
	// UID of the MiniCluster, and Host, the address of its lead's pod; empty while
	// it has none.
	UID  types.UID
	Host string
	plan.DrainOrder
}

// MiniCluster is its UID.
func (o Order) MiniCluster() types.UID { return o.UID }

// Address is that of the lead's pod.
func (o Order) Address() string { return o.Host }

// Manager holds the conversations.
type Manager = leads.Conversations[Order, plan.DrainAnswer]

// New returns a manager that calls changed whenever an answer about a MiniCluster
// differs from the one before. changed must not block for long.
func New(log logr.Logger, changed func(types.NamespacedName)) *Manager {
	return leads.New(log, topic{}, leads.Dial, changed)
}

// topic is that of drains.
type topic struct{}

// Pace leaves the first answers their haste: most drains have few.
func (topic) Pace() (lasting rate.Limit, burst int) { return 1, 5 }

func (topic) Same(a, b Order) bool {
	return a.UID == b.UID && a.Host == b.Host && a.Requeue == b.Requeue && a.Ranks.Equal(b.Ranks)
}

// Ask has the ranks drained. Once they are idle they stay so.
func (topic) Ask(ctx context.Context, lead leads.Lead, order Order, before *plan.DrainAnswer) (answer plan.DrainAnswer, over bool, err error) {
	request := agentapi.DrainRequest{Ranks: order.Ranks, Rest: order.Rests(), Requeue: order.Requeue}
	if before != nil && before.Problem == "" { // Else the lead may know nothing of the order any more.
		request.WaitSeconds, request.Known = int32(wait/time.Second), before.Busy
	}
	var report agentapi.DrainReport
	err = lead.Ask(ctx, leads.Request{
		Method: http.MethodPut, Path: agentapi.PathDrain, Body: request, Answer: &report,
		Wait: time.Duration(request.WaitSeconds) * time.Second,
	})
	answer = answerOf(order, report)
	return answer, answer.Busy.IsEmpty(), err
}

// answerOf keeps what is about the ranks of the order.
func answerOf(order Order, report agentapi.DrainReport) plan.DrainAnswer {
	answer := plan.DrainAnswer{
		Ranks: order.Ranks, Busy: report.Busy.Intersect(order.Ranks),
		JobCount: leads.Count(report.JobCount), Pending: leads.Count(report.Waiting),
	}
	for _, id := range report.Jobs[:min(len(report.Jobs), leads.MostJobs)] {
		answer.Jobs = append(answer.Jobs, leads.JobID(id))
	}
	return answer
}

func (topic) Failed(order Order, _ *plan.DrainAnswer, problem string) plan.DrainAnswer {
	return plan.DrainAnswer{Ranks: order.Ranks, Problem: problem}
}

func (topic) Problem(answer plan.DrainAnswer) string { return answer.Problem }

func (topic) Equal(a, b plan.DrainAnswer) bool { return a.Equal(b) }

func (topic) Silent(log logr.Logger, order Order, problem string) {
	log.Info("The lead does not answer", "ranks", order.Ranks.Short(), "reason", problem)
}

func (topic) Back(log logr.Logger, order Order, answer plan.DrainAnswer) {
	log.Info("The lead answers again", "ranks", order.Ranks.Short(), "busy", answer.Busy.Short())
}
