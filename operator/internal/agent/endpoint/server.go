package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// shutdownTime bounds how long requests are waited for when the agent stops. A
// command of Flux that changes something may take its whole time.
const shutdownTime = 12 * time.Second

// Files that the endpoint's credentials are read from, once, at the start.
type Files struct {
	// Token is the bearer token. White space around it does not count.
	Token string
	// TLSCert and TLSKey are in PEM.
	TLSCert, TLSKey string
}

// Serve serves the instance of drainer, queue and counter on listener, with TLS 1.3 and to who knows
// the token only, until ctx is done. Then waiting requests end with 503, changes that
// have begun are finished, and Serve returns nil. It closes the listener in any
// case. What goes wrong with single connections goes to connectionLog; nil: it is
// of no interest.
func Serve(ctx context.Context, listener net.Listener, files Files, drainer *Drainer, queue Queue, counter Counter, connectionLog *log.Logger) error {
	defer func() { _ = listener.Close() }()
	token, err := readToken(files.Token)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(files.TLSCert, files.TLSKey)
	if err != nil {
		return fmt.Errorf("TLS certificate of the agent's endpoint: %w", err)
	}
	if connectionLog == nil {
		connectionLog = log.New(io.Discard, "", 0)
	}
	requests, endRequests := context.WithCancel(context.Background())
	defer endRequests()
	server := &http.Server{
		Handler: handler(drainer, queue, counter, token),
		// No ReadTimeout nor WriteTimeout: a request may wait for long. The handler
		// sets both where it reads and writes.
		ReadHeaderTimeout: exchangeTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          connectionLog,
		Protocols:         new(http.Protocols),
		BaseContext:       func(net.Listener) context.Context { return requests },
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
	}
	// The handler's deadlines are those of a connection; HTTP/2 has many requests
	// on one.
	server.Protocols.SetHTTP1(true)

	stopped := make(chan error, 1)
	stopWatching := context.AfterFunc(ctx, func() {
		endRequests()
		bounded, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		stopped <- server.Shutdown(bounded)
	})
	err = server.ServeTLS(listener, "", "")
	if stopWatching() { // ctx is not done: the listener failed
		return fmt.Errorf("the agent's endpoint on %s: %w", listener.Addr(), err)
	}
	if err := <-stopped; err != nil {
		return errors.Join(fmt.Errorf("the agent's endpoint did not end within %v: %w", shutdownTime, err), server.Close())
	}
	return nil
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token of the agent's endpoint: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		// An empty token would let everybody in.
		return "", fmt.Errorf("token of the agent's endpoint: %s is empty; delete that Secret and the Job, and the operator makes new ones", path)
	}
	return token, nil
}
