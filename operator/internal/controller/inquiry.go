package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

// inquiryDelay is how long a question must stand before events are read: pods that are
// about to come need none. inquiryInterval is the time between two reads while it
// stands. The Job controller tries again, and tells of it, after a minute at the latest.
const (
	inquiryDelay    = 5 * time.Second
	inquiryInterval = 30 * time.Second
)

// inquiry is what is remembered of a plan's questions.
type inquiry struct {
	questions []plan.Question
	// since is when these were first asked, and at when events were read last.
	since, at time.Time
	told      []plan.Told
}

// next returns after which time events are to be read; 0 for now.
func (i *inquiry) next(status api.MiniClusterStatus, questions []plan.Question, now time.Time) time.Duration {
	if !slices.Equal(i.questions, questions) {
		*i = inquiry{questions: questions, since: now}
		if isDegradedBy(status, api.ReasonPodsRefused) || isDegradedBy(status, api.ReasonContainerNotStarted) {
			i.since = now.Add(-inquiryDelay) // An operator that starts anew goes on.
		}
	}
	if i.at.IsZero() {
		return max(0, i.since.Add(inquiryDelay).Sub(now))
	}
	return max(0, i.at.Add(inquiryInterval).Sub(now))
}

// inquire answers the plan's questions by events, and makes the plan again. An error is
// for no answer, with which the plan stays as it is.
func (r *reconciler) inquire(ctx context.Context, o plan.Observed, p plan.Plan) (plan.Plan, error) {
	known := &r.memory.of(o.MiniCluster).inquiry
	if len(p.Questions) == 0 {
		*known = inquiry{}
		return p, nil
	}
	var err error
	wait := known.next(o.MiniCluster.Status, p.Questions, o.Now)
	if wait == 0 {
		known.at, wait = o.Now, inquiryInterval
		known.told, err = r.answers(ctx, o.MiniCluster.Namespace, p.Questions)
	}
	if len(known.told) > 0 {
		o.Told = known.told
		p = plan.Make(o)
	}
	p.WakeUp(o.Now.Add(wait))
	return p, err
}

// answers reads the events that the questions are about.
func (r *reconciler) answers(ctx context.Context, namespace string, questions []plan.Question) ([]plan.Told, error) {
	var told []plan.Told
	for _, q := range questions {
		selector := fields.Set{"type": corev1.EventTypeWarning, "involvedObject.kind": q.Kind}
		if q.UID != "" {
			selector["involvedObject.uid"] = string(q.UID)
		}
		var events corev1.EventList
		err := r.live.List(ctx, &events, client.InNamespace(namespace), client.MatchingFieldsSelector{Selector: selector.AsSelector()})
		if err != nil {
			return told, fmt.Errorf("list the events of %s %s: %w", q.Kind, q.Name, err)
		}
		for _, e := range events.Items {
			if strings.HasPrefix(e.InvolvedObject.Name, q.Name) {
				told = append(told, plan.Told{Question: q, Reason: e.Reason, Message: e.Message, At: toldAt(e)})
			}
		}
	}
	return told, nil
}

// toldAt returns when the event was told last: two kinds of recorders write it in
// different fields.
func toldAt(e corev1.Event) time.Time {
	at := e.LastTimestamp.Time
	if e.EventTime.After(at) {
		at = e.EventTime.Time
	}
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	return at
}
