// Package queue learns from leads what is in their queues, and what their ranks do. The
// lead answers when something changes; a rank that goes on being idle is no change.
package queue

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

const (
	// wait is how long the lead may hold back an answer that tells nothing new. While
	// nothing happens, each MiniCluster costs one request to its lead in this time.
	wait = 4 * time.Minute
	// collect is the time between an answer and the next question: what changes meanwhile
	// comes in one answer, however fast a queue changes.
	collect = 50 * time.Millisecond
	// collectLonger is the same where the size does not follow the queue.
	collectLonger = 5 * time.Second
)

// earlierAgent says that the lead's agent does not know the question.
const earlierAgent = "the ranks were started by an earlier operator, whose agent tells nothing of the queue: delete the Job when no job runs, to have them started anew"

// Order is whom to ask.
type Order struct {
	// UID of the MiniCluster. Pod and Host are UID and address of its lead's pod.
	UID, Pod types.UID
	Host     string
	// MaxSize is the largest number of ranks that there may be.
	MaxSize int32
	// Scales says that the size follows the answers.
	Scales bool
}

// MiniCluster is its UID.
func (o Order) MiniCluster() types.UID { return o.UID }

// Address is that of the lead's pod.
func (o Order) Address() string { return o.Host }

// Manager holds the conversations.
type Manager = leads.Conversations[Order, plan.QueueAnswer]

// New returns a manager that calls changed whenever an answer about a MiniCluster
// differs from the one before. changed must not block for long.
func New(log logr.Logger, changed func(types.NamespacedName)) *Manager {
	return leads.New(log, topic{}, leads.Dial, changed)
}

// topic is that of queues.
type topic struct{}

// Pace lets a size follow its queue at once, also through a while of many changes.
func (topic) Pace() (lasting rate.Limit, burst int) { return 4, 20 }

func (topic) Same(a, b Order) bool { return a == b }

// Ask asks for what is another than before. An agent that does not know the question
// never will: another pod is another order.
func (topic) Ask(ctx context.Context, lead leads.Lead, order Order, before *plan.QueueAnswer) (answer plan.QueueAnswer, over bool, err error) {
	request := agentapi.QueueRequest{MaxSize: order.MaxSize}
	if before != nil && before.Use != nil {
		pause := collectLonger
		if order.Scales {
			pause = collect
		}
		if !leads.Sleep(ctx, pause) {
			return answer, false, ctx.Err()
		}
		request.WaitSeconds, request.Known = int32(wait/time.Second), before.Revision
	}
	var report agentapi.QueueReport
	err = lead.Ask(ctx, leads.Request{
		Method: http.MethodPost, Path: agentapi.PathQueue, Body: request, Answer: &report,
		Wait: time.Duration(request.WaitSeconds) * time.Second,
	})
	if refused, is := errors.AsType[*leads.StatusError](err); is && refused.Code == http.StatusNotFound {
		return topic{}.Failed(order, before, earlierAgent), true, nil
	}
	if err == nil {
		err = check(report)
	}
	if err != nil {
		return answer, false, err
	}
	return answerOf(order, report, time.Now()), false, nil
}

// Failed keeps the time from which on the lead has been silent.
func (topic) Failed(order Order, before *plan.QueueAnswer, problem string) plan.QueueAnswer {
	answer := plan.QueueAnswer{Pod: order.Pod, Problem: problem, At: time.Now()}
	if before != nil && before.Problem != "" {
		answer.At = before.At
	}
	return answer
}

func (topic) Problem(answer plan.QueueAnswer) string { return answer.Problem }

func (topic) Equal(a, b plan.QueueAnswer) bool {
	return a.Pod == b.Pod && a.Problem == b.Problem && a.Revision == b.Revision
}

func (topic) Silent(log logr.Logger, _ Order, problem string) {
	log.Info("The lead does not tell of the queue", "reason", problem)
}

func (topic) Back(log logr.Logger, _ Order, answer plan.QueueAnswer) {
	log.Info("The lead tells of the queue again", "running", answer.Use.Running, "pending", answer.Use.Pending)
}
