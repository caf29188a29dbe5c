package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// submitted is fourRanks with jobs that were submitted.
func submitted(t *testing.T, jobs ...*Job) *State {
	t.Helper()
	state := fourRanks()
	for _, job := range jobs {
		job.CoresPerTask, job.Tasks, job.Command = 1, max(job.Tasks, 1), []string{"true"}
		if err := Submit(state, job); err != nil {
			t.Fatal(err)
		}
	}
	return state
}

// told is what entries tell: "1 submit, 1 validate".
func told(entries []JournalEntry) string {
	var words []string
	for _, entry := range entries {
		var names []string
		for _, event := range entry.Events {
			names = append(names, event.Name)
		}
		words = append(words, fmt.Sprint(max(entry.ID>>24, -1), " ", strings.Join(names, "+")))
	}
	return strings.Join(words, ", ")
}

func TestJournalTellsInOrder(t *testing.T) {
	state := submitted(t, &Job{Urgency: 1}, &Job{Urgency: 2, Parent: 1 << 24}, &Job{Urgency: 2})
	before := state.Posted
	Schedule(state, online(0))
	if got, want := told(state.Since(before, JournalFilter{})), "3 annotations, 3 alloc, 3 start, 1 annotations, 1 alloc, 1 start"; got != want {
		t.Errorf("told %q, want %q: the urgent job first, and nothing of jobs of a batch job", got, want)
	}
	if got := state.Since(state.Posted, JournalFilter{}); len(got) > 0 {
		t.Errorf("told %v again", got)
	}
	if got, want := told(state.Since(0, JournalFilter{Deny: map[string]any{"annotations": 1, "submit": 1, "validate": 1, "depend": 1, "priority": 1}})), "3 alloc, 3 start, 1 alloc, 1 start"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	state.End(state.Jobs[0], Canceled, "")
	state.Jobs[0].Shares[0].Done = true
	Settle(state, online(0))
	if got, want := told(state.Backlog(JournalFilter{})), "3 submit+validate+depend+priority+alloc+start, -1 "; got != want {
		t.Errorf("the past is %q, want %q", got, want)
	}
	if got := state.Backlog(JournalFilter{Full: true}); len(got) != 3 || got[0].ID>>24 != 1 || got[0].R == nil {
		t.Errorf("the full past is %v, want that of the job that has ended too", got)
	}
}

func TestJobsAreKnownAfterARestart(t *testing.T) {
	state := submitted(t, &Job{Urgency: 16}, &Job{Urgency: 0}, &Job{Urgency: 16, Dependencies: []Dependency{{"afterany", ID(1 << 24).String()}}})
	Schedule(state, online(0))
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	after := &State{}
	if err := json.Unmarshal(text, after); err != nil {
		t.Fatal(err)
	}
	before := after.Posted
	after.Epoch++
	after.Restart()
	want := "1 flux-restart, 1 exception, 1 finish, 1 release, 1 free, 1 clean, 2 flux-restart, 2 priority"
	if got := told(after.Since(before, JournalFilter{})); got != want {
		t.Errorf("the restart is told as %q, want %q", got, want)
	}
	Schedule(after, online(0))
	if got := where(after); got != "INACTIVE 0:1, SCHED, RUN 0:1" {
		t.Errorf("jobs are %q, want the last to run, since that which it waited for has ended", got)
	}
	defined := 0
	after.Restart()
	for _, entry := range after.ResourceBacklog() {
		if entry.R != nil {
			defined++
		}
	}
	if defined != 1 {
		t.Errorf("R is told %d times after two restarts, want once", defined)
	}
}

func TestJobsThatNeverStartedSatisfyAfterAnyAlone(t *testing.T) {
	state := submitted(t, &Job{Urgency: 0})
	id := state.Jobs[0].ID.String()
	for _, scheme := range []string{"afterok", "afternotok", "afterany"} {
		job := &Job{Tasks: 1, CoresPerTask: 1, Command: []string{"true"}, Urgency: 16, Dependencies: []Dependency{{scheme, id}}}
		if err := Submit(state, job); err != nil {
			t.Fatal(err)
		}
	}
	state.End(state.Jobs[0], Canceled, "")
	Schedule(state, online(0))
	if got := where(state); got != "INACTIVE, INACTIVE, INACTIVE, RUN 0:1" {
		t.Errorf("jobs are %q, want the last alone to run", got)
	}
	if got, want := state.Jobs[1].Note, "dependency after-success="+id+" job never started"; got != want {
		t.Errorf("exception %q, want %q", got, want)
	}
	late := &Job{Command: []string{"true"}, Dependencies: []Dependency{{"afternotok", id}}}
	if err := Submit(state, late); err == nil || err.Error() != "[Errno 22] dependency: after: "+id+" never started" {
		t.Errorf("Submit: %v, want a refusal", err)
	}
	if list, err := state.List(ListRequest{MaxEntries: new(int), Attributes: []string{}}); err != nil || len(list["jobs"].([]map[string]any)) != 4 {
		t.Errorf("jobs %v, %v, want those that were not refused", list, err)
	}
}

func TestUrgencyIsRefused(t *testing.T) {
	state := submitted(t, &Job{Urgency: 16}, &Job{Urgency: 0})
	Schedule(state, online(0))
	state.End(state.Jobs[1], Canceled, "")
	for _, test := range []struct {
		id      ID
		urgency int32
		want    string
	}{
		{1 << 24, 32, "urgency value is out of range"},
		{1 << 24, 3, "urgency cannot be changed once resources are allocated"},
		{2 << 24, 3, "job is inactive"},
		{3 << 24, 3, "unknown job"},
	} {
		if err := state.SetUrgency(test.id, test.urgency); err == nil || err.Error() != "[Errno 22] "+test.want {
			t.Errorf("SetUrgency(%s, %d): %v, want %s", test.id, test.urgency, err, test.want)
		}
	}
	if err := Submit(state, &Job{Command: []string{"true"}, Urgency: 32}); err == nil || err.Error() != "[Errno 22] urgency range is [0:31]" {
		t.Errorf("Submit: %v, want a refusal", err)
	}
}

func TestListsAreOfTheWantedJobs(t *testing.T) {
	state := submitted(t, &Job{Urgency: 16, Name: "a", Tasks: 3}, &Job{Urgency: 16, Name: "b"}, &Job{Urgency: 0, Name: "c"}, &Job{Urgency: 16, Name: "d"})
	state.End(state.Jobs[3], Canceled, "")
	Schedule(state, online(0, 1))
	state.End(state.Jobs[1], Canceled, "")
	for constraint, want := range map[string]string{
		``: "c8 b32 a16 d64", `{}`: "c8 b32 a16 d64", `{"states":[8,16]}`: "c8 a16", `{"states":[62]}`: "c8 b32 a16", `{"ranks":["0"]}`: "a16", `{"ranks":["1-3"]}`: "b32 a16",
		`{"name":["a","c"]}`: "c8 a16", `{"not":[{"states":[64]}]}`: "c8 b32 a16", `{"or":[{"name":["a"]},{"states":[8]}]}`: "c8 a16", `{"or":[]}`: "c8 b32 a16 d64",
		`{"and":[{"name":["a","b"]},{"states":[16]}]}`: "a16", `{"and":[{"foo":[]}]}`: "unknown constraint operator: foo", `[]`: "constraint must be JSON object",
		`{"states":1}`: "operator states values not an array", `{"or":[{"ranks":["x"]}]}`: `ranks value "x": error parsing range`,
		`{"states":["x"]}`: `invalid states value "x"`, `{"name":[1]}`: "invalid name value 1",
	} {
		list, err := state.List(ListRequest{MaxEntries: new(int), Attributes: []string{"state", "name"}, Constraint: json.RawMessage(constraint)})
		got := ""
		if refused, ok := errors.AsType[*Error](err); ok {
			got = strings.TrimPrefix(refused.Text, "invalid payload: constraint object invalid: ")
		} else {
			var words []string
			for _, job := range list["jobs"].([]map[string]any) {
				words = append(words, fmt.Sprint(job["name"], job["state"]))
			}
			got = strings.Join(words, " ")
		}
		if got != want {
			t.Errorf("List of %s = %q, want %q", constraint, got, want)
		}
	}
	two := 2
	list, err := state.List(ListRequest{MaxEntries: &two, Attributes: []string{"all"}})
	if err != nil || len(list["jobs"].([]map[string]any)) != 2 {
		t.Errorf("List of 2 = %v, %v", list, err)
	}
	text, err := json.Marshal(state.allAttributes(state.Jobs[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"ranks":"[0-1]"`, `"ncores":3`, `"nnodes":2`, `"annotations":{"sched":{"resource_summary":"rank0/core[0-1] rank1/core0"}}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("attributes %s, want %s", text, want)
		}
	}
	if ended := state.allAttributes(state.Jobs[3]); ended["result"] != 4 || ended["exception_type"] != Canceled || ended["waitstatus"] != nil || ended["t_cleanup"] == nil {
		t.Errorf("attributes of a canceled job: %v", ended)
	}
}

func TestDrainsKeepTimeAndReason(t *testing.T) {
	state := fourRanks()
	change := func(targets, mode string, reason ...string) Change {
		c := Change{Targets: &targets, Mode: mode}
		if len(reason) > 0 {
			c.Reason = &reason[0]
		}
		return c
	}
	for _, step := range []struct {
		change    Change
		want      string
		keepsTime bool
	}{
		{change("0", ""), "", false},
		{change("0", "", "first"), "first", true}, // it had none, so that it is no error
		{change("0", "update", "second"), "first", true},
		{change("0", "overwrite", "third"), "third", true},
		{change("0", "force-overwrite", "fourth"), "fourth", false},
	} {
		if before, has := state.Drained[0]; has {
			before.Timestamp = 1
			state.Drained[0] = before
		}
		if err := state.Drain(step.change); err != nil {
			t.Fatal(err)
		}
		if got := state.Drained[0]; got.Reason != step.want || (got.Timestamp == 1) != step.keepsTime {
			t.Errorf("after %s %q: %+v", step.change.Mode, step.want, got)
		}
	}
	if err := state.Drain(change("0-1", "", "fifth")); !isRefusal(err, syscall.EEXIST, "rank 0 already drained") {
		t.Errorf("Drain again: %v", err)
	}
	if err := state.Undrain(change("0-1", "force-overwrite")); err != nil || len(state.Drained) > 0 {
		t.Errorf("Undrain: %v, left %v", err, state.Drained)
	}
	if err := state.Drain(change("2-3", "", "x")); err != nil {
		t.Fatal(err)
	}
	if drains := state.drains(); len(drains) != 1 || drains["2-3"].Reason != "x" {
		t.Errorf("drains %v, want ranks 2 and 3 together", drains)
	}
	names := []string{}
	for _, event := range state.Events {
		names = append(names, event.Name)
	}
	if want := []string{"drain", "drain", "drain", "drain", "drain", "undrain", "drain"}; !slices.Equal(names, want) {
		t.Errorf("events %q, want %q", names, want)
	}
}

func isRefusal(err error, errno syscall.Errno, text string) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && *refused == Error{errno, text}
}
