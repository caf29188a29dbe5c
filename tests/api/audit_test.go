package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// write is a request by which the operator changed something, or could have.
type write struct {
	verb, resource, subresource string
}

// writes returns the operator's successful writes in a namespace, in order, but
// for events.
func writes(t *testing.T, namespace string) []write {
	t.Helper()
	data, err := os.ReadFile(world.auditLog)
	if err != nil {
		t.Fatalf("read the audit log: %v", err)
	}
	var found []write
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditv1.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the last line, half written
		}
		ref, status := e.ObjectRef, e.ResponseStatus
		if ref == nil || status == nil || ref.Namespace != namespace || ref.Resource == "events" || status.Code >= 300 {
			continue
		}
		found = append(found, write{e.Verb, ref.Resource, ref.Subresource})
	}
	return found
}

// jobWrites are those to the Job.
func jobWrites(all []write) []write {
	var found []write
	for _, w := range all {
		if w.resource == "jobs" {
			found = append(found, w)
		}
	}
	return found
}
