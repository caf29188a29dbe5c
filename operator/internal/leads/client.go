package leads

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

const (
	// patience is how long the operator waits for what takes no time: a connection, or an
	// answer that the lead need not hold back any more.
	patience = 15 * time.Second
	// longestAnswer is the most that is read of an answer, in bytes.
	longestAnswer = 1 << 20
	// longestHead is the most that comes with it: HTTP's head, and marks between parts.
	longestHead = 64 << 10
	// longestProblem is the most that is kept of a lead's words, in bytes.
	longestProblem = 300
	// readBuffer is that of a connection, in bytes. There is one for each MiniCluster, and
	// most answers are small.
	readBuffer = 1 << 10
)

// keepAlive finds out within half a minute that a lead's node is gone. Nothing else does
// while an answer is held back.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// errStranger says that lead and operator do not know each other.
var errStranger = errors.New("it does not have the credentials that follow from the operator's key: the key, or the MiniCluster's Secret, is another one; delete that Secret and the Job to have the ranks started anew")

// StatusError is an answer that is no success.
type StatusError struct {
	// Code is HTTP's, and Status says it in HTTP's words.
	Code    int
	Status  string
	Message string
}

func (e *StatusError) Error() string { return e.Status + ": " + e.Message }

// Request is what a lead is told, or asked.
type Request struct {
	Method, Path string
	// Body is nil for none.
	Body any
	// Wait is how long the lead may hold back its answer.
	Wait time.Duration
	// Answer is where the answer goes.
	Answer any
}

// CredentialsOf returns those of a MiniCluster and its lead, by the operator's key.
func CredentialsOf(key []byte, mc metav1.Object) (credentials.Credentials, error) {
	return credentials.Derive(key, credentials.MiniCluster{
		Name: mc.GetName(), UID: string(mc.GetUID()), Created: mc.GetCreationTimestamp().Time,
	})
}

// Lead is the endpoint of one lead. It takes one request at a time.
type Lead interface {
	// Ask returns an error that says in words why there is no answer: a *StatusError
	// where the lead has refused.
	Ask(context.Context, Request) error
	Close()
}

// endpoint speaks HTTP on a connection of its own. It is no http.Client: that needs two
// more goroutines, with their stacks and buffers, for each connection that is held, and
// there is one for each MiniCluster that is scaled by its queue.
type endpoint struct {
	host  string
	token string
	tls   *tls.Config
	conn  *tls.Conn // nil while there is none
	in    *bufio.Reader
	// most bounds what is read of one answer. Of its head, HTTP bounds nothing.
	most *io.LimitedReader
}

// Dial returns the lead at the host, which knows us by the credentials. A connection is
// made with the first request.
func Dial(host string, c credentials.Credentials) (Lead, error) {
	config, err := credentials.ClientTLS(c.CertPEM)
	if err != nil {
		return nil, err
	}
	return &endpoint{host: net.JoinHostPort(host, strconv.Itoa(agentapi.AgentPort)), token: c.Token, tls: config}, nil
}

// Close ends the connection.
func (e *endpoint) Close() {
	if e.conn != nil {
		_ = e.conn.NetConn().Close() // Without TLS's goodbye, which could wait.
		e.conn, e.in, e.most = nil, nil, nil
	}
}

func (e *endpoint) Ask(ctx context.Context, r Request) error {
	code, answer, err := e.exchange(ctx, r)
	if err != nil {
		e.Close()
		return err
	}
	switch code {
	case http.StatusOK:
		if err := json.Unmarshal(answer, r.Answer); err != nil {
			return fmt.Errorf("decode the answer: %w", err)
		}
		return nil
	case http.StatusUnauthorized:
		return errStranger
	}
	var problem agentapi.Error
	_ = json.Unmarshal(answer, &problem) // The status says enough.
	return &StatusError{Code: code, Status: strings.TrimSpace(fmt.Sprint(code, " ", http.StatusText(code))), Message: Excerpt(problem.Error, longestProblem)}
}

// exchange sends the request and reads the answer, whose code is HTTP's. It follows no
// redirect: a lead has no say in whom the operator talks to.
func (e *endpoint) exchange(ctx context.Context, r Request) (code int, answer []byte, err error) {
	var body []byte
	if r.Body != nil {
		if body, err = json.Marshal(r.Body); err != nil {
			return 0, nil, fmt.Errorf("encode the request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, "https://"+e.host+r.Path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("make the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+e.token)
	request.Header.Set("Content-Type", "application/json")
	if err = e.connect(ctx); err != nil {
		return 0, nil, err
	}
	raw := e.conn.NetConn()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	if err = e.conn.SetDeadline(time.Now().Add(r.Wait + patience)); err != nil {
		return 0, nil, err
	}
	if err = request.Write(e.conn); err != nil {
		return 0, nil, fmt.Errorf("send the request: %w", err)
	}
	e.most.N = longestHead + longestAnswer
	response, err := http.ReadResponse(e.in, request)
	if err != nil && e.most.N <= 0 {
		return 0, nil, fmt.Errorf("the head of its answer has more than %d bytes", longestHead)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, longestAnswer+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	case len(answer) > longestAnswer:
		e.Close() // or what follows would be read until its end
		return 0, nil, fmt.Errorf("its answer has more than %d bytes", longestAnswer)
	case response.Close:
		e.Close()
	}
	return response.StatusCode, answer, nil
}

// connect makes a connection, unless there is one.
func (e *endpoint) connect(ctx context.Context) error {
	if e.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, "tcp", e.host)
	if err != nil {
		return err
	}
	conn := tls.Client(raw, e.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		if _, strange := errors.AsType[*tls.CertificateVerificationError](err); strange {
			return errStranger
		}
		return fmt.Errorf("greet it with TLS: %w", err)
	}
	e.conn, e.most = conn, &io.LimitedReader{R: conn}
	e.in = bufio.NewReaderSize(e.most, readBuffer)
	return nil
}
