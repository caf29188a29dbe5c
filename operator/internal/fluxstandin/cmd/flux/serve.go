package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// service answers Flux's protocol on a broker's socket, with what flux-core 0.88
// answers to the same. Each broker has the folder, so that none has to ask another:
// which requests go to the lead matters for what is refused alone.
type service struct {
	folder instance.Folder
	rank   int32
	uri    string
	board  board

	cancel context.CancelFunc
	served chan struct{}
	// ended is closed when the instance has ended cleanly, and lost when it has no lead
	// any more.
	ended, lost chan struct{}
	loseLead    func()
	requests    sync.WaitGroup
}

// serve answers on a socket until the service is stopped.
func serve(socket net.Listener, folder instance.Folder, rank int32, uri string, s *instance.State) *service {
	ctx, cancel := context.WithCancel(context.Background())
	v := &service{
		folder: folder, rank: rank, uri: uri, cancel: cancel, served: make(chan struct{}), ended: make(chan struct{}), lost: make(chan struct{}),
		board: board{state: s, changed: make(chan struct{})},
	}
	v.loseLead = sync.OnceFunc(func() { close(v.lost) })
	go func() {
		defer close(v.served)
		if err := fluxrpc.Serve(ctx, socket, v.handle); err != nil {
			fmt.Fprintln(os.Stderr, "flux-broker:", err)
		}
	}()
	return v
}

// stop ends all connections.
func (v *service) stop() {
	v.cancel()
	<-v.served
}

// end ends streams as Flux does at the clean end of an instance, after what they still
// have to tell, and then all connections. Clients that do not listen are not waited for.
func (v *service) end(s *instance.State) {
	v.board.publish(s)
	close(v.ended)
	told := make(chan struct{})
	go func() { v.requests.Wait(); close(told) }()
	select {
	case <-told:
	case <-time.After(time.Second):
	}
	v.stop()
}

// anyNode is the node of a request that any broker may answer. Source: Flux RFC 3.
const anyNode = 1<<32 - 1

// handle answers a request.
func (v *service) handle(ctx context.Context, request *fluxrpc.Request) {
	v.requests.Add(1)
	defer v.requests.Done()
	answer, err := v.answer(ctx, request)
	var refused *instance.Error
	switch {
	case errors.As(err, &refused):
		_ = request.RespondError(refused.Errno, refused.Text) // a caller that has gone needs no answer
	case err != nil:
		_ = request.RespondError(syscall.EIO, err.Error())
	default:
		_ = request.Respond(answer)
	}
}

func (v *service) answer(ctx context.Context, request *fluxrpc.Request) (any, error) {
	lead, err := v.route(request)
	if err != nil {
		return nil, err
	}
	if request.Topic == "attr.get" {
		return v.attribute(request)
	}
	if stream := streams[request.Topic]; stream != nil && lead {
		return nil, stream(v, ctx, request)
	}
	if topic := topics[request.Topic]; topic != nil && lead {
		return topic(v, request)
	}
	return nil, unknown(request.Topic)
}

// route says whether a request goes to the lead, and refuses one that goes to no
// broker. On each broker there is a module "resource", which leaves no request for it
// to the lead.
func (v *service) route(request *fluxrpc.Request) (lead bool, err error) {
	service, _, _ := strings.Cut(request.Topic, ".")
	node := request.Aux
	if node == anyNode && (service == "attr" || service == "resource") {
		node = uint32(v.rank)
	}
	if node == anyNode {
		node = 0
	}
	s, err := v.now()
	if err != nil {
		return false, err
	}
	if node != uint32(v.rank) && !v.online(s).Contains(int32(min(node, idset.Max))) {
		return false, &instance.Error{Errno: syscall.EHOSTUNREACH}
	}
	if service == "resource" && node != 0 && (request.Topic == "resource.status" || request.Topic == "resource.sched-status") {
		return false, &instance.Error{Errno: syscall.EPROTO, Text: "this RPC only works on rank 0"}
	}
	return node == 0, nil
}

// unknown is the refusal of a topic that is not answered. Only the lead has services
// besides those of each broker; that one of the others is asked for them is not played.
func unknown(topic string) error {
	service, _, _ := strings.Cut(topic, ".")
	text := fmt.Sprintf("No service matching %s is registered", topic)
	if slices.Contains([]string{"attr", "resource", "job-list", "job-manager", "sched"}, service) {
		text = fmt.Sprintf("Unknown service method '%s'", topic)
	}
	return &instance.Error{Errno: syscall.ENOSYS, Text: text}
}

// now is the state as it is now.
func (v *service) now() (*instance.State, error) {
	s, _ := v.board.look()
	return v.folder.Renew(s)
}

func (v *service) online(s *instance.State) idset.Set {
	return idset.Of(slices.Collect(maps.Keys(v.folder.Online(s)))...)
}
