package endpoint

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

// served is an endpoint that is being served for a test.
type served struct {
	flux    *fakeFlux
	queue   *fakeQueue
	counter *fakeCounter
	token   string
	url     string
	client  *http.Client
	stop    context.CancelFunc
	ended   <-chan error
}

func serve(t *testing.T) *served {
	t.Helper()
	own := credentialsOf(t, "own")
	files := writeFiles(t, own.CertPEM, own.KeyPEM, own.Token+"\n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := credentials.ClientTLS(own.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	s := &served{
		flux: newFakeFlux(), queue: &fakeQueue{}, counter: &fakeCounter{}, token: own.Token, url: "https://" + listener.Addr().String(),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: config}}, stop: stop, ended: ended,
	}
	go func() { ended <- Serve(ctx, listener, files, NewDrainer(s.flux), s.queue, s.counter, nil) }()
	t.Cleanup(func() { stop(); s.client.CloseIdleConnections() })
	return s
}

// credentialsOf returns the credentials of the MiniCluster with this UID.
func credentialsOf(t *testing.T, uid string) credentials.Credentials {
	t.Helper()
	c, err := credentials.Derive(make([]byte, credentials.KeySize), credentials.MiniCluster{Name: "sample", UID: uid, Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func writeFiles(t *testing.T, certificate, key []byte, token string) Files {
	t.Helper()
	folder := t.TempDir()
	files := Files{Token: filepath.Join(folder, "token"), TLSCert: filepath.Join(folder, "crt"), TLSKey: filepath.Join(folder, "key")}
	for path, content := range map[string][]byte{files.Token: []byte(token), files.TLSCert: certificate, files.TLSKey: key} {
		if err := os.WriteFile(path, content, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// ask returns status and body of an answer.
func (s *served) ask(t *testing.T, method, path, authorization string, body io.Reader) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (s *served) bearer() string { return "Bearer " + s.token }

func TestEndpointServesWhatOperatorAndAgentAgreedUpon(t *testing.T) {
	s := serve(t)
	s.flux.run(t, "ƒ1", "3")
	status, body := s.ask(t, http.MethodPut, agentapi.PathDrain, s.bearer(), strings.NewReader(`{"ranks":"2-3","fieldOfANewerOperator":1}`))
	if want := `{"busy":"3","jobs":["ƒ1"],"jobCount":1}` + "\n"; status != http.StatusOK || body != want {
		t.Errorf("drain: %d %q, want 200 %q", status, body, want)
	}
	if got := s.flux.drained(t, agentapi.DrainReason); got != "2-3" {
		t.Errorf("drained %q, want 2-3", got)
	}
}

func TestWithoutTheTokenNobodyLearnsAnything(t *testing.T) {
	s := serve(t)
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Bearer wrong", "Bearer " + s.token[1:], "Bearer  " + s.token, "Basic " + s.token, s.token,
		"Bearer " + s.token + "x",
	} {
		for _, path := range []string{agentapi.PathDrain, agentapi.PathQueue, "/", "/nothing"} {
			status, body := s.ask(t, http.MethodPut, path, authorization, strings.NewReader(`{"ranks":"3"}`))
			if status != http.StatusUnauthorized || body != "" {
				t.Errorf("PUT %s with %q: %d %q, want 401 and nothing else", path, authorization, status, body)
			}
		}
	}
	if got := s.flux.changed(); got != "" {
		t.Errorf("strangers have changed %q", got)
	}
}

func TestErrorsAreAnsweredWithTheirStatus(t *testing.T) {
	s := serve(t)
	tests := []struct {
		method, path, body string
		status             int
		message            string
	}{
		{http.MethodPut, agentapi.PathDrain, `{"ranks":"3-1"}`, http.StatusBadRequest, `ranks: set of ranks "3-1": range 3-1 must end after it begins`},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":"flux-sample-3"}`, http.StatusBadRequest, `ranks: set of ranks "flux-sample-3"`},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":"2","known":"x","waitSeconds":1}`, http.StatusBadRequest, `known: set of ranks "x"`},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":"3","waitSeconds":1000}`, http.StatusBadRequest, "waitSeconds 1000 must be from 0 to 300"},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":`, http.StatusBadRequest, "not as agreed"},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":3}`, http.StatusBadRequest, "not as agreed"},
		{http.MethodPut, agentapi.PathDrain, `{"ranks":"3"}{}`, http.StatusBadRequest, "not as agreed"},
		{http.MethodPut, agentapi.PathDrain, strings.Repeat(" ", maxBody+1), http.StatusBadRequest, "at most 1048576 bytes"},
		{http.MethodPost, agentapi.PathQueue, `{}`, http.StatusBadRequest, "maxSize 0 must be from 1 to 100000"},
		{http.MethodPost, agentapi.PathQueue, `{"maxSize":100001}`, http.StatusBadRequest, "maxSize 100001 must be from 1 to 100000"},
		{http.MethodPost, agentapi.PathQueue, `{"maxSize":4,"waitSeconds":301}`, http.StatusBadRequest, "waitSeconds 301 must be from 0 to 300"},
		{http.MethodPost, agentapi.PathQueue, `{"maxSize":"4"}`, http.StatusBadRequest, "not as agreed"},
	}
	for _, tt := range tests {
		status, body := s.ask(t, tt.method, tt.path, s.bearer(), strings.NewReader(tt.body))
		var answer agentapi.Error
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != tt.status || !strings.Contains(answer.Error, tt.message) {
			t.Errorf("%s %s: %d %q, want %d and an error with %q", tt.method, tt.path, status, body, tt.status, tt.message)
		}
	}
	s.flux.fail(errors.New("no answer within 10s"))
	status, body := s.ask(t, http.MethodPut, agentapi.PathDrain, s.bearer(), strings.NewReader(`{"ranks":"3"}`))
	if status != http.StatusBadGateway || !strings.Contains(body, "no answer within 10s") {
		t.Errorf("with a silent Flux: %d %q, want 502 and its error", status, body)
	}
	if status, _ := s.ask(t, http.MethodDelete, agentapi.PathDrain, s.bearer(), nil); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d, want 405", status)
	}
	if status, _ := s.ask(t, http.MethodGet, "/v2/drain", s.bearer(), nil); status != http.StatusNotFound {
		t.Errorf("an unknown path: %d, want 404", status)
	}
}

func TestSupersededRequestIsAnsweredWithConflict(t *testing.T) {
	s := serve(t)
	s.flux.run(t, "ƒ1", "3")
	type result struct {
		status int
		body   string
	}
	older := make(chan result, 1)
	go func() {
		status, body := s.ask(t, http.MethodPut, agentapi.PathDrain, s.bearer(), strings.NewReader(`{"ranks":"3","waitSeconds":300,"known":"3"}`))
		older <- result{status, body}
	}()
	awaitLook(t, s.flux)
	if status, body := s.ask(t, http.MethodPut, agentapi.PathDrain, s.bearer(), strings.NewReader(`{"ranks":""}`)); status != http.StatusOK {
		t.Errorf("newer request: %d %q, want 200", status, body)
	}
	if got := <-older; got.status != http.StatusConflict || !strings.Contains(got.body, "newer") {
		t.Errorf("older request: %+v, want 409 that says why", got)
	}
}

// awaitLook waits until a request looks for idleness.
func awaitLook(t *testing.T, flux *fakeFlux) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for flux.looked() == 0 {
		if time.Now().After(deadline) {
			t.Fatal("nobody has looked for 10 s")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestStoppingEndsWaitingRequests(t *testing.T) {
	s := serve(t)
	s.flux.run(t, "ƒ1", "3")
	waiting := make(chan int, 1)
	go func() {
		status, _ := s.ask(t, http.MethodPut, agentapi.PathDrain, s.bearer(), strings.NewReader(`{"ranks":"3","waitSeconds":300,"known":"3"}`))
		waiting <- status
	}()
	awaitLook(t, s.flux)
	s.stop()
	if status := <-waiting; status != http.StatusServiceUnavailable {
		t.Errorf("a waiting request ended with %d, want 503", status)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("Serve() = %v, want nil", err)
	}
}

func TestEndpointInsistsOnTLS13(t *testing.T) {
	s := serve(t)
	config := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	connection, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config)
	if err == nil {
		_ = connection.Close()
		t.Error("a connection with TLS 1.2 succeeded")
	}
	// A stranger's certificate is not what the operator accepts.
	if config, err = credentials.ClientTLS(credentialsOf(t, "other").CertPEM); err != nil {
		t.Fatal(err)
	}
	if connection, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), config); err == nil {
		_ = connection.Close()
		t.Error("a client with another certificate accepted the endpoint")
	}
}

func TestServeRefusesCredentialsThatLetAnybodyIn(t *testing.T) {
	own := credentialsOf(t, "own")
	tests := []struct {
		name  string
		files Files
		want  string
	}{
		{"empty token", writeFiles(t, own.CertPEM, own.KeyPEM, " \n"), "is empty"},
		{"no token", Files{Token: filepath.Join(t.TempDir(), "none")}, "none"},
		{"key of another certificate", writeFiles(t, credentialsOf(t, "other").CertPEM, own.KeyPEM, own.Token), "TLS certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			err = Serve(t.Context(), listener, tt.files, NewDrainer(newFakeFlux()), &fakeQueue{}, &fakeCounter{}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Serve() = %v, want an error with %q", err, tt.want)
			}
			if err != nil && bytes.Contains([]byte(err.Error()), []byte(own.Token)) {
				t.Error("the error contains the token")
			}
			if _, err := listener.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener is still open: %v", err)
			}
		})
	}
}
