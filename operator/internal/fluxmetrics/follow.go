package fluxmetrics

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
)

const (
	// wait is how long a lead may hold back an answer that tells nothing new. Then the
	// MiniCluster is read anew, whose maximum may be another.
	wait = 4 * time.Minute
	// pause is the time between two attempts to find a lead that answers.
	pause = 5 * time.Second
	// collect is the time between an answer and the next question.
	collect = time.Second
)

// Follow calls tell with the numbers of a MiniCluster at first, and whenever its queue
// changes, until ctx is done or tell fails. While the lead does not answer it tells nothing.
func (s *Source) Follow(ctx context.Context, key types.NamespacedName, tell func(Numbers) error) error {
	for {
		if err := s.followLead(ctx, key, tell); err != nil {
			return err
		}
		if !leads.Sleep(ctx, pause) {
			return context.Cause(ctx)
		}
	}
}

// followLead follows one lead until it does not answer. The error is that of tell.
func (s *Source) followLead(ctx context.Context, key types.NamespacedName, tell func(Numbers) error) error {
	known := ""
	for {
		mc, pods, err := s.find(ctx, key)
		if err != nil {
			return nil
		}
		pod, err := leadOf(mc, pods)
		if err != nil {
			return nil
		}
		lead, err := s.dial(ctx, mc, pod.Status.PodIP)
		if err != nil {
			return nil
		}
		request := agentapi.QueueRequest{MaxSize: maximumOf(mc), Known: known}
		if known != "" {
			request.WaitSeconds = int32(wait / time.Second)
		}
		n, revision, err := ask(ctx, lead, request)
		lead.Close()
		if err != nil {
			return nil
		}
		known = revision
		if err := tell(n); err != nil {
			return err
		}
		if !leads.Sleep(ctx, collect) {
			return nil
		}
	}
}
