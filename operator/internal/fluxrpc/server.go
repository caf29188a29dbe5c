package fluxrpc

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
)

// Handler answers one request. The context ends with the connection that it came by:
// then nobody waits any more, and a stream ends.
type Handler func(ctx context.Context, request *Request)

// Request is a request as a server has it. Its methods may be called at the same time.
type Request struct {
	*Message
	connection *serverConnection
}

// Serve takes connections as the broker does, until ctx is over, and has each request
// answered in a goroutine. It closes the listener, ends what is connected and returns
// when all of it has ended.
func Serve(ctx context.Context, listener net.Listener, handler Handler) error {
	var connections sync.WaitGroup
	defer connections.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		socket, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		connections.Go(func() { (&serverConnection{socket: socket}).serve(ctx, handler) })
	}
}

// serverConnection is a client's connection.
type serverConnection struct {
	socket net.Conn
	// mu is held while a message is written.
	mu sync.Mutex
}

// serve answers requests until the client goes, or ctx is over. What it cannot read ends
// the connection, as with the broker.
func (c *serverConnection) serve(ctx context.Context, handler Handler) {
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.socket.Close()
	defer context.AfterFunc(ctx, func() { c.socket.Close() })()
	if _, err := c.socket.Write([]byte{accepted}); err != nil {
		return
	}
	reader := bufio.NewReader(c.socket)
	for {
		message, err := Read(reader)
		if err != nil || message.Type != TypeRequest {
			return
		}
		requests.Go(func() { handler(ctx, &Request{Message: message, connection: c}) })
	}
}

// Streaming says whether there may be more than one response. The last one is then an
// error, mostly syscall.ENODATA.
func (r *Request) Streaming() bool { return r.Flags&FlagStreaming != 0 }

// Respond answers with a payload in JSON; nil is none.
func (r *Request) Respond(payload any) error {
	response := r.response()
	if err := response.SetPayload(payload); err != nil {
		return err
	}
	return r.send(response)
}

// RespondError answers with an error, and ends a stream. text says more, and may be
// empty.
func (r *Request) RespondError(errno syscall.Errno, text string) error {
	response := r.response()
	response.Aux = uint32(errno)
	if text != "" {
		response.Flags, response.Payload = response.Flags|FlagPayload, append([]byte(text), 0)
	}
	return r.send(response)
}

// response is the request turned round, as flux_response_derive(3) does.
func (r *Request) response() *Message {
	return &Message{
		Type: TypeResponse, Flags: r.Flags &^ FlagPayload, Route: r.Route, Topic: r.Topic,
		UserID: UnknownUser, MatchTag: r.MatchTag,
	}
}

func (r *Request) send(response *Message) error {
	if r.Flags&FlagNoResponse != 0 {
		return nil
	}
	r.connection.mu.Lock()
	defer r.connection.mu.Unlock()
	err := response.Write(r.connection.socket)
	if errors.Is(err, net.ErrClosed) {
		return syscall.EPIPE
	}
	return err
}
