package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/standalone/internal/kubeapi"
	"github.com/gopherlocks/gopherlocks/standalone/internal/nodeconfig"
)

const (
	// A component that ended is started again after firstBackoff. Each further time
	// the pause doubles, up to maxBackoff. After steadyAfter of running, the pause
	// is firstBackoff again.
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 10 * time.Second
	steadyAfter  = 30 * time.Second
	// stopTimeout is how long a component may take to stop before it is killed.
	stopTimeout = 5 * time.Second
)

// supervisor keeps the components of a node running.
type supervisor struct {
	cluster   nodeconfig.Cluster
	processes *processes
	report    *report
	events    *events
	log       *slog.Logger
	api       *kubeapi.Client
	started   time.Time
}

func newSupervisor(cluster nodeconfig.Cluster, processes *processes, report *report, events *events, log *slog.Logger) *supervisor {
	return &supervisor{
		cluster: cluster, processes: processes, report: report, events: events, log: log, started: time.Now(),
	}
}

// run starts all components, says when the node is ready, and stops them in
// reverse order when ctx ends.
func (s *supervisor) run(ctx context.Context) error {
	var err error
	if s.api, err = kubeapi.NewAdmin(nodeconfig.LocalAPIServer, s.cluster.Dir.PKI()); err != nil {
		return err
	}
	components, err := s.components()
	if err != nil {
		return err
	}
	var running []*runningComponent
	for _, component := range components {
		running = append(running, s.launch(component, running))
	}
	err = s.awaitNode(ctx, running)
	if err != nil && ctx.Err() == nil {
		s.events.send(Event{Kind: EventFailed, Message: err.Error()})
	}
	<-ctx.Done()
	s.log.Info("stopping")
	for _, component := range slices.Backward(running) {
		component.stop()
	}
	return nil
}

// runningComponent is the goroutine that keeps one component running.
type runningComponent struct {
	component
	// ready is closed when the component answered for the first time.
	ready chan struct{}
	stop  func()
}

// launch keeps component running. It waits first until the components that it comes
// after are ready.
func (s *supervisor) launch(component component, earlier []*runningComponent) *runningComponent {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	running := &runningComponent{component: component, ready: make(chan struct{})}
	running.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		for _, other := range earlier {
			if !slices.Contains(component.after, other.Component) {
				continue
			}
			select {
			case <-other.ready:
			case <-ctx.Done():
				return
			}
		}
		s.keep(ctx, running)
	}()
	return running
}

// keep starts a component again and again until ctx ends.
func (s *supervisor) keep(ctx context.Context, running *runningComponent) {
	output, err := s.openOutput(running.Component)
	if err != nil {
		s.events.send(Event{Component: running.Component, Kind: EventFailed, Message: err.Error()})
		return
	}
	defer output.Close()
	var once sync.Once
	backoff := firstBackoff
	for ends := 1; ; ends++ {
		started := time.Now()
		err := s.runOnce(ctx, running.component, output, func() { once.Do(func() { close(running.ready) }) })
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("component ended", "component", running.Component, "error", err)
		s.updateReport(running.Component, func(r *ComponentReport) {
			*r = ComponentReport{Restarts: ends, LastEnd: err.Error()}
		})
		s.events.send(Event{Component: running.Component, Kind: EventEnded, Message: err.Error(), Ends: ends})
		if time.Since(started) > steadyAfter {
			backoff = firstBackoff
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// runOnce runs a component from start to end. The error says how it ended.
func (s *supervisor) runOnce(ctx context.Context, component component, output *os.File, onReady func()) error {
	if component.prepare != nil {
		if err := component.prepare(ctx); err != nil {
			return err
		}
	}
	cmd := exec.Command(component.Path, component.Args...)
	cmd.Env = component.env
	cmd.Stdout, cmd.Stderr = output, output
	pid, result, err := s.processes.start(cmd)
	if err != nil {
		return fmt.Errorf("starting %s: %w", component.Component, err)
	}
	s.updateReport(component.Component, func(r *ComponentReport) { r.Running = true })
	readyCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if await(readyCtx, component.ready) != nil {
			return
		}
		s.updateReport(component.Component, func(r *ComponentReport) { r.Ready = true })
		s.events.send(Event{Component: component.Component, Kind: EventReady})
		onReady()
	}()
	select {
	case status := <-result:
		return describeEnd(status)
	case <-ctx.Done():
	}
	s.processes.signal(pid, syscall.SIGTERM)
	select {
	case <-result:
	case <-time.After(stopTimeout):
		s.processes.signal(pid, syscall.SIGKILL)
		<-result
	}
	return ctx.Err()
}

func (s *supervisor) updateReport(component string, change func(*ComponentReport)) {
	if err := s.report.updateComponent(component, change); err != nil {
		s.log.Error("the report can't be written", "error", err)
	}
}

// openOutput returns the file that a component writes to. It is a pipe, so that the
// log can be bounded. It outlives the component: its children may go on writing.
func (s *supervisor) openOutput(component string) (*os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the pipe for the log of %s: %w", component, err)
	}
	log := openLog(s.cluster.Dir, component)
	go func() {
		_, err := io.Copy(log, reader)
		s.log.Debug("log closed", "component", component, "error", errors.Join(err, log.Close(), reader.Close()))
	}()
	return writer, nil
}

func describeEnd(status syscall.WaitStatus) error {
	if status.Signaled() {
		return fmt.Errorf("ended by signal: %s", status.Signal())
	}
	return fmt.Errorf("ended with exit code %d", status.ExitStatus())
}

// await waits until check succeeds or ctx ends, and returns the last failure then.
func await(ctx context.Context, check func(context.Context) error) error {
	const interval = 50 * time.Millisecond
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}
