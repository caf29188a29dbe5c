package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// process is a program that the tests have started.
type process struct {
	command *exec.Cmd
	ended   chan struct{}
}

// startProcess starts a program that writes to the end of the file log.
func startProcess(log, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{command: exec.Command(program, args...), ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = out, out
	// Nothing outlives the tests, even if they are killed.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// kill ends the process without a chance to clean up.
func (p *process) kill() { p.end(syscall.SIGKILL) }

// stop asks the process to end, and waits until it has.
func (p *process) stop() { p.end(syscall.SIGTERM) }

func (p *process) end(signal syscall.Signal) {
	_ = p.command.Process.Signal(signal) // an error says that it has ended
	<-p.ended
}

// operators starts the operator's program any number of times.
type operators struct {
	program, kubeconfig, log string

	mu      sync.Mutex
	running []*operator
}

type operator struct {
	*process
	metricsAddress, healthAddress string
}

// agentImage is never pulled: no kubelet runs.
const agentImage = "example.org/gopherlocks-agent:1"

// buildOperator compiles the operator: what is tested is what is shipped.
func buildOperator(ctx context.Context, dir, kubeconfig string) (*operators, error) {
	o := &operators{
		program:    filepath.Join(dir, "gopherlocks-operator"),
		kubeconfig: kubeconfig,
		log:        filepath.Join(dir, "operator.log"),
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", o.program,
		"github.com/gopherlocks/gopherlocks/operator/cmd/gopherlocks-operator")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the operator: %w\n%s", err, out)
	}
	return o, nil
}

// start starts one more operator, and waits until it is alive.
func (o *operators) start() (*operator, error) {
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(o.log, o.program,
		"--kubeconfig="+o.kubeconfig,
		"--namespace="+operatorNamespace,
		"--agent-image="+agentImage,
		"--health-address="+health,
		"--metrics-address="+metrics,
		"--log-level=debug")
	if err != nil {
		return nil, err
	}
	started := &operator{process: p, metricsAddress: metrics, healthAddress: health}
	o.mu.Lock()
	o.running = append(o.running, started)
	o.mu.Unlock()
	err = wait.PollUntilContextTimeout(context.Background(), pollInterval, patience, true, func(context.Context) (bool, error) {
		select {
		case <-p.ended:
			return false, fmt.Errorf("the operator has ended: see %s", o.log)
		default:
		}
		response, getErr := http.Get("http://" + health + "/readyz")
		if getErr != nil {
			return false, nil
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the operator: %w", err)
	}
	return started, nil
}

// startOperator starts one more operator, or ends the test.
func startOperator(t testing.TB) *operator {
	t.Helper()
	started, err := world.operators.start()
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// current returns the oldest operator that is alive.
func (o *operators) current() *operator {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.running, func(op *operator) bool {
		select {
		case <-op.ended:
			return false
		default:
			return true
		}
	})
	return o.running[i]
}

func (o *operators) killAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.running {
		op.kill()
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// printLogs prints the end of each log, for a test run that failed.
func printLogs(dir string) {
	const lines = 40
	logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, name := range logs {
		if filepath.Base(name) == "audit.log" {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		all := strings.Split(strings.TrimSpace(string(data)), "\n")
		fmt.Printf("--- end of %s\n%s\n", filepath.Base(name), strings.Join(all[max(0, len(all)-lines):], "\n"))
	}
}

// patience is how long to wait for a condition. It is far longer than needed, since
// the machine may be busy.
const (
	patience     = 90 * time.Second
	pollInterval = 50 * time.Millisecond
)
