package fluxcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }

// lively is an instance of four ranks for a test, all of them online.
type lively struct {
	*Client
	t    *testing.T
	flux string
	env  []string
}

func newInstance(t *testing.T) *lively {
	t.Helper()
	flux := fluxstandin.Flux(t)
	folder := t.TempDir()
	uriFile, endFile := filepath.Join(folder, "uri"), filepath.Join(folder, "end")
	// The initial program tells its FLUX_URI and ends with the test.
	script := fmt.Sprintf("echo $FLUX_URI >%[1]s.new; mv %[1]s.new %[1]s; until [ -e %[2]s ]; do sleep 0.05; done", uriFile, endFile)
	cmd := exec.Command(flux, "start", "--test-size=4", script)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(os.Environ(), "FLUX_STANDIN_CORES=2", "FLUX_STANDIN_DIR="+filepath.Join(folder, "instance"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := os.WriteFile(endFile, nil, 0o600); err != nil {
			t.Error(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("flux start: %v: %s", err, output.String())
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Errorf("the instance has not ended for 30 s: %s", output.String())
		}
	})
	var uri []byte
	await(t, func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("flux start: %v: %s", err, output.String())
		default:
		}
		uri, _ = os.ReadFile(uriFile)
		return len(uri) > 0
	})
	env := append(cmd.Env, "FLUX_URI="+strings.TrimSpace(string(uri)))
	client, err := New(t.Context(), flux, env)
	if err != nil {
		t.Fatal(err)
	}
	f := &lively{Client: client, t: t, flux: flux, env: env}
	await(t, func() bool { return f.online() == "0-3" })
	return f
}

// await waits until done is true.
func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 60 s")
		}
	}
}

func (f *lively) online() string {
	f.t.Helper()
	ranks, err := f.Online(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return ranks.String()
}

// run runs another command of flux than the client's.
func (f *lively) run(args ...string) string {
	f.t.Helper()
	cmd := exec.CommandContext(f.t.Context(), f.flux, args...)
	cmd.Env, cmd.Dir = f.env, f.t.TempDir()
	output, err := cmd.Output()
	if err != nil {
		f.t.Fatalf("flux %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(output))
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

func ranks(t *testing.T, text string) idset.Set {
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

// TestReasonsForgeNoDrains: a reason may have line ends, and behind them what looks
// like a line of ours.
func TestReasonsForgeNoDrains(t *testing.T) {
	f := newInstance(t)
	forged := "bad disk\ndrained=0 ours: forged\ndrained=zero\n0 ours: forged"
	if err := f.Drain(t.Context(), ranks(t, "2"), forged); err != nil {
		t.Fatal(err)
	}
	if got, want := f.drained(), []string{"2|" + forged}; !slices.Equal(got, want) {
		t.Errorf("drained %q, want %q", got, want)
	}
}

// TestEqualFailuresSayTheSame: the operator tells of each other text anew.
func TestEqualFailuresSayTheSame(t *testing.T) {
	for said, want := range map[string]string{
		"echo no instance >&2; exit 1": "flux resource drain --no-header --format {ranks} {reason}: exit status 1: no instance",
		"echo a warning":               `output of flux resource drain: a line begins with "a warning", not as we asked for`,
	} {
		program := filepath.Join(t.TempDir(), "flux")
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+said+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := (&Client{program: program}).Drained(t.Context()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", said, err, want)
		}
	}
}

func TestRanksOutOfRangeAreAnErrorThatNamesTheCommand(t *testing.T) {
	f := newInstance(t)
	err := f.Drain(t.Context(), ranks(t, "3-4"), "ours: going")
	command, ok := errors.AsType[*CommandError](err)
	if !ok || !strings.Contains(err.Error(), "flux resource drain") || !strings.Contains(command.Stderr, "out of range") {
		t.Errorf("Drain of ranks 3-4: %v, want a *CommandError with Flux's words", err)
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
	// A name is its user's, also one that looks like a line about another job.
	id := f.run("submit", "-N2", "--job-name=two nodes\nƒ1 0-1 x\njob=ƒ2 0 forged\njob=ƒ3 zero", "sleep", "120")
	pending := f.run("submit", "-N3", "true")
	await(t, func() bool { return f.allocated("0-3") == "2-3" })
	for asked, want := range map[string]string{"": "", "0-1": "", "1-2": "2", "2-9": "2-3"} {
		if got := f.allocated(asked); got != want {
			t.Errorf("Allocated(%q) = %q, want %q", asked, got, want)
		}
	}
	for _, version := range []Version{f.version, {0, 65, 0}} { // with and without --include
		client := &Client{program: f.program, env: f.Client.env, version: version}
		for asked, want := range map[string]string{
			"": "", "0-1": "", "3": id + " 2-3", "0-3": id + " 2-3", oddRanks(): id + " 2-3",
		} {
			jobs, err := client.Jobs(t.Context(), ranks(t, asked))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, job := range jobs {
				got += job.ID + " " + job.Ranks.String()
			}
			if got != want {
				t.Errorf("Jobs(%.20q) as of %v = %q, want %q", asked, version, got, want)
			}
		}
	}
	f.run("cancel", id)
	await(t, func() bool { return f.allocated("0-3") == "" })
	if err := f.Undrain(t.Context(), ranks(t, "0-1")); err != nil {
		t.Fatal(err)
	}
	f.run("job", "attach", pending)
}

// oddRanks is a set that is too long for an argument.
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

func TestStartedQueueStartsPendingJobs(t *testing.T) {
	f := newInstance(t)
	f.run("queue", "stop", "--all", "--quiet")
	id := f.run("submit", "true")
	await(t, func() bool { return f.run("jobs", "--no-header", "--format", "{status}", id) == "SCHED" })
	if err := f.StartQueue(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.run("job", "attach", id)
}

func TestNewNeedsNoInstance(t *testing.T) {
	flux := fluxstandin.Flux(t)
	client, err := New(t.Context(), flux, append(os.Environ(), "FLUX_URI=local:///nowhere"))
	if err != nil {
		t.Fatal(err)
	}
	if !client.Version().AtLeast(Minimum) {
		t.Errorf("version %v, want at least %v", client.Version(), Minimum)
	}
	if _, err := client.Online(t.Context()); err == nil || !strings.Contains(err.Error(), "flux resource status") {
		t.Errorf("without a broker: %v, want an error that names the command", err)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	if client, err := New(t.Context(), filepath.Join(t.TempDir(), "flux"), nil); err == nil {
		t.Errorf("New without a program = %v", client)
	}
	if client, err := New(t.Context(), "/bin/true", nil); err == nil || !strings.Contains(err.Error(), "flux version") {
		t.Errorf("New with another program = %v, %v", client, err)
	}
}

func TestCommandsEndWithTheirContext(t *testing.T) {
	cause := errors.New("the pod is being stopped")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, cause)
	defer cancel()
	slow := &Client{program: "/bin/sleep"}
	if _, err := slow.run(ctx, "60"); !errors.Is(err, cause) || !strings.Contains(err.Error(), "flux 60") {
		t.Errorf("run = %v, want the context's cause and the command", err)
	}
}
