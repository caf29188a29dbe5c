package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
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
	socket  net.Listener
	tasks   *tasks
}

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

// listen answers commands with the broker's rank.
func (b *broker) listen() error {
	path := b.setup.socket
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
	b.socket = socket
	b.tasks = &tasks{folder: b.folder, rank: b.rank, uri: "local://" + path, shares: map[instance.ID]*share{}}
	go func() {
		for {
			caller, err := socket.Accept()
			if err != nil {
				return // the broker ends
			}
			_, _ = fmt.Fprintln(caller, b.rank) // a caller that has gone needs no answer
			_ = caller.Close()
		}
	}()
	return nil
}

// followLead is the life of a follower.
func (b *broker) followLead() (int, error) {
	if err := b.live(); err != nil {
		return 1, err
	}
	for b.epoch == 0 {
		if !b.folder.Lives(0) {
			if !b.pause() {
				return 1, errStopped
			}
			continue
		}
		if err := b.join(); err != nil {
			return 1, err
		}
		if b.epoch == 0 && !b.pause() { // the lead is about to start, or has ended
			return 1, errStopped
		}
	}
	if err := b.listen(); err != nil {
		return 1, err
	}
	defer b.tasks.stop()
	defer func() { _ = b.socket.Close() }()
	for {
		if !b.pause() {
			return 0, b.leave()
		}
		s, err := b.folder.Read()
		switch {
		case err != nil:
			return 1, err
		case s.Ended >= b.epoch:
			return 0, nil
		case s.Epoch > b.epoch:
			return 1, errors.New("the lead was lost, and another has started")
		}
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
				instance.End(job, fmt.Sprintf("rank %d has left", b.rank))
				changed = true
			}
		}
		return changed
	})
	return err
}

// join joins the lead that runs, if it does.
func (b *broker) join() error {
	var refused error
	_, err := b.folder.Update(func(s *instance.State) bool {
		if s.Epoch <= s.Ended {
			return false
		}
		if b.rank >= s.Size {
			refused = fmt.Errorf("rank %d must be less than the instance's size %d", b.rank, s.Size)
			return false
		}
		b.epoch = s.Epoch
		s.Joined[b.rank] = s.Epoch
		s.Note("online", idset.Range(b.rank, b.rank+1))
		return true
	})
	return errors.Join(err, refused)
}

// lead is the life of the lead.
func (b *broker) lead() (int, error) {
	if err := b.live(); err != nil {
		return 1, err
	}
	if err := b.begin(); err != nil {
		return 1, err
	}
	if err := b.listen(); err != nil {
		return 1, err
	}
	defer func() { _ = b.socket.Close() }()
	program, ended, err := b.startProgram()
	if err != nil {
		return 1, err
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	saved, aborted := int64(-1), false
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
			s, err := b.folder.Update(func(s *instance.State) bool { return instance.Schedule(s, b.folder.Online(s)) })
			if err != nil {
				return 1, err
			}
			b.tasks.follow(s)
			if b.stateDir != "" && s.Revision != saved {
				if err := instance.WriteFile(b.content(), s); err != nil {
					return 1, err
				}
				saved = s.Revision
			}
		}
	}
}

// content is where an instance with a state folder keeps its state, by the name
// of Flux's own file.
func (b *broker) content() string { return filepath.Join(b.stateDir, "content.sqlite") }

// begin starts an instance, with the state that there is. An archive takes the
// place of what the state folder has, also when there is no such file. Jobs that
// ran have not survived.
func (b *broker) begin() error {
	kept := &instance.State{}
	path := b.restore
	if path == "" && b.stateDir != "" {
		path = b.content()
	}
	if path != "" {
		var err error
		if kept, err = instance.ReadFile(path); err != nil {
			return err
		}
	}
	if kept.Revision == 0 {
		if err := b.folder.RemoveOutput(); err != nil {
			return err
		}
	}
	for _, job := range kept.Jobs {
		if job.State == instance.Running {
			instance.End(job, "the instance was lost")
			job.State = instance.Inactive
		}
	}
	if kept.Drained == nil {
		kept.Drained = map[int32]string{}
	}
	_, err := b.folder.Update(func(s *instance.State) bool {
		kept.Epoch, kept.Ended, kept.Revision = s.Epoch+1, s.Ended, s.Revision
		kept.Size, kept.Cores, kept.Started = b.size, b.cores, time.Now().Unix()
		kept.Joined = map[int32]int64{0: kept.Epoch}
		kept.Saved = ""
		if b.stateDir != "" {
			kept.Saved = b.content()
		}
		kept.Note("restart", idset.Set{})
		kept.Note("online", idset.Range(0, 1))
		*s = *kept
		return true
	})
	b.epoch = kept.Epoch
	return err
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
	_, err := b.folder.Update(func(s *instance.State) bool {
		s.Ended = b.epoch
		for _, job := range s.Jobs {
			if job.State == instance.Running {
				instance.End(job, canceled+": the instance ends")
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	b.tasks.stop()
	if err = b.awaitFollowers(); err != nil {
		return err
	}
	s, err := b.folder.Update(func(s *instance.State) bool { // no follower is there to note it
		for _, job := range s.Jobs {
			if job.State == instance.Running {
				job.State = instance.Inactive
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	if b.stateDir != "" {
		if err := instance.WriteFile(b.content(), s); err != nil {
			return err
		}
	}
	if b.dump == "" {
		return nil
	}
	s.Stopped = true // as Flux has it at this point of a shutdown
	return instance.WriteFile(b.dump, s)
}

// awaitFollowers waits until those that joined have left. One that does not is
// left to itself after a while.
func (b *broker) awaitFollowers() error {
	deadline := time.Now().Add(5 * time.Second)
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
