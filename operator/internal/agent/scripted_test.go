package agent

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// scriptedInstance answers about the instance that instanceFile holds:
//
//	online, allocated  sets of ranks
//	drained            lines "drained=RANKS REASON"
//	undrained          the ranks that were undrained last
//	eventlog           events of resources, a line each
//	queue              "started", once it was
func scriptedInstance(ctx context.Context, r *fluxrpc.Request) {
	var answer any
	switch r.Topic {
	case "resource.status":
		answer = map[string]any{"online": strings.TrimSpace(readInstance("online")), "drain": scriptedDrains()}
	case "resource.sched-status":
		lite := []any{}
		if allocated := readInstance("allocated"); allocated != "" {
			lite = append(lite, map[string]string{"rank": allocated})
		}
		answer = map[string]any{"allocated": map[string]any{"version": 1, "execution": map[string]any{"R_lite": lite}}}
	case "resource.drain", "resource.undrain":
		scriptedDrain(r)
	case "resource.journal":
		events := []json.RawMessage{}
		for line := range strings.Lines(readInstance("eventlog")) {
			events = append(events, json.RawMessage(line))
		}
		if len(events) > 0 {
			_ = r.Respond(map[string]any{"events": events})
		}
		_ = r.Respond(map[string]any{"events": []string{}})
		<-ctx.Done()
		return
	case "job-manager.queue-start":
		writeInstance("queue", "started")
	case "job-manager.queue-list":
		answer = map[string]any{"queues": []string{}}
	case "job-manager.queue-status":
		answer = map[string]any{"start": true}
	case "job-list.list":
		answer = map[string]any{"jobs": []string{}}
	default:
		_ = r.RespondError(syscall.ENOSYS, "the stand-in does not know it")
		return
	}
	_ = r.Respond(answer)
}

func scriptedDrains() map[string]any {
	drains := map[string]any{}
	for line := range strings.Lines(readInstance("drained")) {
		ranks, reason, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "drained="), " ")
		drains[ranks] = map[string]any{"timestamp": 1.0, "reason": reason}
	}
	return drains
}

func scriptedDrain(r *fluxrpc.Request) {
	var request struct{ Targets, Reason, Mode string }
	if err := r.Unpack(&request); err != nil {
		panic(err)
	}
	switch {
	case r.Topic == "resource.undrain":
		writeInstance("undrained", request.Targets)
		writeInstance("drained", "")
	case request.Mode == "overwrite" || readInstance("drained") == "":
		writeInstance("drained", "drained="+request.Targets+" "+request.Reason)
	}
}

// serveInstance serves the instance at a socket until ctx is over.
func serveInstance(ctx context.Context, socket string) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		panic(err)
	}
	go func() { _ = fluxrpc.Serve(ctx, listener, scriptedInstance) }()
}

// instanceClient is a client of the instance, without a broker of a rank.
func instanceClient(t *testing.T) *fluxinstance.Client {
	t.Helper()
	socket := filepath.Join(os.Getenv(rootVariable), "client")
	serveInstance(t.Context(), socket)
	client, err := fluxinstance.New(socket)
	must(t, err)
	t.Cleanup(client.Close)
	return client
}
