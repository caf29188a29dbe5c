package fluxinstance

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }

// lively is an instance of four ranks for a test, all of them online.
type lively struct {
	*Client
	*fluxstandin.Instance
	t testing.TB
}

func newInstance(t testing.TB) *lively {
	t.Helper()
	instance := fluxstandin.Start(t, 4, 2, 0)
	return &lively{newClient(t, instance.URI), instance, t}
}

func newClient(t testing.TB, address string) *Client {
	t.Helper()
	client, err := New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (f *lively) drained() []string {
	f.t.Helper()
	drains, err := f.Drained(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	text := drainsOf(drains)
	slices.Sort(text)
	return text
}

func ranks(t testing.TB, text string) idset.Set {
	t.Helper()
	set, err := idset.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestDrainAndUndrainAreIdempotent(t *testing.T) {
	f := newInstance(t)
	steps := []struct {
		name string
		do   func() error
		want []string
	}{
		{"nothing is drained", func() error { return nil }, nil},
		{"no ranks", func() error { return f.Drain(t.Context(), ranks(t, ""), "ours: no") }, nil},
		{"some ranks", func() error { return f.Drain(t.Context(), ranks(t, "2-3"), "ours: going") }, []string{"2-3|ours: going"}},
		{"again, with another", func() error { return f.Drain(t.Context(), ranks(t, "1-3"), "ours: more") }, []string{"1|ours: more", "2-3|ours: going"}},
		{"anew, with another", func() error { return f.DrainAnew(t.Context(), ranks(t, "1,3"), "ours: now") }, []string{"1,3|ours: now", "2|ours: going"}},
		{"and with the first", func() error { return f.DrainAnew(t.Context(), ranks(t, "3"), "ours: going") }, []string{"1|ours: now", "2-3|ours: going"}},
		{"one back", func() error { return f.Undrain(t.Context(), ranks(t, "2")) }, []string{"1|ours: now", "3|ours: going"}},
		{"back although some are", func() error { return f.Undrain(t.Context(), ranks(t, "0,2-3")) }, []string{"1|ours: now"}},
		{"all back", func() error { return f.Undrain(t.Context(), ranks(t, "0-3")) }, nil},
		{"back again", func() error { return f.Undrain(t.Context(), ranks(t, "0-3")) }, nil},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := f.drained(); !slices.Equal(got, step.want) {
			t.Errorf("%s: drained %q, want %q", step.name, got, step.want)
		}
	}
}

func TestDrainsSinceRanksCameOnlineAreKnown(t *testing.T) {
	f := newInstance(t)
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, ""},
		{func() error { return f.Drain(t.Context(), ranks(t, "1-3"), "ours: going") }, "1-3"},
		{func() error { return f.Undrain(t.Context(), ranks(t, "2")) }, "1,3"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got, err := f.DrainedSinceOnline(t.Context()); err != nil || got.String() != step.want {
			t.Errorf("drained since they are online: %q, %v, want %q", got, err, step.want)
		}
	}
}

func TestReasonsAreReadAsTheyAre(t *testing.T) {
	f := newInstance(t)
	reason := "  bad \"disk\"\n0 ours: forged, ünd so\n"
	if err := f.Drain(t.Context(), ranks(t, "2"), reason); err != nil {
		t.Fatal(err)
	}
	if got, want := f.drained(), []string{"2|" + reason}; !slices.Equal(got, want) {
		t.Errorf("drained %q, want %q", got, want)
	}
}

func TestRanksOutOfRangeAreAnErrorInFluxsWords(t *testing.T) {
	f := newInstance(t)
	err := f.Drain(t.Context(), ranks(t, "3-4"), "ours: going")
	refused, ok := errors.AsType[*fluxrpc.Error](err)
	if !ok || refused.Topic != "resource.drain" || !strings.Contains(refused.Text, "out of range") {
		t.Errorf("Drain of ranks 3-4: %v, want a *fluxrpc.Error with Flux's words", err)
	}
	if err := f.Undrain(t.Context(), ranks(t, "4")); err != nil {
		t.Errorf("Undrain of rank 4: %v, want nil: it is not drained", err)
	}
	if got := f.drained(); got != nil {
		t.Errorf("drained %q, want none", got)
	}
}

func TestJobsHoldRanks(t *testing.T) {
	f := newInstance(t)
	if err := f.Drain(t.Context(), ranks(t, "0-1"), "ours: not here"); err != nil {
		t.Fatal(err)
	}
	id := f.Run("submit", "-N2", "sleep", "120")
	pending := f.Run("submit", "-N3", "true")
	fluxstandin.Await(t, func() bool { return f.allocated("0-3") == "2-3" })
	if n, err := f.PendingJobs(t.Context()); err != nil || n != 1 {
		t.Errorf("PendingJobs = %d, %v, want 1", n, err)
	}
	for asked, want := range map[string]string{"": "", "0-1": "", "1-2": "2", "2-9": "2-3"} {
		if got := f.allocated(asked); got != want {
			t.Errorf("Allocated(%q) = %q, want %q", asked, got, want)
		}
	}
	for asked, want := range map[string]string{
		"": "", "0-1": "", "3": id + " 2-3", "0-3": id + " 2-3", oddRanks(): id + " 2-3",
	} {
		jobs, err := f.Jobs(t.Context(), ranks(t, asked))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, job := range jobs {
			got += job.ID + " " + job.Ranks.String()
		}
		if got != want {
			t.Errorf("Jobs(%.20q) = %q, want %q", asked, got, want)
		}
	}
	f.Run("cancel", id)
	fluxstandin.Await(t, func() bool { return f.allocated("0-3") == "" })
	if err := f.Undrain(t.Context(), ranks(t, "0-1")); err != nil {
		t.Fatal(err)
	}
	f.Run("job", "attach", pending)
	if n, err := f.PendingJobs(t.Context()); err != nil || n != 0 {
		t.Errorf("PendingJobs = %d, %v, want none", n, err)
	}
}

// oddRanks is a set whose text is long.
func oddRanks() string {
	var odd []string
	for rank := 1; rank < idset.Max; rank += 2 {
		odd = append(odd, strconv.Itoa(rank))
	}
	return strings.Join(odd, ",")
}

func (f *lively) allocated(asked string) string {
	f.t.Helper()
	allocated, err := f.Allocated(f.t.Context(), ranks(f.t, asked))
	if err != nil {
		f.t.Fatal(err)
	}
	return allocated.String()
}

// TestCountsFollowTheInstance: jobs, ranks that are drained, and cores in use.
func TestCountsFollowTheInstance(t *testing.T) {
	f := newInstance(t)
	counts := func() agentapi.Counts {
		got, err := f.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := agentapi.Counts{Nodes: agentapi.UpAndFree{Up: 4, Free: 4}, Cores: agentapi.UpAndFree{Up: 8, Free: 8}}
	if got := counts(); got != want {
		t.Errorf("at first %+v, want %+v", got, want)
	}
	if err := f.Drain(t.Context(), ranks(t, "3"), "ours: going"); err != nil {
		t.Fatal(err)
	}
	f.Run("job", "attach", f.Run("submit", "true"))
	core := f.Run("submit", "-n1", "sleep", "120")
	node := f.Run("submit", "-N1", "--exclusive", "sleep", "120")
	f.Run("submit", "-N4", "true")
	f.Run("submit", "--dependency=afterany:"+core, "true")
	want = agentapi.Counts{
		Nodes: agentapi.UpAndFree{Up: 3, Free: 1}, Cores: agentapi.UpAndFree{Up: 6, Free: 3},
		Jobs: agentapi.JobCounts{Depend: 1, Sched: 1, Run: 2, Inactive: 1},
	}
	fluxstandin.Await(t, func() bool { return counts() == want })
	f.Run("cancel", core, node)
	fluxstandin.Await(t, func() bool { got := counts(); return got.Jobs.Run == 0 && got.Nodes.Free == 3 && got.Cores.Free == 6 })
}

func TestStartedQueueStartsPendingJobs(t *testing.T) {
	f := newInstance(t)
	f.Run("queue", "stop", "--all", "--quiet")
	id := f.Run("submit", "true")
	fluxstandin.Await(t, func() bool { return f.Run("jobs", "--no-header", "--format", "{status}", id) == "SCHED" })
	if err := f.StartQueues(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.Run("job", "attach", id)
}

func TestNewNeedsNoInstance(t *testing.T) {
	client := newClient(t, "local:///nowhere/local")
	if _, err := client.Online(t.Context()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "flux resource.status: ") || !strings.Contains(err.Error(), "/nowhere/local") {
		t.Errorf("without a broker: %v, want an error that names the topic and the socket", err)
	}
	if _, err := New("ssh://lead/run/flux"); err == nil {
		t.Error("an address of another kind is taken")
	}
}
