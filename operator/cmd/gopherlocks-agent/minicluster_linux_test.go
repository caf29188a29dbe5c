package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand/demandtest"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxconf"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
	"github.com/gopherlocks/gopherlocks/operator/internal/podstandin"
)

// patience bounds every wait: on a busy machine a broker takes a while.
const patience = 60 * time.Second

var programs string // the folder that the agent is built in

func TestMain(m *testing.M) {
	podstandin.Main()
	var err error
	if programs, err = os.MkdirTemp("", "agent-"); err != nil {
		panic(err)
	}
	code := fluxstandin.Main(m)
	if err := os.RemoveAll(programs); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// agentProgram is the path of the agent, built once.
var agentProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programs, "gopherlocks-agent")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of the agent: %w\n%s", err, output)
	}
	return path, nil
})

// miniCluster is a MiniCluster whose pods a test starts and ends.
type miniCluster struct {
	t       testing.TB
	pods    *podstandin.Pods
	flux    string
	program string
	config  agentapi.Config
	// maxSize is what questions about the queue say.
	maxSize int32
	secret  map[string]string
	client  *http.Client
	token   string
	// shared is a folder that all pods see, as on a volume.
	shared string
}

// rank is a rank of a MiniCluster, in its pod.
type rank struct {
	*podstandin.Pod
	m      *miniCluster
	number int
}

// newMiniCluster makes a MiniCluster of the operator's own configuration, with a
// maximum and a ceiling of four ranks and the changes of change. Its pods are not started.
func newMiniCluster(t testing.TB, change func(*agentapi.Config)) *miniCluster {
	t.Helper()
	m := &miniCluster{t: t, flux: fluxstandin.Flux(t), shared: t.TempDir(), maxSize: 4}
	var err error
	m.program, err = agentProgram()
	m.must(err)
	m.config = agentapi.Config{
		Name: "x", Hosts: fluxconf.Hosts("x", 4), Ceiling: 4, Mode: agentapi.ModeInteractive,
		LogLevel: 6, Cores: 2, GraceSeconds: 60, MountPath: agentapi.Folder + "/mnt", // which each pod has for itself
	}
	change(&m.config)
	name := m.config.Name
	m.pods = podstandin.New(t, name)
	m.configureBrokers()
	c, err := credentials.Derive(make([]byte, credentials.KeySize), credentials.MiniCluster{Name: name, UID: t.Name(), Created: time.Now()})
	m.must(err)
	m.secret = map[string]string{
		agentapi.CurveKey: c.Curve, agentapi.TokenKey: c.Token,
		agentapi.TLSCertKey: string(c.CertPEM), agentapi.TLSKeyKey: string(c.KeyPEM),
	}
	trust, err := credentials.ClientTLS(c.CertPEM)
	m.must(err)
	m.token = c.Token
	m.client = &http.Client{Transport: &http.Transport{DialContext: m.pods.Dial, TLSClientConfig: trust, DisableKeepAlives: true}}
	return m
}

// configureBrokers writes the brokers' configuration by the rest of it.
func (m *miniCluster) configureBrokers() {
	m.t.Helper()
	var err error
	m.config.BrokerConfig, err = fluxconf.BrokerConfig(fluxconf.Options{
		Name: m.config.Name, Service: m.config.Name, Ceiling: m.config.Ceiling, KeepsState: m.config.StateDir != "",
	})
	m.must(err)
}

func (m *miniCluster) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// environment of the ranks.
func (m *miniCluster) environment() []string {
	return []string{
		"PATH=" + filepath.Dir(m.flux) + ":/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8", "HOME=/tmp", "FLUX_STANDIN_DIR=" + filepath.Join(m.shared, "instance"),
	}
}

// environmentOf is that of the container of a rank.
func (m *miniCluster) environmentOf(number int) []string {
	m.t.Helper()
	config, err := json.Marshal(m.config)
	m.must(err)
	return append(m.environment(), agentapi.ConfigVariable+"="+string(config), fmt.Sprintf("%s=%d", agentapi.RankVariable, number))
}

// start starts the pod of a rank.
func (m *miniCluster) start(number int) *rank {
	m.t.Helper()
	r := &rank{m: m, number: number, Pod: m.pods.Start(podstandin.Spec{
		Host: fmt.Sprintf("%s-%d", m.config.Name, number), Command: []string{agentapi.Program, "rank"},
		Env: m.environmentOf(number), Secret: m.secret, Program: m.program,
	})}
	m.t.Cleanup(func() {
		for _, secret := range m.secret {
			if said := r.Stdout() + r.Stderr() + r.Termination(); strings.Contains(said, strings.TrimSpace(secret)) {
				m.t.Errorf("rank %d has printed what is secret", number)
			}
		}
	})
	return r
}

// startUp starts ranks from 0 on, and waits until all of them are online.
func (m *miniCluster) startUp(count int) []*rank {
	m.t.Helper()
	var ranks []*rank
	for number := range count {
		ranks = append(ranks, m.start(number))
	}
	ranks[0].awaitOnline(idset.Range(0, int32(count)).String())
	return ranks
}

// await waits for condition, and fails with what it says is missing.
func (m *miniCluster) await(missing func() string) {
	m.t.Helper()
	m.awaitWithin(patience, missing)
}

func (m *miniCluster) awaitWithin(within time.Duration, missing func() string) {
	m.t.Helper()
	var last string
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if last = missing(); last == "" {
			return
		}
	}
	m.t.Fatalf("after %v: %s", within, last)
}

// try runs a command of Flux that asks the rank's broker.
func (r *rank) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(r.m.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, r.m.flux, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = r.m.shared, &stdout, &stderr
	cmd.Env = append(r.m.environment(), "FLUX_URI=local://"+r.Outside(r.m.config.MountPath+"/config/run/flux/local"))
	if err := cmd.Run(); err != nil {
		return strings.TrimSpace(stdout.String()), fmt.Errorf("flux %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// ask is try for commands that must succeed.
func (r *rank) ask(args ...string) string {
	r.m.t.Helper()
	output, err := r.try(args...)
	r.m.must(err)
	return output
}

// awaitOutput waits until a command of Flux prints what is wanted, with the lines
// in their order of bytes: Flux has them by state.
func (r *rank) awaitOutput(want string, args ...string) {
	r.m.t.Helper()
	r.m.await(func() string {
		output, err := r.try(args...)
		lines := strings.Split(output, "\n")
		slices.Sort(lines)
		if output = strings.Join(lines, "\n"); err != nil || output != want {
			return fmt.Sprintf("flux %s: %q, %v, want %q", strings.Join(args, " "), output, err, want)
		}
		return ""
	})
}

func (r *rank) awaitOnline(ranks string) {
	r.m.t.Helper()
	r.awaitOutput(ranks, "resource", "status", "-s", "online", "-no", "{ranks}")
}

func (r *rank) awaitDrained(drains string) {
	r.m.t.Helper()
	r.awaitOutput(drains, "resource", "drain", "-no", "{ranks} {reason}")
}

// awaitStatus waits until a job has a status, such as RUN or COMPLETED.
func (r *rank) awaitStatus(job, status string) {
	r.m.t.Helper()
	r.awaitOutput(status, "jobs", "-no", "{status}", job)
}

// awaitSaid waits until the rank has printed text so many times.
func (r *rank) awaitSaid(text string, times int) {
	r.m.t.Helper()
	r.m.await(func() string {
		if said := strings.Count(r.Stderr(), text); said < times {
			return fmt.Sprintf("rank %d has said %q %d times, want %d", r.number, text, said, times)
		}
		return ""
	})
}

// wantCode waits for the end of the rank.
func (r *rank) wantCode(want int) agentapi.Termination {
	r.m.t.Helper()
	if code := r.Code(patience); code != want {
		r.m.t.Errorf("rank %d ended with %d, want %d", r.number, code, want)
	}
	var end agentapi.Termination
	if text := r.Termination(); text != "" {
		r.m.must(json.Unmarshal([]byte(text), &end))
	}
	return end
}

// heldJob is a job that runs until it is released.
type heldJob struct{ id, file string }

// submitHeld submits a job that runs on so many nodes, with the options given.
func (r *rank) submitHeld(options ...string) heldJob {
	r.m.t.Helper()
	file := filepath.Join(r.m.shared, fmt.Sprintf("release-%d", time.Now().UnixNano()))
	script := "until [ -e " + file + " ]; do sleep 0.05; done"
	return heldJob{file: file, id: r.ask(append(append([]string{"submit"}, options...), "sh", "-c", script)...)}
}

func (m *miniCluster) release(job heldJob) {
	m.t.Helper()
	m.must(os.WriteFile(job.file, nil, 0o600))
}

// request asks the lead's endpoint as the operator does.
func (m *miniCluster) request(method, path, token string, body, answer any) (status int, err error) {
	return m.requestUntil(m.t.Context(), method, path, token, body, answer)
}

func (m *miniCluster) requestUntil(ctx context.Context, method, path, token string, body, answer any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("https://%s-0:%d%s", m.config.Name, agentapi.AgentPort, path), bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := m.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return response.StatusCode, errors.Join(err, fmt.Errorf("%s: %s", response.Status, said))
	}
	return response.StatusCode, json.Unmarshal(said, answer)
}

// drain makes the wished ranks those that the operator drains.
func (m *miniCluster) drain(wish agentapi.DrainRequest) agentapi.DrainReport {
	m.t.Helper()
	var report agentapi.DrainReport
	m.await(func() string { // the endpoint comes a little after the broker
		report = agentapi.DrainReport{}
		if _, err := m.request(http.MethodPut, agentapi.PathDrain, m.token, wish, &report); err != nil {
			return err.Error()
		}
		return ""
	})
	return report
}

// awaitQueue waits until the operator is told this of the queue.
func (m *miniCluster) awaitQueue(want string) {
	m.t.Helper()
	var report agentapi.QueueReport
	m.await(func() string {
		known := report.Revision
		report = agentapi.QueueReport{}
		request := agentapi.QueueRequest{MaxSize: m.maxSize, WaitSeconds: 1, Known: known}
		if _, err := m.request(http.MethodPost, agentapi.PathQueue, m.token, request, &report); err != nil {
			return err.Error()
		}
		if got := demandtest.Say(report); !strings.HasPrefix(got, want) {
			return fmt.Sprintf("the queue: %s, want %s", got, want)
		}
		return ""
	})
}
