package api

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// lead stands in for the agent of rank 0. It speaks the agent's protocol, and its
// instance of Flux is a list of busy ranks. The agent's tests check that the real
// one speaks the same protocol.
type lead struct {
	t       testing.TB
	address string

	mu       sync.Mutex
	drained  string
	busy     []int
	changed  chan struct{} // closed when busy changes
	requests int
	refused  int
	server   *http.Server
}

const agentPort = "8051"

var lastAddress atomic.Uint32

// createInstance makes a MiniCluster of Flux. Its lead has an address but does not
// answer yet.
func createInstance(t testing.TB, spec api.MiniClusterSpec) (miniCluster, *lead) {
	t.Helper()
	return createInstanceIn(t, newNamespace(t), spec)
}

func createInstanceIn(t testing.TB, namespace string, spec api.MiniClusterSpec) (miniCluster, *lead) {
	t.Helper()
	n := int(lastAddress.Add(1))
	// Leads of all runs on a machine listen at one port; the process's number keeps runs apart.
	l := &lead{t: t, address: fmt.Sprintf("127.%d.%d.%d", 9+os.Getpid()%200, n/250, 1+n%250), changed: make(chan struct{})}
	spec.Pod.Annotations = map[string]string{leadAddress: l.address}
	enabled := true
	spec.Flux.Enabled = &enabled
	return createIn(t, namespace, spec), l
}

// serve makes the lead answer, with the credentials of the MiniCluster's Secret.
func (l *lead) serve(m miniCluster) {
	l.t.Helper()
	secret := m.secret()
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	if err != nil {
		l.t.Fatalf("the Secret's certificate: %v", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(l.address, agentPort))
	if err != nil {
		l.t.Fatalf("listen as the lead: %v", err)
	}
	token := "Bearer " + string(secret.Data["token"])
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/drain", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != token {
			l.mu.Lock()
			l.refused++
			l.mu.Unlock()
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		l.drain(w, r)
	})
	l.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13},
	}
	server := l.server
	go func() { _ = server.ServeTLS(listener, "", "") }()
	l.t.Cleanup(l.stop)
}

// stop makes the lead stop answering. It keeps its state until it serves again.
func (l *lead) stop() { _ = l.server.Close() }

func (l *lead) drain(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Ranks, Known string
		WaitSeconds  int
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	over := time.After(time.Duration(request.WaitSeconds) * time.Second)
	l.mu.Lock()
	l.requests++
	l.drained = request.Ranks
	for {
		busy := l.busyOf(request.Ranks)
		if busy != request.Known || busy == "" || request.WaitSeconds == 0 {
			_ = json.NewEncoder(w).Encode(map[string]any{"busy": busy, "jobCount": len(ranksOf(busy))})
			l.mu.Unlock()
			return
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			request.WaitSeconds = 0
		case <-r.Context().Done():
			return
		}
		l.mu.Lock()
	}
}

// busyOf needs the lock.
func (l *lead) busyOf(ranks string) string {
	var busy []string
	for _, rank := range ranksOf(ranks) {
		if slices.Contains(l.busy, rank) {
			busy = append(busy, strconv.Itoa(rank))
		}
	}
	return strings.Join(busy, ",")
}

// setBusy says which ranks run jobs.
func (l *lead) setBusy(ranks ...int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.becomeBusy(ranks)
}

// becomeBusy needs the lock.
func (l *lead) becomeBusy(ranks []int) {
	l.busy = ranks
	close(l.changed)
	l.changed = make(chan struct{})
}

// waitForDrained waits until exactly these ranks are drained.
func (l *lead) waitForDrained(ranks string) {
	l.t.Helper()
	eventually(l.t, func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.drained != ranks || l.requests == 0 {
			return fmt.Errorf("after %d requests, %q is drained, want %q", l.requests, l.drained, ranks)
		}
		return nil
	})
}

// ranksOf reads a set of ranks such as "1,3-5".
func ranksOf(set string) []int {
	var ranks []int
	for part := range strings.SplitSeq(set, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		for rank := from; err1 == nil && err2 == nil && rank <= to; rank++ {
			ranks = append(ranks, rank)
		}
	}
	return ranks
}
