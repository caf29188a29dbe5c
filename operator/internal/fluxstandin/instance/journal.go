package instance

import (
	"cmp"
	"path/filepath"
	"slices"
)

// JournalEntry is what the journal of jobs tells at a time. Source:
// src/modules/job-manager/journal.c.
type JournalEntry struct {
	// ID is that of the job, or -1 behind the past.
	ID     int64   `json:"id"`
	Events []Event `json:"events"`
	// Jobspec comes with the event submit, and R with alloc.
	Jobspec any        `json:"jobspec,omitempty"`
	R       *Resources `json:"R,omitempty"`
}

// JournalFilter is what a listener asks for.
type JournalFilter struct {
	// Full wants jobs that have ended too.
	Full bool `json:"full"`
	// Allow, unless nil, are the names of all wanted events, and Deny of those that are
	// not wanted.
	Allow map[string]any `json:"allow"`
	Deny  map[string]any `json:"deny"`
}

func (f JournalFilter) wants(name string) bool {
	_, allowed := f.Allow[name]
	_, denied := f.Deny[name]
	return (f.Allow == nil || allowed) && !denied
}

// Backlog are the past events of all jobs that have not ended, an entry for each job,
// and an entry for the end of the past.
func (s *State) Backlog(filter JournalFilter) []JournalEntry {
	var entries []JournalEntry
	for _, job := range s.Jobs {
		if job.Parent != 0 || job.Invalid || job.State == Inactive && !filter.Full {
			continue
		}
		entry := JournalEntry{ID: int64(job.ID), Events: []Event{}, Jobspec: job.spec()}
		for _, event := range job.Log {
			if !event.Passing && filter.wants(event.Name) {
				entry.Events = append(entry.Events, event.Event)
			}
		}
		if len(job.Shares) > 0 {
			r := s.jobResources(job)
			entry.R = &r
		}
		entries = append(entries, entry)
	}
	return append(entries, JournalEntry{ID: -1, Events: []Event{}})
}

// Since are the events behind the number-th, an entry for each, in their order.
func (s *State) Since(number int64, filter JournalFilter) []JournalEntry {
	type numbered struct {
		number int64
		entry  JournalEntry
	}
	var found []numbered
	for _, job := range s.Jobs {
		if job.Parent != 0 {
			continue
		}
		for _, event := range slices.Backward(job.Log) {
			if event.Number <= number {
				break
			}
			if !filter.wants(event.Name) {
				continue
			}
			entry := JournalEntry{ID: int64(job.ID), Events: []Event{event.Event}}
			switch event.Name {
			case "submit":
				entry.Jobspec = job.spec()
			case "alloc":
				r := s.jobResources(job)
				entry.R = &r
			}
			found = append(found, numbered{event.Number, entry})
		}
	}
	slices.SortFunc(found, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	entries := make([]JournalEntry, len(found))
	for i, each := range found {
		entries[i] = each.entry
	}
	return entries
}

// ResourceEntry is what the journal of resources tells at a time. Source:
// src/modules/resource/reslog.c.
type ResourceEntry struct {
	Events []Event `json:"events"`
	// R comes with the event resource-define.
	R *Resources `json:"R,omitempty"`
}

// ResourceBacklog are the events of the past, those between two definitions of R
// together, and an entry for the end of the past.
func (s *State) ResourceBacklog() []ResourceEntry {
	var entries []ResourceEntry
	for _, entry := range s.ResourcesSince(0) {
		last := len(entries) - 1
		if last >= 0 && entry.R == nil && entries[last].R == nil {
			entries[last].Events = append(entries[last].Events, entry.Events...)
			continue
		}
		entries = append(entries, entry)
	}
	return append(entries, ResourceEntry{Events: []Event{}})
}

// ResourcesSince are the events behind the number-th, an entry for each.
func (s *State) ResourcesSince(number int) []ResourceEntry {
	var entries []ResourceEntry
	for _, event := range s.Events[min(number, len(s.Events)):] {
		entry := ResourceEntry{Events: []Event{event}}
		if event.Name == define {
			r := s.AllResources()
			entry.R = &r
		}
		entries = append(entries, entry)
	}
	return entries
}

// spec is what was asked for as a jobspec. Sources: Flux RFC 14 and 25, and what
// flux-submit of flux-core 0.88 makes of the same options.
func (j *Job) spec() map[string]any {
	with := []any{map[string]any{"type": "core", "count": j.CoresPerTask}}
	if j.GPUsPerTask > 0 {
		with = append(with, map[string]any{"type": "gpu", "count": j.GPUsPerTask})
	}
	resource := map[string]any{"type": "slot", "count": j.Tasks, "label": "task", "with": with}
	count := map[string]any{"per_slot": 1}
	if j.Nodes > 0 {
		resource["count"] = j.SlotsPerNode()
		resource = map[string]any{"type": "node", "count": j.Nodes, "with": []any{resource}}
		if j.Exclusive {
			resource["exclusive"] = true
		}
		if j.Tasks%j.Nodes != 0 {
			count = map[string]any{"total": j.Tasks}
		}
	}
	command, name := j.Command, filepath.Base(j.Command[0])
	if j.Script != "" {
		command, name = []string{"flux", "broker", "{{tmpdir}}/script"}, "flux"
	}
	system := map[string]any{"duration": 0, "cwd": j.Dir}
	if j.Name != name {
		system["job"] = map[string]any{"name": j.Name}
	}
	if len(j.Dependencies) > 0 {
		system["dependencies"] = j.Dependencies
	}
	return map[string]any{
		"version": 1, "resources": []any{resource}, "attributes": map[string]any{"system": system},
		"tasks": []any{map[string]any{"command": command, "slot": "task", "count": count}},
	}
}
