package agent

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
)

// Parts of the grace period that are kept back: for the broker to end after the
// wait for jobs, and for commands.post after the broker was killed.
const (
	reserveForBroker = 5 * time.Second
	reserveForPost   = 3 * time.Second
	minGrace         = time.Second // before SIGKILL, however short the period
)

// rank carries out what the machine decides.
type rank struct {
	cfg    agentapi.Config
	number int32
	paths  paths
	log    *log.Logger
	stdout io.Writer
	stderr io.Writer
	env    []string // of all that the rank starts
	// started is when the pod was.
	started time.Time

	machine  machine
	events   chan event
	health   *health
	commands *commands

	flux    string // path of the program
	own     own
	restore bool
	broker  *brokerRun
}

// brokerRun is one run of the broker.
type brokerRun struct {
	cmd    *exec.Cmd
	ctx    context.Context // over when the broker has ended
	cancel context.CancelFunc
	// began is when it was started.
	began time.Time
	// returning is what is done once the broker is up.
	returning       sync.WaitGroup
	cancelReturning context.CancelFunc
}

func newRank(cfg agentapi.Config, number int32, p paths, stdout, stderr io.Writer) *rank {
	logger := newLogger(stderr, cfg.Quiet)
	// The broker would take itself for a part of the instance that this names.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "FLUX_URI=") })
	r := &rank{
		cfg: cfg, number: number, paths: p, log: logger, stdout: stdout, stderr: stderr, env: env,
		started:  time.Now(),
		machine:  machine{lead: number == 0},
		events:   make(chan event),
		health:   newHealth(),
		commands: &commands{log: logger, timed: cfg.Timed, times: stderr},
	}
	if cfg.Quiet {
		r.commands.times = io.Discard
	}
	return r
}

// run lives the rank's life, and returns its exit code. stops delivers what tells
// it to end.
func (r *rank) run(stops <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer r.health.close()
	go func() { r.send(ctx, r.prepare(ctx)) }()
	for {
		var e event
		select {
		case e = <-r.events:
		case s := <-stops:
			r.log.Printf("received %v", s)
			e = stop{commandEnded: r.machine.lead && exists(r.paths.commandEnd())}
		}
		for _, a := range r.machine.on(e) {
			if end, isExit := a.(exit); isExit {
				r.log.Printf("ending with exit code %d %s", end.code, end.termination.Message)
				writeTermination(r.paths, end.termination, r.log)
				return end.code
			}
			r.do(ctx, a)
		}
	}
}

// send delivers e, unless nobody is interested any more.
func (r *rank) send(ctx context.Context, e event) {
	select {
	case r.events <- e:
	case <-ctx.Done():
	}
}

func (r *rank) sendAfter(ctx context.Context, d time.Duration, e event) {
	time.AfterFunc(d, func() { r.send(ctx, e) })
}

func (r *rank) do(ctx context.Context, a action) {
	switch a := a.(type) {
	case startBroker:
		if err := r.startBroker(ctx); err != nil {
			go r.send(ctx, startFailed{err.Error(), lasts(err)})
		}
	case joined:
		r.join(a)
	case left:
		r.health.setReady(false)
	case wait:
		r.log.Printf("starting the broker again in %v", a.delay)
		r.sendAfter(ctx, a.delay, backoffOver{})
	case armKill:
		r.sendAfter(ctx, max(r.grace()-reserveForPost, minGrace), killTime{})
	case drainSelf:
		go func() {
			r.drain(a.joining)
			r.send(ctx, drainOver{})
		}()
	case signalBroker:
		r.log.Printf("sending the broker %v", a.signal)
		signalGroup(r.broker.cmd, a.signal)
	case signalCommand:
		r.commands.interrupt(a.signal)
	case runPost:
		go func() {
			r.post()
			r.send(ctx, postDone{})
		}()
	}
}

func (r *rank) grace() time.Duration { return time.Duration(r.cfg.GraceSeconds) * time.Second }

// startBroker starts the broker, and has it waited for and watched.
func (r *rank) startBroker(ctx context.Context) error {
	// Files of a broker before this one would tell of the wrong one.
	socket := r.paths.sharedSocket(r.cfg)
	stale := []string{r.paths.commandEnd(), r.paths.socket, socket}
	if r.machine.lead && r.cfg.ArchivePath != "" {
		stale = append(stale, newArchive(r.cfg.ArchivePath)) // may be cut off
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if socket != r.paths.socket {
		if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(socket, r.paths.socket); err != nil {
			return err
		}
	}
	line := brokerCommand(brokerStart{cfg: r.cfg, rank: r.number, paths: r.paths, flux: r.flux, restore: r.restore})
	cmd, err := r.command(append([]string{r.paths.program, "keep"}, line...)...)
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	keeper, err := keep(cmd)
	if err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	// The lead prints for the application on all ranks. What a follower's broker says
	// before it knows how much it may, such as that it was stopped, is not of that.
	if r.machine.lead || !r.cfg.Quiet {
		cmd.Stdout, cmd.Stderr = r.stdout, r.stderr
	}
	cmd.WaitDelay = time.Second // for what a job left in the background
	begin := time.Now()
	if err := keeper.start(); err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	r.log.Printf("started the broker: %s", strings.Join(line, " "))
	b := &brokerRun{cmd: cmd, began: begin, cancelReturning: func() {}}
	b.ctx, b.cancel = context.WithCancel(ctx)
	r.broker = b
	up := make(chan bool, 1)
	go func() {
		isUp := r.own.waitUp(b.ctx, r.paths.socket)
		if isUp {
			r.send(ctx, brokerUp{})
		}
		up <- isUp
	}()
	go func() {
		status := keeper.wait()
		b.cancel()
		r.send(ctx, r.ended(ctx, status, <-up, time.Since(begin)))
	}()
	return nil
}

// ended gathers what is to be known of a broker that has ended.
func (r *rank) ended(ctx context.Context, status syscall.WaitStatus, wasUp bool, ran time.Duration) brokerEnded {
	e := brokerEnded{status: statusText(status), ran: ran}
	r.log.Printf("the broker has ended: %s", e.status)
	if r.machine.lead {
		var err error
		if e.command, err = readCommandEnd(r.paths); err != nil {
			r.log.Print(err)
		}
		if r.cfg.ArchivePath != "" && status.Exited() {
			if err := keepArchive(r.cfg.ArchivePath); err != nil {
				r.log.Printf("archive.path: %v", err)
			}
		}
	}
	if !wasUp && status.Exited() && status.ExitStatus() != 0 {
		e.refused = refusal(ctx, r.flux, r.env, r.paths.brokerConfigDir)
	}
	return e
}

// join is for a rank that is part of the instance from now on.
func (r *rank) join(a joined) {
	r.log.Printf("rank %d is up", r.number)
	r.health.setReady(true)
	b := r.broker
	ctx, cancel := context.WithCancel(b.ctx)
	b.cancelReturning = cancel
	switch {
	case r.machine.lead:
		b.returning.Go(func() { r.lead(ctx) })
		b.returning.Go(func() { r.own.freeLost(ctx, b.began) })
	case a.returned:
		b.returning.Go(func() {
			r.own.insist(ctx, "looking whether this rank is drained", func() error { return r.own.undrainOurs(ctx) })
		})
	}
}

// lead does what only the lead does, while ctx lasts.
func (r *rank) lead(ctx context.Context) {
	// Before the operator is served, so that what it wishes stays.
	r.own.insist(ctx, "looking for drains of an earlier lead", func() error { return r.own.undrainEarlier(ctx) })
	if r.restore {
		// A dump is made with the queues stopped.
		r.own.insist(ctx, "starting the queues of the archive", func() error { return r.own.flux.StartQueues(ctx) })
	}
	r.own.insist(ctx, "the endpoint for the operator", func() error { return r.serve(ctx) })
}

// serve serves the operator until ctx is over.
func (r *rank) serve(ctx context.Context) error {
	client, err := fluxrpc.New(r.paths.socket)
	if err != nil {
		return err
	}
	defer client.Close()
	listener, err := net.Listen("tcp", r.paths.agent)
	if err != nil {
		return err
	}
	r.log.Printf("serving the operator at %v", listener.Addr())
	follower := queue.NewFollower(queue.Over(client), r.log)
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	following.Go(func() { follower.Run(ctx) })
	defer following.Wait()
	defer cancel()
	files := endpoint.Files{Token: r.paths.secretToken, TLSCert: r.paths.secretTLSCert, TLSKey: r.paths.secretTLSKey}
	return endpoint.Serve(ctx, listener, files, endpoint.NewDrainer(r.own.flux), follower, r.own.flux, r.connectionLog())
}

// connectionLog is for connections that fail: anybody on the network can cause
// such lines, so that they are for those who look for a fault.
func (r *rank) connectionLog() *log.Logger {
	if r.cfg.Debug {
		return r.log
	}
	return nil
}

// drain waits for the rank's jobs as long as there is time.
func (r *rank) drain(joining bool) {
	b := r.broker
	ctx, cancel := context.WithTimeout(b.ctx, max(r.grace()-reserveForBroker, 0))
	defer cancel()
	b.cancelReturning() // or it would undo the drain
	b.returning.Wait()
	if joining && !r.own.isUp(ctx, r.paths.socket) {
		return
	}
	r.own.drainAndWait(ctx)
}

func (r *rank) post() {
	r.commands.resume()
	if r.cfg.Post == "" {
		return
	}
	if _, err := r.runLines("post", r.cfg.Post); err != nil {
		r.log.Print(err)
	}
}

// ownRank is the rank as a set.
func (r *rank) ownRank() idset.Set { return idset.Range(r.number, r.number+1) }
