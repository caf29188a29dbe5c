package fluxstandin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// pretend is an instance for a test. Its brokers end with the test.
type pretend struct {
	t       *testing.T
	flux    string
	folder  string
	size    int
	options []string // of the lead
}

func newPretend(t *testing.T, size int) *pretend {
	return &pretend{t: t, flux: Program(t), folder: t.TempDir(), size: size}
}

func (p *pretend) socket(rank int) string {
	return filepath.Join(p.folder, fmt.Sprintf("local-%d", rank))
}

func (p *pretend) environment(rank int) []string {
	return append(os.Environ(),
		"FLUX_STANDIN_DIR="+filepath.Join(p.folder, "instance"),
		fmt.Sprintf("FLUX_STANDIN_RANK=%d", rank), fmt.Sprintf("FLUX_STANDIN_SIZE=%d", p.size),
		"FLUX_URI=local://"+p.socket(rank))
}

// process is a broker that runs.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}
}

// broker starts the broker of a rank. With no program, the lead waits for SIGTERM.
func (p *pretend) broker(rank int, program ...string) *process {
	p.t.Helper()
	args := []string{"broker", "-Slocal-uri=local://" + p.socket(rank)}
	if rank == 0 {
		args = append(args, p.options...)
	}
	if len(program) == 0 {
		args = append(args, "-Sbroker.rc2_none=1")
	}
	cmd := exec.Command(p.flux, append(args, program...)...)
	cmd.Env, cmd.Stderr = p.environment(rank), os.Stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	b := &process{t: p.t, cmd: cmd, ended: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(b.ended) }()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-b.ended
	})
	return b
}

func (b *process) signal(s syscall.Signal) {
	if err := b.cmd.Process.Signal(s); err != nil {
		b.t.Error(err)
	}
}

// code waits for the broker's end.
func (b *process) code() int {
	b.t.Helper()
	select {
	case <-b.ended:
		return b.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		b.t.Fatal("the broker has not ended for 20 s")
		return 0
	}
}

// ask runs a command of the lead and returns its output, error output and code.
func (p *pretend) ask(args ...string) (string, string, int) {
	p.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(p.t.Context(), p.flux, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.environment(0), p.folder, &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(stdout.String()), strings.TrimSpace(stderr.String()), cmd.ProcessState.ExitCode()
}

// must is ask for commands that have to succeed.
func (p *pretend) must(args ...string) string {
	p.t.Helper()
	stdout, stderr, code := p.ask(args...)
	if code != 0 {
		p.t.Fatalf("flux %s: exit code %d: %s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

// await asks until the output is as wished.
func (p *pretend) await(want string, args ...string) {
	p.t.Helper()
	var stdout, stderr string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if stdout, stderr, _ = p.ask(args...); stdout == want {
			return
		}
	}
	p.t.Fatalf("flux %s: %q %q, want %q", strings.Join(args, " "), stdout, stderr, want)
}

func (p *pretend) awaitOnline(ranks string) {
	p.t.Helper()
	p.await(ranks, "resource", "status", "-s", "online", "-no", "{ranks}")
}

func awaitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			return
		}
	}
	t.Fatalf("no file %s for 20 s", path)
}

// awaitSaved waits until the lead has saved the instance as it is now: what it has
// not saved is lost when it is killed, as with Flux.
func (p *pretend) awaitSaved(content string) {
	p.t.Helper()
	now, err := instance.ReadFile(filepath.Join(p.folder, "instance", "state.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		saved, err := instance.ReadFile(content)
		if err != nil {
			p.t.Fatal(err)
		}
		if saved.Revision >= now.Revision {
			return
		}
	}
	p.t.Fatalf("the lead has not saved revision %d for 20 s", now.Revision)
}

// jobs lists the jobs of all states.
func (p *pretend) jobs(format string) []string {
	p.t.Helper()
	return []string{"jobs", "-a", "-n", "-o", format}
}

func TestHelpSaysThatItIsNotFlux(t *testing.T) {
	p := newPretend(t, 1)
	if got := p.must("--help"); !strings.Contains(got, "stand-in") || !strings.Contains(got, "not Flux") {
		t.Errorf("help %q does not say that it is not Flux", got)
	}
}

func TestUnknownCommandsAndOptionsAreRefused(t *testing.T) {
	p := newPretend(t, 1)
	for _, args := range []string{"kvs get x", "resource reload", "jobs --json", "submit --begin-time=now true"} {
		if _, stderr, code := p.ask(strings.Fields(args)...); code != 2 || !strings.Contains(stderr, "does not play") {
			t.Errorf("flux %s: exit code %d and %q, want 2 and why", args, code, stderr)
		}
	}
}

func TestWithoutABrokerCommandsFail(t *testing.T) {
	p := newPretend(t, 1)
	if _, stderr, code := p.ask("jobs"); code != 1 || !strings.Contains(stderr, "Unable to connect to Flux") {
		t.Errorf("exit code %d and %q, want 1 and why", code, stderr)
	}
}

func TestRanksComeAndGo(t *testing.T) {
	p := newPretend(t, 4)
	second := p.broker(2) // a follower may be there before its lead
	p.broker(0)
	p.awaitOnline("0,2")
	p.broker(1)
	p.awaitOnline("0-2")
	second.signal(syscall.SIGTERM)
	if code := second.code(); code != 0 {
		t.Errorf("a follower ended by SIGTERM with %d, want 0", code)
	}
	p.awaitOnline("0-1")
}

func TestFollowersEndWithTheirLead(t *testing.T) {
	p := newPretend(t, 2)
	lead, follower := p.broker(0), p.broker(1)
	p.awaitOnline("0-1")
	lead.signal(syscall.SIGTERM)
	if lead.code() != 0 || follower.code() != 0 {
		t.Errorf("exit codes %d of the lead and %d of the follower, want 0", lead.code(), follower.code())
	}
}

func TestFollowersFailOnceAKilledLeadIsBack(t *testing.T) {
	p := newPretend(t, 2)
	lead, follower := p.broker(0), p.broker(1)
	p.awaitOnline("0-1")
	lead.signal(syscall.SIGKILL)
	lead.code()
	select {
	case <-follower.ended:
		t.Fatal("the follower ended while there was no lead")
	case <-time.After(200 * time.Millisecond): // four of its looks
	}
	p.broker(0)
	if code := follower.code(); code != 1 {
		t.Errorf("the follower ended with %d, want 1", code)
	}
	p.broker(1)
	p.awaitOnline("0-1")
}

func TestLeadEndsWithItsProgram(t *testing.T) {
	p := newPretend(t, 1)
	if code := p.broker(0, "sh", "-c", "exit 3").code(); code != 3 {
		t.Errorf("the lead ended with %d, want its program's 3", code)
	}
	ready := filepath.Join(p.folder, "ready")
	stopped := p.broker(0, "trap 'exit 7' HUP; touch "+ready+"; while :; do sleep 0.05; done")
	awaitFile(t, ready)
	stopped.signal(syscall.SIGTERM)
	if code := stopped.code(); code != 7 {
		t.Errorf("the lead ended with %d, want 7: its program is told by SIGHUP", code)
	}
}

func TestJobsRunWhereTheyWereGivenRoom(t *testing.T) {
	p := newPretend(t, 3)
	p.broker(0)
	p.broker(1)
	p.broker(2)
	p.awaitOnline("0-2")
	p.must("resource", "drain", "-u", "1", "going")
	got := p.must("run", "-n2", "sh", "-c", `basename $FLUX_URI; echo task $FLUX_TASK_RANK of $FLUX_JOB_SIZE >&2`)
	if got != "local-0\nlocal-2" && got != "local-2\nlocal-0" {
		t.Errorf("tasks ran on %q, want one on rank 0 and one on rank 2", got)
	}
	id := p.must("submit", "-N3", "true")
	p.await("SCHED", append(p.jobs("{status}"), "-c1")...)
	p.must("resource", "undrain", "1")
	p.await(id+" COMPLETED 0-2", append(p.jobs("{id} {status} {ranks}"), "-c1")...)
}

func TestJobsPassOnOutputAndExitCode(t *testing.T) {
	p := newPretend(t, 1)
	p.broker(0)
	p.awaitOnline("0")
	stdout, stderr, code := p.ask("submit", "--quiet", "--watch", "sh", "-c", "echo out; echo err >&2; exit 9")
	if stdout != "out" || stderr != "err" || code != 9 {
		t.Errorf("submit --watch: %q, %q, %d, want out, err, 9", stdout, stderr, code)
	}
	if _, stderr, code := p.ask("run", "no-such-program"); code != 127 || !strings.Contains(stderr, "no-such-program") {
		t.Errorf("a missing program: %q, %d, want its name and 127", stderr, code)
	}
	id := p.must("submit", "sh", "-c", "kill -TERM $$")
	if _, _, code := p.ask("job", "attach", id); code != 128+15 {
		t.Errorf("a job ended by SIGTERM: %d, want 143", code)
	}
	if _, stderr, code := p.ask("run", "-n2", "true"); code != 1 || !strings.Contains(stderr, "unsatisfiable") {
		t.Errorf("a job that is too large: %q, %d, want unsatisfiable and 1", stderr, code)
	}
}

func TestJobsFailWithTheirRankAndCanBeCanceled(t *testing.T) {
	p := newPretend(t, 2)
	p.broker(0)
	follower := p.broker(1)
	p.awaitOnline("0-1")
	p.must("submit", "-N2", "sleep", "60")
	p.await("0-1", "resource", "list", "-s", "allocated", "-no", "{ranks}")
	follower.signal(syscall.SIGTERM)
	p.await("FAILED", p.jobs("{status}")...)
	follower.code()

	follower = p.broker(1)
	p.awaitOnline("0-1")
	id := p.must("submit", "-N2", "sleep", "60")
	p.await("0-1", "resource", "list", "-s", "allocated", "-no", "{ranks}")
	follower.signal(syscall.SIGKILL)
	p.await("FAILED", append(p.jobs("{status}"), "-c1")...)
	p.await("FAILED", "jobs", "-no", "{status}", id) // a job that is named is listed
	if _, stderr, code := p.ask("job", "attach", id); code != 128+9 || !strings.Contains(stderr, "node failure on ") || !strings.Contains(stderr, "(rank 1)") {
		t.Errorf("attach: %q, %d, want the node's failure, and 137 of the other task, which is killed", stderr, code)
	}
	other := p.must("submit", "sleep", "60")
	p.await("0", "resource", "list", "-s", "allocated", "-no", "{ranks}")
	p.must("cancel", other)
	p.await("CANCELED", append(p.jobs("{status}"), "-c1")...)
	p.await("", "resource", "list", "-s", "allocated", "-no", "{ranks}")
}

func TestBatchScriptsSubmitJobs(t *testing.T) {
	p := newPretend(t, 1)
	p.broker(0)
	p.awaitOnline("0")
	script := filepath.Join(p.folder, "batch.sh")
	text := "#!/bin/sh\nset -e\n" + p.flux + " submit --quiet echo one\n" + p.flux + " submit --quiet sh -c 'echo two; exit 4'\nexec " + p.flux + " watch --all --count=0\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	id := p.must("batch", "-n1", "--output=kvs", script)
	if stdout, _, code := p.ask("job", "attach", id); stdout != "one\ntwo" || code != 4 {
		t.Errorf("batch: %q, %d, want the jobs' output, and the largest code 4", stdout, code)
	}
	if got := p.must(p.jobs("{id}")...); got != id {
		t.Errorf("the instance lists %q, want the batch job %s alone", got, id)
	}
}

func TestStateSurvivesAsWithFlux(t *testing.T) {
	p := newPretend(t, 2)
	state, archive := filepath.Join(p.folder, "state"), filepath.Join(p.folder, "archive.tgz")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	p.options = []string{"-Sstatedir=" + state, "-Scontent.dump=" + archive}
	lead := p.broker(0)
	p.awaitOnline("0")
	p.must("resource", "drain", "1", "bad", "disk")
	pending := p.must("submit", "-N2", "true")
	running := p.must("submit", "sleep", "60")
	p.await(running+" RUN\n"+pending+" SCHED", p.jobs("{id} {status}")...)
	p.awaitSaved(filepath.Join(state, "content.sqlite"))

	lead.signal(syscall.SIGKILL)
	lead.code()
	lead = p.broker(0)
	p.awaitOnline("0")
	p.await(running+" FAILED\n"+pending+" SCHED", p.jobs("{id} {status}")...)
	lead.signal(syscall.SIGTERM)
	if code := lead.code(); code != 0 {
		t.Fatalf("the lead ended with %d", code)
	}

	// An archive restores it, with the queue stopped, also into another size.
	p.options, p.size = []string{"-Scontent.restore=" + archive}, 3
	lead = p.broker(0)
	p.broker(1)
	p.broker(2)
	p.awaitOnline("0-2")
	if got := p.must("resource", "drain", "-no", "{ranks} {reason}"); got != "1 bad disk" {
		t.Errorf("drained %q, want 1 bad disk", got)
	}
	if got := p.must("queue", "status"); !strings.Contains(got, "Scheduling is stopped") {
		t.Errorf("queue %q, want it stopped", got)
	}
	p.must("queue", "start", "--all", "--quiet")
	p.await(running+" FAILED 0\n"+pending+" COMPLETED 0,2", p.jobs("{id} {status} {ranks}")...)
	lead.signal(syscall.SIGTERM)
	lead.code()

	// Without state, nothing is left.
	p.options = nil
	p.broker(0)
	p.awaitOnline("0")
	if got := p.must(p.jobs("{id}")...); got != "" {
		t.Errorf("jobs %q, want none", got)
	}
}

func TestStartRunsABrokerPerRank(t *testing.T) {
	p := newPretend(t, 1)
	cmd := exec.Command(p.flux, "start", "-s", "3", "sh", "-c", p.flux+" run -N3 true && "+p.flux+" getattr size && exit 5")
	output, err := cmd.CombinedOutput()
	if string(output) != "3\n" || cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("flux start: %q, %v, want 3 and the program's exit code 5", output, err)
	}
}

func TestBrokerFindsItsRankInTheConfiguration(t *testing.T) {
	p := newPretend(t, 1)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(host, ".")
	r := filepath.Join(p.folder, "R")
	toml := fmt.Sprintf("[resource]\npath = %q\nnoverify = true\n\n[bootstrap]\nhosts = [ { host = %q } ]\n", r, short)
	lite := `{"version":1,"execution":{"R_lite":[{"rank":"0-4","children":{"core":"0-1"}}],"nodelist":["x-[0-4]"]}}`
	for path, text := range map[string]string{r: lite, filepath.Join(p.folder, "broker.toml"): toml} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(p.flux, "broker", "-c", p.folder, "-Srundir="+p.folder, "sh", "-c", p.flux+" getattr rank; "+p.flux+" resource list -n -s all")
	cmd.Env = append(os.Environ(), "FLUX_STANDIN_DIR="+filepath.Join(p.folder, "instance"))
	if output, err := cmd.CombinedOutput(); string(output) != "0\nall 5 10 0-4\n" {
		t.Errorf("flux broker: %q, %v, want rank 0 of 5 with 10 cores", output, err)
	}
	if err := os.Remove(r); err != nil {
		t.Fatal(err)
	}
	follower := exec.Command(p.flux, "broker", "-c", p.folder, "-Srundir="+p.folder)
	follower.Env = append(cmd.Env, "FLUX_STANDIN_RANK=1")
	if output, err := follower.CombinedOutput(); err == nil || !strings.Contains(string(output), r) {
		t.Errorf("a follower without R: %q, %v, want an error that names the file", output, err)
	}
	if err := os.WriteFile(filepath.Join(p.folder, "broker.toml"), []byte("refuse me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := p.ask("config", "get", "--config-path="+p.folder); code != 1 || !strings.Contains(stderr, "no TOML") {
		t.Errorf("flux config get: %q, %d, want a refusal", stderr, code)
	}
}
