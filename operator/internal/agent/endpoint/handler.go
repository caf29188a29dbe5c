package endpoint

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

const (
	// maxBody bounds a request. The longest set of ranks, each second of
	// idset.Max, takes 300 kB, and there can be two of them.
	maxBody = 1 << 20 // bytes
	// exchangeTime bounds the reading of a request and the writing of its answer.
	exchangeTime = 10 * time.Second
)

// Counter counts nodes, cores and jobs of the instance.
type Counter interface {
	Counts(ctx context.Context) (agentapi.Counts, error)
}

// handler serves the paths of agentapi to who knows token.
func handler(d *Drainer, q Queue, c Counter, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+agentapi.PathDrain, answering(d.Drain))
	mux.HandleFunc("POST "+agentapi.PathQueue, answering(func(ctx context.Context, request agentapi.QueueRequest) (agentapi.QueueReport, error) {
		return reportQueue(ctx, q, request)
	}))
	mux.HandleFunc("GET "+agentapi.PathCounts, func(w http.ResponseWriter, r *http.Request) {
		counts, err := c.Counts(r.Context())
		answer(w, counts, err)
	})
	return authenticate(token, mux)
}

// answering reads a request, and answers with what serve returns.
func answering[Request, Report any](serve func(context.Context, Request) (Report, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := readBody(w, r, &request); err != nil {
			answerError(w, err)
			return
		}
		report, err := serve(r.Context(), request)
		answer(w, report, err)
	}
}

// authenticate lets requests through that bear the token. All others get 401, and
// do not learn whether there is something at their path.
func authenticate(token string, next http.Handler) http.Handler {
	// Of the hashes, since a comparison in constant time needs equal lengths.
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(given))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			// Else the server would wait for the rest of the request.
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// readBody reads a request in JSON. Fields that it does not know are those of a
// newer operator, and ignored.
func readBody(w http.ResponseWriter, r *http.Request, into any) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(exchangeTime)); err != nil {
		return fmt.Errorf("cannot bound the time of the request: %w", err)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return &RequestError{fmt.Sprintf("the request's body must be at most %d bytes", maxBody)}
		}
		return &RequestError{"the request's body cannot be read: " + err.Error()}
	}
	if err := json.Unmarshal(body, into); err != nil {
		_, noJSON := errors.AsType[*json.SyntaxError](err)
		if _, otherType := errors.AsType[*json.UnmarshalTypeError](err); noJSON || otherType {
			return &RequestError{"the request's body is not as agreed: " + err.Error()}
		}
		return &RequestError{err.Error()}
	}
	// From now on only the caller's going ends the request.
	return control.SetReadDeadline(time.Time{})
}

// answer writes a report, or what stands in its way.
func answer(w http.ResponseWriter, report any, err error) {
	if err != nil {
		answerError(w, err)
		return
	}
	write(w, http.StatusOK, report)
}

func answerError(w http.ResponseWriter, err error) {
	write(w, statusOf(err), agentapi.Error{Error: err.Error()})
}

func statusOf(err error) int {
	if _, bad := errors.AsType[*RequestError](err); bad {
		return http.StatusBadRequest
	}
	if _, unknown := errors.AsType[*queue.UnknownError](err); unknown {
		return http.StatusServiceUnavailable
	}
	switch {
	case errors.Is(err, queue.ErrTooMany):
		return http.StatusTooManyRequests
	case errors.Is(err, ErrSuperseded):
		return http.StatusConflict
	case errors.Is(err, context.Canceled): // the agent stops, or nobody is there to read this
		return http.StatusServiceUnavailable
	}
	return http.StatusBadGateway // Flux did not do what we asked it
}

func write(w http.ResponseWriter, status int, body any) {
	// Without it, a caller that does not read could hold the connection for ever.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exchangeTime)); err != nil {
		return // the connection is gone
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller sees a cut-off body as an error
}
