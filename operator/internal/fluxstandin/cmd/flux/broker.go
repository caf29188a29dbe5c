package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin/instance"
)

// Exit codes of brokers, as measured with flux-core 0.88:
//
//	follower, SIGTERM             0; its jobs fail
//	follower, lead ended cleanly  0
//	follower, lead was killed     1, once the lead is back
//	lead                          that of the initial program, which SIGTERM ends
//	                              by SIGHUP; 1 then, rather than 0
//	                              (src/broker/runat.c, abort_signal, completion_cb)

// broker is a broker's process.
type broker struct {
	setup
	folder  instance.Folder
	signals chan os.Signal
	mark    *os.File // that this broker lives; nil: not yet
	epoch   int64    // of the lead that it has joined
	service *service
	tasks   *tasks
}

// patience of a lead that ends with its followers.
const patience = 5 * time.Second

// errStopped is a signal to end before the instance was joined.
var errStopped = errors.New("stopped before the instance was joined")

func runBroker(args []string) (int, error) {
	b := &broker{signals: make(chan os.Signal, 8)}
	signal.Notify(b.signals, syscall.SIGTERM, syscall.SIGINT)
	var err error
	if b.setup, err = readSetup(args); err != nil {
		return 1, err
	}
	if b.folder, err = openFolder(); err != nil {
		return 1, err
	}
	if b.rank == 0 {
		return b.lead()
	}
	return b.followLead()
}

// live marks the broker as living, once an earlier one of its rank has ended.
func (b *broker) live() error {
	for {
		mark, err := b.folder.Live(b.rank)
		if err != nil {
			return err
		}
		if mark != nil {
			b.mark = mark
			return nil
		}
		if !b.pause() {
			return errStopped
		}
	}
}

// pause waits for the next look. It returns false when the broker is to end.
func (b *broker) pause() bool {
	select {
	case <-b.signals:
		return false
	case <-time.After(pollInterval):
		return true
	}
}

// listen answers on the broker's socket, from where the broker has joined the instance.
func (b *broker) listen(s *instance.State) error {
	path := b.socket
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // else that of a broker that was killed is gone now
	}
	socket, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	uri := "local://" + path
	b.tasks = &tasks{folder: b.folder, rank: b.rank, uri: uri, shares: map[instance.ID]*share{}}
	b.service = serve(socket, b.folder, b.rank, uri, s)
	return nil
}

// followLead is the life of a follower.
func (b *broker) followLead() (int, error) {
	if err := b.live(); err != nil {
		return 1, err
	}
	var s *instance.State
	for b.epoch == 0 {
		if !b.folder.Lives(0) {
			if !b.pause() {
				return 1, errStopped
			}
			continue
		}
		var err error
		if s, err = b.join(); err != nil {
			return 1, err
		}
		if b.epoch == 0 && !b.pause() { // the lead is about to start, or has ended
			return 1, errStopped
		}
	}
	if err := b.listen(s); err != nil {
		return 1, err
	}
	defer b.tasks.stop()
	for {
		if !b.pause() {
			b.service.stop()
			return 0, b.leave()
		}
		now, err := b.folder.Renew(s)
		switch {
		case err != nil:
			return 1, err
		case now.Ended >= b.epoch:
			b.service.end(now)
			return 0, nil
		case now.Epoch > b.epoch:
			b.service.stop()
			return 1, errors.New("the lead was lost, and another has started")
		case !b.folder.Lives(0):
			b.service.loseLead()
		}
		if now == s {
			continue
		}
		s = now
		b.service.board.publish(s)
		b.tasks.follow(s)
	}
}

// leave ends the jobs with tasks here, on all of their ranks, as Flux does when it
// loses a job's shell.
func (b *broker) leave() error {
	_, err := b.folder.Update(func(s *instance.State) bool {
		changed := false
		for _, job := range s.Jobs {
			if own := job.On(b.rank); job.State == instance.Running && own != nil && !own.Done {
				s.End(job, "exec", fmt.Sprintf("rank %d has left", b.rank))
				changed = true
			}
		}
		return changed
	})
	return err
}

// join joins the lead that runs, if it does.
func (b *broker) join() (*instance.State, error) {
	var refused error
	s, err := b.folder.Update(func(s *instance.State) bool {
		if s.Epoch <= s.Ended {
			return false
		}
		if b.rank >= s.Size {
			refused = fmt.Errorf("rank %d must be less than the instance's size %d", b.rank, s.Size)
			return false
		}
		b.epoch = s.Epoch
		s.Join(b.rank)
		return true
	})
	return s, errors.Join(err, refused)
}

// lead is the life of the lead.
func (b *broker) lead() (int, error) {
	if err := b.live(); err != nil {
		return 1, err
	}
	s, err := b.begin()
	if err != nil {
		return 1, err
	}
	if err = b.listen(s); err != nil {
		return 1, err
	}
	program, ended, err := b.startProgram()
	if err != nil {
		return 1, err
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	look := &look{state: s}
	aborted := false
	for {
		select {
		case code := <-ended:
			if aborted {
				code = max(code, 1)
			}
			return code, b.end()
		case <-b.signals:
			if program == nil {
				return 0, b.end()
			}
			aborted = true
			_ = program.Process.Signal(syscall.SIGHUP) // it may have ended just now
		case <-tick.C:
			if err := b.step(look); err != nil {
				return 1, err
			}
		}
	}
}

// look is what the lead saw last.
type look struct {
	state  *instance.State
	online map[int32]bool
	// saved is the revision of the state that was saved last.
	saved int64
}

// step takes the instance one step on, unless all is as the lead saw it last.
func (b *broker) step(last *look) error {
	revision, err := b.folder.Revision()
	if err != nil {
		return err
	}
	if revision == last.state.Revision && maps.Equal(b.folder.Online(last.state), last.online) {
		return nil
	}
	last.state, err = b.folder.Update(func(s *instance.State) bool {
		last.online = b.folder.Online(s)
		return instance.Schedule(s, last.online)
	})
	if err != nil {
		return err
	}
	b.service.board.publish(last.state)
	b.tasks.follow(last.state)
	if b.stateDir != "" && last.state.Revision != last.saved {
		if err := instance.WriteFile(b.content(), last.state); err != nil {
			return err
		}
		last.saved = last.state.Revision
	}
	return nil
}

// content is where an instance with a state folder keeps its state, by the name
// of Flux's own file.
func (b *broker) content() string { return filepath.Join(b.stateDir, "content.sqlite") }

// begin starts an instance, with the state that there is. An archive takes the
// place of what the state folder has, also when there is no such file. Jobs that
// ran have not survived.
func (b *broker) begin() (*instance.State, error) {
	kept := &instance.State{}
	path := b.restore
	if path == "" && b.stateDir != "" {
		path = b.content()
	}
	if path != "" {
		var err error
		if kept, err = instance.ReadFile(path); err != nil {
			return nil, err
		}
	}
	if kept.Revision == 0 {
		if err := b.folder.RemoveOutput(); err != nil {
			return nil, err
		}
	}
	if kept.Drained == nil {
		kept.Drained = map[int32]instance.DrainedRank{}
	}
	return b.folder.Update(func(s *instance.State) bool {
		kept.Epoch, kept.Ended, kept.Revision = s.Epoch+1, s.Ended, s.Revision
		kept.Size, kept.Cores, kept.GPUs, kept.Hosts = b.size, b.cores, b.gpus, b.hosts
		kept.Feasibility, kept.Started = b.feasibility, time.Now().Unix()
		kept.Saved = ""
		if b.stateDir != "" {
			kept.Saved = b.content()
		}
		kept.Restart()
		*s, b.epoch = *kept, kept.Epoch
		return true
	})
}

// startProgram starts the initial program, if there is one. A single word with
// white space in it is a line for a shell.
func (b *broker) startProgram() (*exec.Cmd, <-chan int, error) {
	ended := make(chan int, 1)
	words := b.program
	if len(words) == 0 {
		return nil, ended, nil
	}
	if len(words) == 1 && strings.ContainsAny(words[0], " \t\n") {
		words = []string{"/bin/sh", "-c", words[0]}
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "FLUX_URI="+b.tasks.uri)
	started := make(chan error, 1)
	go func() { (&programRun{cmd, started, ended}).run() }()
	return cmd, ended, <-started
}

// end ends the instance cleanly: jobs that run are canceled, pending ones are
// kept, followers leave, and the state is saved.
func (b *broker) end() error {
	if err := b.cancelJobs(); err != nil {
		return err
	}
	b.tasks.stop()
	s, err := b.folder.Update(func(s *instance.State) bool { s.Ended = b.epoch; return true })
	if err != nil {
		return err
	}
	if err = b.awaitFollowers(); err != nil {
		return err
	}
	b.service.end(s)
	if b.stateDir != "" {
		if err := instance.WriteFile(b.content(), s); err != nil {
			return err
		}
	}
	if b.dump == "" {
		return nil
	}
	s.StoppedForGood = true // as an older Flux has it at this point of a shutdown
	return instance.WriteFile(b.dump, s)
}

// cancelJobs cancels the jobs that run and waits for their ends. A follower that ends
// none is taken for lost after a while.
func (b *broker) cancelJobs() error {
	deadline := time.Now().Add(patience)
	for {
		s, err := b.folder.Update(func(s *instance.State) bool {
			online := b.folder.Online(s)
			if time.Now().After(deadline) {
				online = map[int32]bool{0: true}
			}
			changed := instance.Settle(s, online)
			for _, job := range s.Jobs {
				if job.State == instance.Running && job.Exception == "" {
					s.End(job, instance.Canceled, "the instance ends")
					changed = true
				}
			}
			return changed
		})
		if err != nil || !s.Running() {
			return err
		}
		b.service.board.publish(s)
		b.tasks.follow(s)
		time.Sleep(pollInterval)
	}
}

// awaitFollowers waits until those that joined have left. One that does not is
// left to itself after a while.
func (b *broker) awaitFollowers() error {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		s, err := b.folder.Read()
		if err != nil {
			return err
		}
		if len(b.folder.Online(s)) <= 1 { // the lead itself
			return nil
		}
		time.Sleep(pollInterval)
	}
	return nil
}
