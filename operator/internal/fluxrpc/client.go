// Package fluxrpc speaks Flux's own protocol on the socket of a broker: the messages of
// Flux RFC 3, requests of RFC 6 and their streams. It starts no process, needs no
// library of Flux, and asks in parts of a millisecond.
//
// A Client has one connection for all requests, which it opens when it is asked first,
// and anew when it is broken. A Stream has a connection of its own: whoever reads it
// slowly holds up nobody else, and its end is the end of the connection, which the
// broker tells the service by itself.
//
// What is not understood is an error, and ends the connection.
//
// Sources: Flux RFCs 3 and 6, and src/common/librouter/usock.c, sendfd.c of flux-core
// 0.88.
package fluxrpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lead is the node that all requests are for. What is asked of an instance is known
// there, and the local broker passes it on.
const lead = 0

// accepted is the byte that a broker begins with; another one is an error number.
const accepted = 0

// Error is a service's answer that is no success.
type Error struct {
	// Topic of the request.
	Topic string
	Errno syscall.Errno
	// Text is what the service said; it may be empty.
	Text string
}

// Error names the topic, the error and what the service said.
func (e *Error) Error() string {
	text := fmt.Sprintf("flux %s: %v", e.Topic, e.Errno)
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Unwrap is the error number.
func (e *Error) Unwrap() error { return e.Errno }

// Client asks the instance of a broker. Its methods may be called at the same time.
type Client struct {
	path string
	// turn is held while a connection is opened or written to.
	turn chan struct{}

	mu         sync.Mutex
	connection *connection // nil before the first request
	closed     bool
}

// connection is one that requests share.
type connection struct {
	socket net.Conn

	mu sync.Mutex
	// waiting are those who have asked and not been answered.
	waiting map[uint32]chan<- *Message
	lastTag uint32
	// err is why the connection is broken, from when done is closed on.
	err  error
	done chan struct{}
}

// New makes a client of the broker whose socket has the address local://PATH, or PATH.
// Nothing is opened yet: the broker need not run.
func New(address string) (*Client, error) {
	path, local := strings.CutPrefix(address, "local://")
	if path == "" || !local && strings.Contains(path, "://") {
		return nil, fmt.Errorf("address %q of a broker must be local://PATH", address)
	}
	return &Client{path: path, turn: make(chan struct{}, 1)}, nil
}

// Close closes the connection. Requests that wait, and all later ones, fail. Streams go
// on.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.connection != nil {
		c.connection.fail(net.ErrClosed)
	}
}

// Request asks the service of topic, with payload as JSON; nil is none. It reads the
// answer into into, unless that is nil. An answer that is no success is an *Error; when
// ctx is over, its cause is the error, and the answer is dropped.
func (c *Client) Request(ctx context.Context, topic string, payload, into any) error {
	request, err := newRequest(topic, payload, 0)
	if err != nil {
		return err
	}
	response, err := c.roundTrip(ctx, request)
	if err != nil {
		return failed(ctx, topic, err)
	}
	return readResponse(response, topic, into)
}

// newRequest makes a request to the lead, without its match tag.
func newRequest(topic string, payload any, flags Flags) (*Message, error) {
	request := &Message{
		Type: TypeRequest, Flags: flags | FlagTopic | FlagRoute, Topic: topic,
		UserID: UnknownUser, Aux: lead,
	}
	return request, request.SetPayload(payload)
}

// readResponse reads a success into into.
func readResponse(response *Message, topic string, into any) error {
	if response.Aux != 0 {
		return &Error{Topic: topic, Errno: syscall.Errno(response.Aux), Text: response.text()}
	}
	if into == nil {
		return nil
	}
	if len(response.Payload) == 0 {
		return fmt.Errorf("flux %s: the answer has no payload", topic)
	}
	if err := response.Unpack(into); err != nil {
		return fmt.Errorf("flux %s: %w", topic, err)
	}
	return nil
}

// failed says of an error what was asked, and that ctx is over if it is.
func failed(ctx context.Context, topic string, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("flux %s: %w", topic, err)
}

// roundTrip sends a request and waits for its response.
func (c *Client) roundTrip(ctx context.Context, request *Message) (*Message, error) {
	answer := make(chan *Message, 1)
	connection, err := c.send(ctx, request, answer)
	if err != nil {
		return nil, err
	}
	defer connection.forget(request.MatchTag)
	select {
	case response := <-answer:
		return response, nil
	case <-connection.done:
		select {
		case response := <-answer: // it came before the end
			return response, nil
		default:
			return nil, connection.err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send sends a request by the connection, which it opens if there is none. It gives the
// request its match tag.
func (c *Client) send(ctx context.Context, request *Message, answer chan<- *Message) (*connection, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	connection, err := c.connected(ctx)
	if err != nil {
		return nil, err
	}
	connection.expect(request, answer)
	if err := writeBefore(ctx, connection.socket, request); err != nil {
		// Half a message may have been written.
		connection.fail(err)
		return nil, err
	}
	return connection, nil
}

// connected returns the connection, or a new one if it is broken.
func (c *Client) connected(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	current, closed := c.connection, c.closed
	c.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	if current != nil {
		select {
		case <-current.done:
		default:
			return current, nil
		}
	}
	socket, err := dial(ctx, c.path)
	if err != nil {
		return nil, err
	}
	opened := &connection{socket: socket, waiting: map[uint32]chan<- *Message{}, done: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		socket.Close()
		return nil, net.ErrClosed
	}
	c.connection = opened
	go opened.receive()
	return opened, nil
}

// dial connects to a broker and waits until it has accepted.
func dial(ctx context.Context, path string) (net.Conn, error) {
	socket, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	release := interruptible(ctx, socket.SetReadDeadline)
	var first [1]byte
	_, err = io.ReadFull(socket, first[:])
	release()
	if err == nil && first[0] != accepted {
		err = fmt.Errorf("the broker refuses the connection: %w", syscall.Errno(first[0]))
	}
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	return socket, nil
}

// interruptible ends reading or writing, whichever has the deadline, when ctx is over,
// until release is called.
func interruptible(ctx context.Context, setDeadline func(time.Time) error) (release func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = setDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-interrupted
			_ = setDeadline(time.Time{})
		}
	}
}

func writeBefore(ctx context.Context, socket net.Conn, m *Message) error {
	defer interruptible(ctx, socket.SetWriteDeadline)()
	return m.Write(socket)
}

// expect gives the request a match tag of its own. Flux takes 0 for none.
func (c *connection) expect(request *Message, answer chan<- *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for taken := true; taken; _, taken = c.waiting[c.lastTag] {
		c.lastTag = max(c.lastTag+1, 1)
	}
	request.MatchTag = c.lastTag
	c.waiting[c.lastTag] = answer
}

// forget has a response dropped that comes later.
func (c *connection) forget(tag uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, tag)
}

// receive passes responses on until the connection is broken.
func (c *connection) receive() {
	reader := bufio.NewReader(c.socket)
	for {
		message, err := Read(reader)
		if errors.Is(err, io.EOF) {
			err = errors.New("the broker has closed the connection")
		}
		if err == nil && message.Type != TypeResponse {
			err = fmt.Errorf("the broker sent an unexpected %v %s", message.Type, message.Topic)
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.mu.Lock()
		if answer, waits := c.waiting[message.MatchTag]; waits {
			answer <- message // there is room: a second one finds nobody
			delete(c.waiting, message.MatchTag)
		}
		c.mu.Unlock()
	}
}

// fail breaks the connection for a reason. The first one counts.
func (c *connection) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
	default:
		c.err = err
		close(c.done)
		c.socket.Close()
	}
}
