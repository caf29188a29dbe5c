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
	rests    bool
	busy     []int
	changed  chan struct{} // closed when busy, or what queue says, changes
	requests int
	refused  int
	server   *http.Server

	// instead, when not nil, answers what is asked about drains.
	instead http.HandlerFunc
	// earlier makes it an agent that tells nothing of a queue.
	earlier   bool
	queue     demand
	revision  int
	idleSince map[int]time.Time // by rank
	asked     int               // how often for the queue
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
	l := newLead(t)
	spec.Pod.Annotations = map[string]string{leadAddress: l.address}
	enabled := true
	spec.Flux.Enabled = &enabled
	return createIn(t, namespace, spec), l
}

// newLead returns a lead with an address of its own.
func newLead(t testing.TB) *lead {
	n := int(lastAddress.Add(1))
	// Leads of all runs on a machine listen at one port; the process's number keeps runs apart.
	return &lead{t: t, address: fmt.Sprintf("127.%d.%d.%d", 9+os.Getpid()%200, n/250, 1+n%250), changed: make(chan struct{})}
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
	known := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != token {
				l.mu.Lock()
				l.refused++
				l.mu.Unlock()
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next(w, r)
		}
	}
	mux.HandleFunc("PUT /v1/drain", known(func(w http.ResponseWriter, r *http.Request) {
		if l.instead != nil {
			l.instead(w, r)
			return
		}
		l.drain(w, r)
	}))
	mux.HandleFunc("POST /v1/queue", known(l.tellQueue))
	mux.HandleFunc("GET /v1/counts", known(l.tellCounts))
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
		Rest         bool
		WaitSeconds  int
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.drained, l.rests = request.Ranks, request.Rest
	l.hold(r, request.WaitSeconds, func() bool {
		busy := l.busyOf(request.Ranks)
		return busy != request.Known || busy == ""
	})
	busy := l.busyOf(request.Ranks)
	_ = json.NewEncoder(w).Encode(map[string]any{"busy": busy, "jobCount": len(ranksOf(busy)), "waiting": l.queue.pending + l.queue.held})
}

// hold waits until there is news, the time is over, or the caller has gone. It needs the
// lock, and gives it up while it waits.
func (l *lead) hold(r *http.Request, seconds int, isNews func() bool) {
	over := time.After(time.Duration(seconds) * time.Second)
	for waits := seconds > 0; waits && !isNews(); {
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			waits = false
		case <-r.Context().Done():
			waits = false
		}
		l.mu.Lock()
	}
}

// demand is what a lead's instance has to do.
type demand struct {
	running, pending, held int
	// wanted is the number of ranks that all of it takes.
	wanted int
	// largest is the pending job that takes the most ranks, and tooLarge one that fits
	// into no size.
	largest, tooLarge *queueJob
	busy              []int
	// up is the number of ranks that are online.
	up int
}

// queueJob is agentapi.QueueJob.
type queueJob struct {
	ID    string `json:"id"`
	Ranks int    `json:"ranks"`
	Why   string `json:"why,omitempty"`
}

// has makes the instance have this to do. Ranks that were idle and still are go on being
// so.
func (l *lead) has(d demand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.idleSince
	l.idleSince = map[int]time.Time{}
	for rank := range d.up {
		if !slices.Contains(d.busy, rank) {
			if l.idleSince[rank] = before[rank]; before[rank].IsZero() {
				l.idleSince[rank] = time.Now()
			}
		}
	}
	l.queue = d
	l.revision++
	l.becomeBusy(d.busy)
}

// idleFor makes all idle ranks have been so for a time.
func (l *lead) idleFor(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rank := range l.idleSince {
		l.idleSince[rank] = time.Now().Add(-d)
	}
	l.revision++
	l.becomeBusy(l.busy)
}

func (l *lead) tellQueue(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Known       string
		WaitSeconds int
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if l.earlier {
		http.NotFound(w, r)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.hold(r, request.WaitSeconds, func() bool { return request.Known != strconv.Itoa(l.revision) })
	_ = json.NewEncoder(w).Encode(l.report())
}

func (l *lead) tellCounts(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.queue
	nodes := map[string]int{"up": d.up, "free": d.up - len(d.busy)}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"nodes": nodes, "cores": nodes, "gpus": map[string]int{}, "jobs": map[string]int{"depend": d.held, "sched": d.pending, "run": d.running},
	})
}

// report needs the lock.
func (l *lead) report() map[string]any {
	d := l.queue
	var idle []map[string]any
	for rank, since := range l.idleSince {
		idle = append(idle, map[string]any{"ranks": strconv.Itoa(rank), "seconds": time.Since(since).Seconds()})
	}
	report := map[string]any{
		"revision": strconv.Itoa(l.revision), "running": d.running, "pending": d.pending, "held": d.held, "wanted": d.wanted,
		"busy": joinRanks(d.busy), "idle": idle, "largest": d.largest,
	}
	if d.tooLarge != nil {
		report["tooLarge"], report["tooLargeCount"] = []queueJob{*d.tooLarge}, 1
	}
	return report
}

// busyOf needs the lock.
func (l *lead) busyOf(ranks string) string {
	var busy []int
	for _, rank := range ranksOf(ranks) {
		if slices.Contains(l.busy, rank) {
			busy = append(busy, rank)
		}
	}
	return joinRanks(busy)
}

// joinRanks writes ranks as a set.
func joinRanks(ranks []int) string {
	var text []string
	for _, rank := range ranks {
		text = append(text, strconv.Itoa(rank))
	}
	return strings.Join(text, ",")
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

// waitForRest waits until the instance of so many ranks rests.
func (l *lead) waitForRest(ranks string) {
	l.t.Helper()
	l.waitForDrained(ranks)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rests {
		l.t.Errorf("ranks %s are drained one by one: the queue is not stopped", ranks)
	}
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
