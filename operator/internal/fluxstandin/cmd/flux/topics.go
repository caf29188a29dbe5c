package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// topics are what is answered once, on the lead. Those of the service "attr" are
// answered by each broker.
var topics = map[string]func(*service, *fluxrpc.Request) (any, error){
	"resource.status":       aboutRanks((*instance.State).ResourceStatus),
	"resource.sched-status": aboutRanks((*instance.State).SchedulerStatus),
	"sched.resource-status": aboutRanks((*instance.State).SchedulerStatus),
	"resource.drain":        changing((*instance.State).Drain),
	"resource.undrain":      changing((*instance.State).Undrain),
	"job-list.list":         asking((*instance.State).List),
	"job-list.job-stats": func(v *service, _ *fluxrpc.Request) (any, error) {
		s, err := v.now()
		if err != nil {
			return nil, err
		}
		return s.JobCounts(), nil
	},
	"job-info.lookup":          asking((*instance.State).Lookup),
	"job-ingest.submit":        changingBy((*instance.State).Ingest),
	"job-manager.raise":        changing((*instance.State).Raise),
	"job-manager.queue-start":  changing((*instance.State).StartQueue),
	"job-manager.queue-status": asking((*instance.State).QueueStatus),
	"job-manager.queue-list":   func(*service, *fluxrpc.Request) (any, error) { return instance.QueueList(), nil },
	"job-manager.stats-get": func(v *service, _ *fluxrpc.Request) (any, error) {
		s, err := v.now()
		if err != nil {
			return nil, err
		}
		return s.JobStatistics(), nil
	},
}

// unpack reads the payload. Flux says no more of one that it cannot read.
func unpack(request *fluxrpc.Request, into any) error {
	if err := request.Unpack(into); err != nil || len(request.Payload) == 0 {
		return &instance.Error{Errno: syscall.EPROTO}
	}
	return nil
}

// changing is a topic that changes the state by a request, and answers with nothing.
func changing[T any](change func(*instance.State, T) error) func(*service, *fluxrpc.Request) (any, error) {
	return changingBy(func(s *instance.State, asked T) (map[string]any, error) { return nil, change(s, asked) })
}

// changingBy is a topic that changes the state by a request.
func changingBy[T any](change func(*instance.State, T) (map[string]any, error)) func(*service, *fluxrpc.Request) (any, error) {
	return func(v *service, request *fluxrpc.Request) (any, error) {
		var asked T
		if err := unpack(request, &asked); err != nil {
			return nil, err
		}
		var answer map[string]any
		var refused error
		s, err := v.folder.Update(func(s *instance.State) bool {
			answer, refused = change(s, asked)
			return refused == nil
		})
		if err == nil && refused == nil {
			v.board.publish(s)
		}
		if err = errors.Join(err, refused); err != nil || answer == nil {
			return nil, err
		}
		return answer, nil
	}
}

// attribute is an attribute of the broker that is asked.
func (v *service) attribute(request *fluxrpc.Request) (any, error) {
	var asked struct {
		Name *string `json:"name"`
	}
	if err := unpack(request, &asked); err != nil || asked.Name == nil {
		return nil, &instance.Error{Errno: syscall.EPROTO}
	}
	s, err := v.now()
	if err != nil {
		return nil, err
	}
	rank, uri := v.rank, v.uri
	if request.Aux != anyNode && request.Aux != uint32(v.rank) {
		rank, uri = int32(request.Aux), "" // of another broker
	}
	values := map[string]string{
		"rank": fmt.Sprint(rank), "size": fmt.Sprint(s.Size), "version": version, "local-uri": uri,
		"broker.starttime": fmt.Sprintf("%d.0", s.Started),
	}
	value := values[*asked.Name]
	if value == "" {
		return nil, &instance.Error{Errno: syscall.ENOENT}
	}
	return map[string]any{"value": value, "flags": 1}, nil
}

// aboutRanks is a topic that reads the state and the ranks that are online.
func aboutRanks(read func(*instance.State, idset.Set) map[string]any) func(*service, *fluxrpc.Request) (any, error) {
	return func(v *service, _ *fluxrpc.Request) (any, error) {
		s, err := v.now()
		if err != nil {
			return nil, err
		}
		return read(s, v.online(s)), nil
	}
}

// asking is a topic that reads the state by a request.
func asking[T any](read func(*instance.State, T) (map[string]any, error)) func(*service, *fluxrpc.Request) (any, error) {
	return func(v *service, request *fluxrpc.Request) (any, error) {
		var asked T
		if err := unpack(request, &asked); err != nil {
			return nil, err
		}
		s, err := v.now()
		if err != nil {
			return nil, err
		}
		return read(s, asked)
	}
}
