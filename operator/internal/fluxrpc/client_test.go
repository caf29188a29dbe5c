package fluxrpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serve serves on a socket until the test ends or stop is called, and returns its path.
func serve(t *testing.T, path string, handler Handler) (stop func()) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, handler) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// answer answers a request, and fails no test: the client may be gone.
func answer(r *Request, payload any) { _ = r.Respond(payload) }

// echo answers with what it was asked.
func echo(_ context.Context, r *Request) {
	var number int
	_ = r.Unpack(&number)
	answer(r, number)
}

func newSocket(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "fluxrpc") // t.TempDir() may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return filepath.Join(folder, "local")
}

func newClient(t *testing.T, address string) *Client {
	t.Helper()
	client, err := New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestAddressesOfOtherKindsAreRefused(t *testing.T) {
	for _, address := range []string{"", "local://", "ssh://host/path", "tcp://host:1"} {
		if _, err := New(address); err == nil || !strings.Contains(err.Error(), "local://PATH") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestRequestsShareAConnection(t *testing.T) {
	socket := newSocket(t)
	release := make(chan struct{})
	serve(t, socket, func(ctx context.Context, r *Request) {
		if r.Topic == "test.slow" {
			<-release
		}
		echo(ctx, r)
	})
	client := newClient(t, "local://"+socket)
	slow := make(chan error, 1)
	go func() {
		var got int
		err := client.Request(t.Context(), "test.slow", 1000, &got)
		if err == nil && got != 1000 {
			err = errors.New("the answer to another request")
		}
		slow <- err
	}()
	var asking sync.WaitGroup
	for i := range 100 {
		asking.Go(func() {
			var got int
			if err := client.Request(t.Context(), "test.echo", i, &got); err != nil || got != i {
				t.Errorf("%d: %d, %v", i, got, err)
			}
		})
	}
	asking.Wait() // although the first has no answer
	first := client.connection
	close(release)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if err := client.Request(t.Context(), "test.echo", 1, nil); err != nil || client.connection != first || len(first.waiting) != 0 {
		t.Errorf("%v; another connection: %v; still waiting: %d", err, client.connection != first, len(first.waiting))
	}
}

func TestRequestsAreForTheLead(t *testing.T) {
	socket := newSocket(t)
	seen := make(chan *Message, 1)
	serve(t, socket, func(_ context.Context, r *Request) {
		seen <- r.Message
		answer(r, nil)
	})
	if err := newClient(t, socket).Request(t.Context(), "test.x", nil, nil); err != nil {
		t.Fatal(err)
	}
	if m := <-seen; m.Aux != 0 || m.Flags != FlagTopic|FlagRoute || m.MatchTag == 0 || m.UserID != UnknownUser {
		t.Errorf("%+v", m)
	}
}

func TestErrorsNameTopicNumberAndText(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, func(_ context.Context, r *Request) {
		switch r.Topic {
		case "test.refuse":
			_ = r.RespondError(syscall.EINVAL, "idset is out of range\n")
		case "test.empty":
			answer(r, nil)
		case "test.other":
			answer(r, "text")
		}
	})
	client := newClient(t, socket)
	var into struct{}
	err := client.Request(t.Context(), "test.refuse", nil, &into)
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.Text != "idset is out of range" || !errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EPERM) ||
		err.Error() != "flux test.refuse: invalid argument: idset is out of range" {
		t.Errorf("refused: %v", err)
	}
	for topic, want := range map[string]string{"test.empty": "no payload", "test.other": "response test.other: json"} {
		if err := client.Request(t.Context(), topic, nil, &into); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", topic, err, want)
		}
	}
	const want = "payload of the request test.x"
	if err := client.Request(t.Context(), "test.x", func() {}, nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a payload that is no JSON: %v", err)
	}
	if _, err := client.Stream(t.Context(), "test.x", func() {}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a payload of a stream that is no JSON: %v", err)
	}
}

func TestRequestEndsWithItsContextAndItsAnswerIsDropped(t *testing.T) {
	socket := newSocket(t)
	asked, release := make(chan struct{}), make(chan struct{})
	serve(t, socket, func(ctx context.Context, r *Request) {
		if r.Topic == "test.slow" {
			close(asked)
			<-release
		}
		echo(ctx, r)
	})
	client := newClient(t, socket)
	cause := errors.New("the pod is being stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(cause)
	}()
	if err := client.Request(ctx, "test.slow", 1, nil); !errors.Is(err, cause) || !strings.Contains(err.Error(), "flux test.slow") {
		t.Errorf("%v, want the context's cause and the topic", err)
	}
	first := client.connection
	close(release)
	var got int
	if err := client.Request(t.Context(), "test.echo", 2, &got); err != nil || got != 2 || client.connection != first {
		t.Errorf("after it: %d, %v", got, err)
	}
}

func TestContextEndsWaitingForAcceptance(t *testing.T) {
	socket := newSocket(t)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() // which never accepts
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	client := newClient(t, socket)
	if err := client.Request(ctx, "test.x", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("request: %v", err)
	}
	if _, err := client.Stream(ctx, "test.x", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stream: %v", err)
	}
}

func TestContextEndsWaitingForRoomToWrite(t *testing.T) {
	socket := newSocket(t)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	accepting := make(chan net.Conn, 1)
	go func() {
		connection, err := listener.Accept()
		if err == nil {
			_, _ = connection.Write([]byte{accepted})
			_, _ = connection.Read(make([]byte, 1)) // and reads no more
			accepting <- connection
			cancel()
		}
	}()
	client := newClient(t, socket)
	if err := client.Request(ctx, "test.x", strings.Repeat("x", 1<<24), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	select {
	case <-client.connection.done:
	default:
		t.Error("a connection with half a message on it is used again")
	}
	(<-accepting).Close()
}

func TestRefusedConnectionSaysWhy(t *testing.T) {
	socket := newSocket(t)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if connection, err := listener.Accept(); err == nil {
			_, _ = connection.Write([]byte{byte(syscall.EPERM)})
			connection.Close()
		}
	}()
	if err := newClient(t, socket).Request(t.Context(), "test.x", nil, nil); !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), socket) {
		t.Errorf("%v, want EPERM and the socket", err)
	}
}

func TestBrokenConnectionIsOpenedAnew(t *testing.T) {
	socket := newSocket(t)
	client := newClient(t, socket)
	if err := client.Request(t.Context(), "test.echo", 1, nil); !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), socket) {
		t.Errorf("without a broker: %v, want ENOENT and the socket", err)
	}
	asked := make(chan struct{})
	stop := serve(t, socket, func(ctx context.Context, r *Request) {
		close(asked)
		<-ctx.Done() // without an answer
	})
	lost := make(chan error, 1)
	go func() { lost <- client.Request(t.Context(), "test.lost", nil, nil) }()
	<-asked
	stop()
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "flux test.lost: the broker has closed the connection") {
		t.Errorf("a request whose broker ends: %v", err)
	}
	serve(t, socket, echo)
	var got int
	if err := client.Request(t.Context(), "test.echo", 2, &got); err != nil || got != 2 {
		t.Errorf("with another broker: %d, %v", got, err)
	}
}

func TestClosedClientAsksNobody(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, echo)
	client := newClient(t, socket)
	for range 2 {
		client.Close()
		if err := client.Request(t.Context(), "test.echo", 1, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v, want net.ErrClosed", err)
		}
	}
}

// speak plays a broker that accepts one connection, reads a request, says data, and goes
// at once or with the client.
func speak(t *testing.T, data []byte, goes bool) *Client {
	t.Helper()
	socket := newSocket(t)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = connection.Write([]byte{accepted})
		if _, err := Read(connection); err == nil {
			_, _ = connection.Write(data)
			if !goes {
				_, _ = Read(connection)
			}
		}
	}()
	return newClient(t, socket)
}

func TestWhatIsNotUnderstoodBreaksTheConnection(t *testing.T) {
	written := func(m Message) []byte {
		var data bytes.Buffer
		if err := m.Write(&data); err != nil {
			t.Fatal(err)
		}
		return data.Bytes()
	}
	for want, data := range map[string][]byte{
		"unexpected event heartbeat.pulse": written(Message{Type: TypeEvent, Flags: FlagTopic, Topic: "heartbeat.pulse", MatchTag: 1}),
		"unexpected request x":             written(Message{Type: TypeRequest, Flags: FlagTopic, Topic: "x", MatchTag: 1}),
		"unexpected control":               written(Message{Type: TypeControl, MatchTag: 1}),
		"Flux's messages begin with":       []byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		if err := speak(t, data, false).Request(t.Context(), "test.x", nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("request: %v, want %q", err, want)
		}
		stream, err := speak(t, data, false).Stream(t.Context(), "test.x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Next(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("stream: %v, want %q", err, want)
		}
	}
}

// TestAnswerBeforeTheEndCounts: of a broker that answers and goes.
func TestAnswerBeforeTheEndCounts(t *testing.T) {
	var answered bytes.Buffer
	if err := (&Message{Type: TypeResponse, Flags: FlagTopic, Topic: "test.x", MatchTag: 1}).Write(&answered); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if err := speak(t, answered.Bytes(), true).Request(t.Context(), "test.x", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRequestWaitsForItsTurnNoLongerThanItsContext(t *testing.T) {
	client := newClient(t, newSocket(t))
	client.turn <- struct{}{} // somebody writes
	cause := errors.New("the pod is being stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := client.Request(ctx, "test.x", nil, nil); !errors.Is(err, cause) {
		t.Errorf("%v, want the context's cause", err)
	}
}

func TestTextOfAnErrorIsCut(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, func(_ context.Context, r *Request) {
		_ = r.RespondError(syscall.EINVAL, "no "+strings.Repeat("ƒ", 5000))
	})
	err := newClient(t, socket).Request(t.Context(), "test.x", nil, nil)
	if err == nil || len(err.Error()) > 1100 || !strings.Contains(err.Error(), "no ƒƒ") || !strings.HasSuffix(err.Error(), "ƒ…") {
		t.Errorf("%v", err)
	}
}

func TestServerEndsAConnectionThatItDoesNotUnderstand(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, echo)
	for _, m := range []Message{{Type: TypeResponse}, {Type: TypeEvent}} {
		connection, err := dial(t.Context(), socket)
		if err != nil {
			t.Fatal(err)
		}
		if err = m.Write(connection); err != nil {
			t.Fatal(err)
		}
		if _, err = Read(connection); !errors.Is(err, io.EOF) {
			t.Errorf("after a %v: %v, want io.EOF", m.Type, err)
		}
		connection.Close()
	}
}

func TestStreamEndsWhenTheServiceSaysSo(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, func(_ context.Context, r *Request) {
		var n int
		if err := r.Unpack(&n); err != nil || !r.Streaming() {
			_ = r.RespondError(syscall.EPROTO, "a stream of a number is wanted")
			return
		}
		for i := range n {
			answer(r, i)
		}
		_ = r.RespondError(syscall.ENODATA, "")
	})
	client := newClient(t, socket)
	stream, err := client.Stream(t.Context(), "test.count", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for want := range 1000 {
		var got int
		if err = stream.Next(&got); err != nil || got != want {
			t.Fatalf("%d, %v, want %d", got, err, want)
		}
	}
	for range 2 {
		if err = stream.Next(nil); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	}
	stream, err = client.Stream(t.Context(), "test.count", "many")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Next(nil); !errors.Is(err, syscall.EPROTO) || !strings.Contains(err.Error(), "a number is wanted") {
		t.Errorf("refused: %v", err)
	}
}

// endless streams until nobody waits any more, and then says so.
func endless(gone chan<- struct{}) Handler {
	return func(ctx context.Context, r *Request) {
		answer(r, 1)
		<-ctx.Done()
		gone <- struct{}{}
	}
}

func TestStreamEndsWithItsContextAndTheServiceLearnsIt(t *testing.T) {
	socket, gone := newSocket(t), make(chan struct{}, 1)
	serve(t, socket, endless(gone))
	client := newClient(t, socket)
	cause := errors.New("the pod is being stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	stream, err := client.Stream(ctx, "test.endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Next(nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stream.Next(nil) }()
	cancel(cause)
	if err := <-ended; !errors.Is(err, cause) || !strings.Contains(err.Error(), "flux test.endless") {
		t.Errorf("%v, want the context's cause and the topic", err)
	}
	<-gone
	stream.Close()
}

func TestClosedStreamEndsAndTheServiceLearnsIt(t *testing.T) {
	socket, gone := newSocket(t), make(chan struct{}, 1)
	serve(t, socket, endless(gone))
	stream, err := newClient(t, socket).Stream(t.Context(), "test.endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Next(nil); err != nil {
		t.Fatal(err)
	}
	stream.Close()
	<-gone
	stream.Close()
	if err := stream.Next(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

func TestStreamOfABrokerThatEndsIsAnError(t *testing.T) {
	socket, gone := newSocket(t), make(chan struct{}, 1)
	stop := serve(t, socket, endless(gone))
	stream, err := newClient(t, socket).Stream(t.Context(), "test.endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Next(nil); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := stream.Next(nil); err == nil || !strings.Contains(err.Error(), "the broker has closed the connection") {
		t.Errorf("%v", err)
	}
}

func TestSlowReaderOfAStreamHoldsUpNoRequest(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, func(ctx context.Context, r *Request) {
		for r.Streaming() {
			if r.Respond(strings.Repeat("x", 1<<16)) != nil {
				return
			}
		}
		echo(ctx, r)
	})
	client := newClient(t, socket)
	stream, err := client.Stream(t.Context(), "test.endless", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for i := range 100 {
		if err := client.Request(t.Context(), "test.echo", i, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMatchTagsThatWaitAreNotGivenAgain(t *testing.T) {
	c := &connection{waiting: map[uint32]chan<- *Message{1: nil, 2: nil}, lastTag: 1<<32 - 2}
	var tags []uint32
	for range 3 {
		var m Message
		c.expect(&m, nil)
		tags = append(tags, m.MatchTag)
	}
	if tags[0] != 1<<32-1 || tags[1] != 3 || tags[2] != 4 {
		t.Errorf("tags %v, want 4294967295, 3, 4", tags)
	}
}

func TestServerAnswersNoRequestThatWantsNone(t *testing.T) {
	socket := newSocket(t)
	serve(t, socket, echo)
	connection, err := dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	for i, flags := range []Flags{FlagNoResponse, 0} {
		request, err := newRequest("test.echo", 1, flags)
		if err != nil {
			t.Fatal(err)
		}
		request.MatchTag = uint32(i + 1)
		request.Route = []string{"me"}
		if err := request.Write(connection); err != nil {
			t.Fatal(err)
		}
	}
	if response, err := Read(connection); err != nil || response.MatchTag != 2 || len(response.Route) != 1 || response.Route[0] != "me" {
		t.Errorf("%+v, %v, want the answer to the second", response, err)
	}
}
