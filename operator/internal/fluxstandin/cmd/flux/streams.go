package main

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// board is the state that streams tell of. Nobody changes a state that is on it.
type board struct {
	mu      sync.Mutex
	state   *instance.State
	changed chan struct{} // closed with the next state
}

// publish puts up a state, unless a newer one is there.
func (b *board) publish(s *instance.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.Revision <= b.state.Revision {
		return
	}
	b.state = s
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) look() (*instance.State, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.changed
}

// streams are what is told as it happens, by the lead.
var streams = map[string]func(*service, context.Context, *fluxrpc.Request) error{
	"job-manager.events-journal": (*service).jobJournal,
	"resource.journal":           (*service).resourceJournal,
}

// jobJournal tells of the jobs' events until the caller goes or the instance ends.
func (v *service) jobJournal(ctx context.Context, request *fluxrpc.Request) error {
	var filter instance.JournalFilter
	if err := unpack(request, &filter); err != nil {
		return err
	}
	if !request.Streaming() {
		return &instance.Error{Errno: syscall.EPROTO, Text: "job-manager.events requires streaming RPC flag"}
	}
	number := int64(-1)
	return v.tell(ctx, func(s *instance.State) error {
		entries := s.Since(number, filter)
		if number < 0 {
			entries = s.Backlog(filter)
		}
		number = s.Posted
		return respondAll(request, entries)
	})
}

func (v *service) resourceJournal(ctx context.Context, request *fluxrpc.Request) error {
	if !request.Streaming() {
		return &instance.Error{Errno: syscall.EPROTO, Text: "journal requires streaming RPC flag"}
	}
	number := -1
	return v.tell(ctx, func(s *instance.State) error {
		entries := s.ResourcesSince(max(number, 0))
		if number < 0 {
			entries = s.ResourceBacklog()
		}
		number = len(s.Events)
		return respondAll(request, entries)
	})
}

func respondAll[E any](request *fluxrpc.Request, entries []E) error {
	for _, entry := range entries {
		if err := request.Respond(entry); err != nil {
			return err
		}
	}
	return nil
}

// tell calls news with the state as it is, and whenever it is another one. The error
// at the end of the instance is the end of the stream.
func (v *service) tell(ctx context.Context, news func(*instance.State) error) error {
	s, err := v.now()
	if err != nil {
		return err
	}
	v.board.publish(s)
	for {
		s, changed := v.board.look()
		if err := news(s); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-v.lost:
			return &instance.Error{Errno: syscall.EHOSTUNREACH, Text: "overlay disconnect"}
		case <-v.ended:
			s, _ := v.board.look()
			return errors.Join(news(s), &instance.Error{Errno: syscall.ENODATA})
		}
	}
}
