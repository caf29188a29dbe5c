package fluxrpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
)

// Stream are the responses to one request, in their order. One goroutine may call Next.
type Stream struct {
	ctx     context.Context
	topic   string
	socket  net.Conn
	reader  *bufio.Reader
	release func()
	// err is how it has ended.
	err error
}

// Stream asks the service of topic for a stream, with payload as JSON; nil is none. It
// lasts until ctx is over or it is closed.
func (c *Client) Stream(ctx context.Context, topic string, payload any) (*Stream, error) {
	request, err := newRequest(topic, payload, FlagStreaming)
	if err != nil {
		return nil, err
	}
	request.MatchTag = 1
	socket, err := dial(ctx, c.path)
	if err != nil {
		return nil, failed(ctx, topic, err)
	}
	if err := writeBefore(ctx, socket, request); err != nil {
		socket.Close()
		return nil, failed(ctx, topic, err)
	}
	return &Stream{ctx: ctx, topic: topic, socket: socket, reader: bufio.NewReader(socket), release: sync.OnceFunc(interruptible(ctx, socket.SetReadDeadline))}, nil
}

// Next waits for the next response and reads it into into. It returns io.EOF when the
// service has ended the stream, the cause of ctx when that is over, an *Error when the
// service has failed, and another error when the connection is broken. After an error the
// stream is over, and each call returns it: whoever wants to go on begins a new one.
func (s *Stream) Next(into any) error {
	if s.err != nil {
		return s.err
	}
	if s.err = s.next(into); s.err != nil {
		s.Close()
	}
	return s.err
}

func (s *Stream) next(into any) error {
	response, err := Read(s.reader)
	if errors.Is(err, io.EOF) {
		err = errors.New("the broker has closed the connection")
	}
	if err == nil && (response.Type != TypeResponse || response.MatchTag != 1) {
		err = fmt.Errorf("the broker sent an unexpected %v %s", response.Type, response.Topic)
	}
	if err != nil {
		return failed(s.ctx, s.topic, err)
	}
	if response.Aux == uint32(syscall.ENODATA) {
		return io.EOF
	}
	return readResponse(response, s.topic, into)
}

// Close ends the stream. The broker tells the service. It may be called more than once,
// and while Next waits.
func (s *Stream) Close() {
	s.socket.Close()
	s.release()
}
