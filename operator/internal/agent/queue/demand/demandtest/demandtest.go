// Package demandtest makes what Flux tells of jobs, for tests.
package demandtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Pending are the events of a job that waits for ranks: each its name and its context.
var Pending = []string{`submit {"userid":1,"urgency":16,"flags":0,"version":1}`, `validate`, `depend`, `priority {"priority":16}`}

// With returns events and more.
func With(events []string, more ...string) []string { return slices.Concat(events, more) }

// Spec is a jobspec with these resources, and no more than a jobspec must have.
func Spec(resources string) string {
	return fmt.Sprintf(`{"version":1,"resources":%s,"attributes":{"system":{"duration":0}},"tasks":[]}`, resources)
}

// Record is what the journal tells of a job that asks for whole nodes, in JSON. With ranks,
// it tells of four cores and a GPU of each.
func Record(id int64, nodes int, ranks string, events ...string) []byte {
	text := fmt.Sprintf(`{"id":%d,"events":[`, id)
	for i, event := range events {
		name, context, _ := strings.Cut(event, " ")
		if i > 0 {
			text += ","
		}
		if context == "" {
			context = "{}"
		}
		text += fmt.Sprintf(`{"timestamp":1.5,"name":%q,"context":%s}`, name, context)
	}
	text += `],"jobspec":` + Spec(fmt.Sprintf(`[{"type":"node","count":%d,"exclusive":true,"with":[{"type":"slot","count":1,"with":[{"type":"core","count":1}]}]}]`, nodes))
	if ranks != "" {
		text += fmt.Sprintf(`,"R":{"version":1,"execution":{"R_lite":[{"rank":%q,"children":{"core":"0-3","gpu":"0"}}]}}`, ranks)
	}
	return []byte(text + "}")
}

// Say is a report in short.
func Say(r agentapi.QueueReport) string {
	text := fmt.Sprintf("running %d pending %d held %d wanted %d busy %q", r.Running, r.Pending, r.Held, r.Wanted, r.Busy)
	for _, each := range r.Idle {
		text += fmt.Sprintf(" idle %s %gs", each.Ranks, each.Seconds)
	}
	return text
}
