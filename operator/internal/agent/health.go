package agent

import (
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// health answers the probes of the rank's container: /healthz while the agent
// lives, /readyz while the broker is up.
type health struct {
	ready  atomic.Bool
	server *http.Server
}

func newHealth() *health {
	h := &health{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.ready.Load() {
			http.Error(w, "the broker is not up", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	h.server = &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 4 << 10}
	return h
}

func (h *health) setReady(ready bool) { h.ready.Store(ready) }

// listen serves on address until close.
func (h *health) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() { _ = h.server.Serve(l) }() // ends with close
	return nil
}

func (h *health) close() { _ = h.server.Close() }
