package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// request is a request of the operator to the API server.
type request struct {
	verb, namespace, resource, subresource string
	code                                   int32 // of HTTP
}

// isWrite tells whether the request was a write that the API server accepted.
func (r request) isWrite() bool { return !r.isRead() && r.code < 300 }

// isRead tells whether the operator read something. The object need not exist.
func (r request) isRead() bool { return slices.Contains([]string{"get", "list", "watch"}, r.verb) }

// requests returns the operator's requests in order, except for events that it writes.
func requests(t testing.TB) []request {
	t.Helper()
	data, err := os.ReadFile(world.auditLog)
	if err != nil {
		t.Fatalf("read the audit log: %v", err)
	}
	var found []request
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the last line, half written
		}
		ref, status := e.ObjectRef, e.ResponseStatus
		if ref == nil || status == nil {
			continue
		}
		r := request{e.Verb, ref.Namespace, ref.Resource, ref.Subresource, status.Code}
		if r.resource == "events" && !r.isRead() {
			continue
		}
		found = append(found, r)
	}
	return found
}

// writes returns the operator's writes in a namespace.
func writes(t testing.TB, namespace string) []request {
	t.Helper()
	return slices.DeleteFunc(requests(t), func(r request) bool { return r.namespace != namespace || !r.isWrite() })
}

// jobWrites are the writes to the Job.
func jobWrites(all []request) []request {
	return slices.DeleteFunc(slices.Clone(all), func(r request) bool { return r.resource != "jobs" })
}
