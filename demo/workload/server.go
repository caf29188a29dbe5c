package workload

import (
	"encoding/json"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Load is what GET /load answers.
type Load struct {
	// Millicores is the load of the whole instance, in thousandths of a core.
	Millicores int64 `json:"millicores"`
	// Ranks is the number of ranks that carry it now.
	Ranks int `json:"ranks"`
}

// share is one line of the stream GET /share.
type share struct {
	Millicores int64 `json:"millicores"`
}

// handler serves the lead:
//
//	GET /load            the load and the number of ranks
//	PUT /load?cpu=300m   sets the load, a Kubernetes CPU quantity
//	GET /share           a stream of this caller's share, a line a change
func (s *splitter) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /load", s.getLoad)
	mux.HandleFunc("PUT /load", s.putLoad)
	mux.HandleFunc("GET /share", s.streamShare)
	return mux
}

func (s *splitter) getLoad(w http.ResponseWriter, _ *http.Request) {
	total, ranks := s.status()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Load{Millicores: total, Ranks: ranks}) // The client is gone if this fails.
}

func (s *splitter) putLoad(w http.ResponseWriter, r *http.Request) {
	value := r.URL.Query().Get("cpu")
	cpu, err := resource.ParseQuantity(value)
	if err != nil || cpu.Sign() < 0 {
		http.Error(w, fmt.Sprintf("cpu: %q is not a CPU quantity of at least 0, such as 300m or 1.5", value), http.StatusBadRequest)
		return
	}
	s.setTotal(cpu.MilliValue())
	s.getLoad(w, r)
}

func (s *splitter) streamShare(w http.ResponseWriter, r *http.Request) {
	m := s.join()
	defer s.leave(m)
	lines, out := json.NewEncoder(w), http.NewResponseController(w)
	for {
		select {
		case millicores := <-m.shares:
			if lines.Encode(share{millicores}) != nil || out.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
