package leads

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

func credentialsOf(t *testing.T, uid string) credentials.Credentials {
	t.Helper()
	c, err := credentials.Derive(make([]byte, credentials.KeySize), credentials.MiniCluster{Name: "sample", UID: uid, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve answers at an address of its own as the lead of MiniCluster "a" would, and counts
// the connections.
func serve(t *testing.T, handler http.HandlerFunc) (lead Lead, connections *int) {
	t.Helper()
	known := credentialsOf(t, "a")
	pair, err := tls.X509KeyPair(known.CertPEM, known.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	connections = new(int)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			*connections++
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return dialAt(t, server, known), connections
}

// dialAt returns the server as a lead, at whatever port it listens.
func dialAt(t *testing.T, server *httptest.Server, c credentials.Credentials) Lead {
	t.Helper()
	lead, err := Dial("127.0.0.1", c)
	if err != nil {
		t.Fatal(err)
	}
	lead.(*endpoint).host = server.Listener.Addr().String()
	t.Cleanup(lead.Close)
	return lead
}

func ask(t *testing.T, lead Lead) (string, error) {
	var answer struct{ Text string }
	err := lead.Ask(t.Context(), Request{Method: http.MethodPost, Path: "/v1/x", Body: map[string]string{"a": "b"}, Answer: &answer})
	return answer.Text, err
}

func TestRequestsShareAConnection(t *testing.T) {
	n := 0
	lead, connections := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 3 {
			w.Header().Set("Connection", "close")
		}
		body := make([]byte, 9)
		_, _ = r.Body.Read(body)
		fmt.Fprintf(w, `{"text":"%s %s %d %s"}`, r.Method, r.URL.Path, n, strings.ReplaceAll(string(body), `"`, "'"))
	})
	for i := range 4 {
		got, err := ask(t, lead)
		if want := fmt.Sprintf("POST /v1/x %d {'a':'b'}", i+1); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if *connections != 2 {
		t.Errorf("%d connections, want 2: one was closed by the lead", *connections)
	}
}

func TestFailuresSayWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"another token": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "does not have the credentials"},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			fmt.Fprint(w, `{"error":"Flux is away"}`)
		}, "502 Bad Gateway: Flux is away"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html>`) }, "decode the answer"},
		"no end of its head": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", longestHead+longestAnswer))
		}, "head of its answer has more than 65536 bytes"},
		"no end":           {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", longestAnswer+1)) }, "more than 1048576 bytes"},
		"no answer at all": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "read the answer"},
	} {
		lead, _ := serve(t, test.handler)
		if _, err := ask(t, lead); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestStatusOfARefusalIsKept(t *testing.T) {
	lead, _ := serve(t, http.NotFound)
	_, err := ask(t, lead)
	if refused, is := errors.AsType[*StatusError](err); !is || refused.Code != http.StatusNotFound {
		t.Errorf("%v, want 404", err)
	}
}

func TestAnotherCertificateIsAStranger(t *testing.T) {
	lead, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	other, err := Dial("127.0.0.1", credentialsOf(t, "b"))
	if err != nil {
		t.Fatal(err)
	}
	other.(*endpoint).host = lead.(*endpoint).host
	if _, err := ask(t, other); !errors.Is(err, errStranger) {
		t.Errorf("%v, want a stranger", err)
	}
}

// wait holds the answer back until nobody waits for it. That is noticed once the request
// is read.
func wait(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// TestWaitingEndsWithTheContext: a conversation that is dropped holds no connection.
func TestWaitingEndsWithTheContext(t *testing.T) {
	asked := make(chan struct{})
	lead, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { close(asked); wait(r) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- lead.Ask(ctx, Request{Method: http.MethodPost, Path: "/v1/x", Wait: time.Hour}) }()
	<-asked
	cancel()
	if err := <-done; err == nil {
		t.Error("an answer that never came")
	}
	if lead.(*endpoint).conn != nil {
		t.Error("the connection is kept")
	}
}

func TestWaitingEndsWithItsTime(t *testing.T) {
	lead, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { wait(r) })
	err := lead.Ask(t.Context(), Request{Method: http.MethodPost, Path: "/v1/x", Wait: 50*time.Millisecond - patience})
	if err == nil || !strings.Contains(plainly(err), "timeout") {
		t.Errorf("%v, want a timeout", err)
	}
}
