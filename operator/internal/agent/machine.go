package agent

import (
	"fmt"
	"syscall"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// Back-off of a follower whose broker ends again and again.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 10 * time.Second
	// steadyAfter is how long a broker has to run for the next end to count as
	// the first one.
	steadyAfter = time.Minute
)

// event is what happens to a rank.
type event interface{ isEvent() }

type (
	// prepared: commands have run, files are written.
	prepared struct{}
	// prepareFailed: a command failed in strict mode, with its exit code, or (code
	// 0) something that may succeed the next time did, such as writing a file.
	prepareFailed struct {
		code    int32
		message string
	}
	// unusable: there is no Flux, and trying again does not help.
	unusable struct{ message string }
	// startFailed: there is no process of the broker to wait for. lasts: trying
	// again does not help.
	startFailed struct {
		message string
		lasts   bool
	}
	// brokerUp: the broker has joined the instance.
	brokerUp struct{}
	// brokerEnded follows every successful start once.
	brokerEnded struct {
		status string // for people, such as "exit code 1"
		ran    time.Duration
		// command is set on a lead whose initial program has noted how the
		// command ended.
		command *int32
		// refused says why Flux refuses the broker's configuration, if it does.
		refused string
	}
	// backoffOver: time for the next start.
	backoffOver struct{}
	// stop is a SIGTERM from outside. commandEnded: the lead's command had ended
	// before it.
	stop struct{ commandEnded bool }
	// drainOver: the rank is idle, or the time for that is over.
	drainOver struct{}
	// killTime: the pod is about to be killed.
	killTime struct{}
	// postDone: commands.post has run.
	postDone struct{}
)

func (prepared) isEvent()      {}
func (prepareFailed) isEvent() {}
func (unusable) isEvent()      {}
func (startFailed) isEvent()   {}
func (brokerUp) isEvent()      {}
func (brokerEnded) isEvent()   {}
func (backoffOver) isEvent()   {}
func (stop) isEvent()          {}
func (drainOver) isEvent()     {}
func (killTime) isEvent()      {}
func (postDone) isEvent()      {}

// action is what the rank does about an event.
type action interface{ isAction() }

type (
	// startBroker starts the broker; then, unless that fails, it is waited for
	// and watched until it is up.
	startBroker struct{}
	// joined is what follows brokerUp: the rank is ready. returned: it is the
	// first time in the life of the pod, so that a drain of ours is from before.
	joined struct{ returned bool }
	// left: the rank is no longer ready.
	left struct{}
	// wait sends backoffOver after a time.
	wait struct{ delay time.Duration }
	// armKill sends killTime in time.
	armKill struct{}
	// drainSelf drains the own rank, waits for its jobs and sends drainOver.
	// joining: nobody knows yet whether the broker has joined, and without that
	// there is nothing to drain.
	drainSelf struct{ joining bool }
	// signalBroker signals the broker's process group.
	signalBroker struct{ signal syscall.Signal }
	// signalCommand signals the process group of the rank's own command that
	// runs (init, pre, post), if one does, and lets no further one start.
	signalCommand struct{ signal syscall.Signal }
	// runPost runs commands.post and sends postDone.
	runPost struct{}
	// exit ends the agent.
	exit struct {
		code        int
		termination agentapi.Termination
	}
)

func (startBroker) isAction()   {}
func (joined) isAction()        {}
func (left) isAction()          {}
func (wait) isAction()          {}
func (armKill) isAction()       {}
func (drainSelf) isAction()     {}
func (signalBroker) isAction()  {}
func (signalCommand) isAction() {}
func (runPost) isAction()       {}
func (exit) isAction()          {}

type phase int

const (
	preparing  phase = iota // no broker yet
	starting                // the broker runs and has not joined
	running                 // the broker has joined
	backingOff              // a follower between two brokers
	draining                // stopped from outside, jobs still run
	stopping                // the broker has been told to end
	finishing               // the broker has ended for good; commands.post runs
	done
)

// machine is the life of a rank. A rank that was stopped from outside never
// starts a broker again, and a follower never exits with 0.
type machine struct {
	lead    bool
	phase   phase
	told    bool // SIGTERM has come
	stopped bool // from outside, before the command ended
	joined  bool // at least once
	backoff time.Duration
	outcome exit
}

// on returns what is to be done about e. Events that come too late to matter
// lead to nothing.
func (m *machine) on(e event) []action {
	switch e := e.(type) {
	case prepared:
		if m.phase == preparing {
			return m.afterPreparation()
		}
	case prepareFailed:
		if m.phase == preparing {
			return m.finish(m.preparationOutcome(e))
		}
	case unusable:
		if m.phase == preparing {
			m.phase = done
			return []action{m.failure(e.message, true)}
		}
	case startFailed:
		if m.hasBroker() {
			return m.finish(m.failure(e.message, e.lasts))
		}
	case brokerUp:
		if m.phase == starting {
			m.phase = running
			first := !m.joined
			m.joined = true
			return []action{joined{returned: first}}
		}
	case brokerEnded:
		if m.hasBroker() {
			return append([]action{left{}}, m.afterBroker(e)...)
		}
	case backoffOver:
		if m.phase == backingOff {
			return m.start()
		}
	case stop:
		return m.onStop(e)
	case drainOver:
		if m.phase == draining {
			m.phase = stopping
			return []action{signalBroker{syscall.SIGTERM}}
		}
	case killTime:
		return m.onKillTime()
	case postDone:
		if m.phase == finishing {
			m.phase = done
			return []action{m.outcome}
		}
	}
	return nil
}

func (m *machine) hasBroker() bool {
	switch m.phase {
	case starting, running, draining, stopping:
		return true
	}
	return false
}

func (m *machine) afterPreparation() []action {
	if m.stopped {
		return m.finish(stoppedOutcome())
	}
	return m.start()
}

func (m *machine) start() []action {
	m.phase = starting
	return []action{startBroker{}}
}

func (m *machine) finish(outcome exit) []action {
	m.phase = finishing
	m.outcome = outcome
	return []action{runPost{}}
}

func stoppedOutcome() exit {
	return exit{agentapi.ExitStopped, agentapi.Termination{Message: "the pod was stopped from outside"}}
}

// failure is the outcome of a rank that could not get as far as its broker. One
// that lasts ends the Job: only what no other try can mend may do that.
func (m *machine) failure(message string, lasts bool) exit {
	switch {
	case m.stopped:
		return stoppedOutcome()
	case lasts:
		return exit{agentapi.ExitUnusable, agentapi.Termination{Message: message}}
	}
	return exit{agentapi.ExitTryAgain, agentapi.Termination{Message: message}}
}

func (m *machine) preparationOutcome(e prepareFailed) exit {
	if m.lead && e.code != 0 && !m.stopped {
		// In strict mode the lead's commands are part of the command.
		return exit{commandExitCode(e.code), agentapi.Termination{
			Command: &agentapi.CommandEnd{ExitCode: e.code}, Message: e.message,
		}}
	}
	return m.failure(e.message, false)
}

// afterBroker decides what the end of the broker means.
func (m *machine) afterBroker(e brokerEnded) []action {
	switch {
	case m.stopped:
		return m.finish(stoppedOutcome())
	case m.lead && e.command != nil:
		return m.finish(exit{commandExitCode(*e.command), agentapi.Termination{
			Command: &agentapi.CommandEnd{ExitCode: *e.command},
		}})
	case e.refused != "":
		return m.finish(exit{agentapi.ExitUnusable, agentapi.Termination{
			Message: "flux refuses the brokers' configuration: " + e.refused,
		}})
	case m.lead:
		return m.finish(exit{agentapi.ExitTryAgain, agentapi.Termination{
			Message: fmt.Sprintf("the lead broker ended before the command, with %s", e.status),
		}})
	}
	// A follower ends when the lead stops or restarts, or cannot be reached.
	// Doing that in the pod keeps the Job out of it.
	if e.ran >= steadyAfter || m.backoff == 0 {
		m.backoff = firstBackoff
	} else {
		m.backoff = min(2*m.backoff, maxBackoff)
	}
	m.phase = backingOff
	return []action{wait{m.backoff}}
}

func (m *machine) onStop(e stop) []action {
	if m.told {
		return m.hurry()
	}
	m.told = true
	if m.lead && e.commandEnded && m.hasBroker() {
		// The broker is on its way out; what ended is the command.
		return []action{armKill{}}
	}
	switch m.phase {
	case preparing:
		m.stopped = true
		return []action{armKill{}, signalCommand{syscall.SIGTERM}}
	case starting, running:
		m.stopped = true
		if m.lead {
			m.phase = stopping
			return []action{armKill{}, left{}, signalBroker{syscall.SIGTERM}}
		}
		// A rank gets jobs as soon as it is online, and that is noticed here a
		// little later. Ready until the end: its jobs may be reached by host name.
		joining := m.phase == starting
		m.phase = draining
		return []action{armKill{}, drainSelf{joining}}
	case backingOff:
		m.stopped = true
		return append([]action{armKill{}}, m.finish(stoppedOutcome())...)
	case finishing:
		// What has happened stands; the rest must end in time.
		return []action{armKill{}}
	}
	return nil
}

// hurry is for a second SIGTERM: no more waiting.
func (m *machine) hurry() []action {
	switch m.phase {
	case preparing, finishing:
		return []action{signalCommand{syscall.SIGTERM}}
	case draining, stopping:
		m.phase = stopping
		return []action{signalBroker{syscall.SIGTERM}}
	}
	return nil
}

func (m *machine) onKillTime() []action {
	switch {
	case m.hasBroker():
		return []action{signalBroker{syscall.SIGKILL}}
	case m.phase == preparing || m.phase == finishing:
		return []action{signalCommand{syscall.SIGKILL}}
	}
	return nil
}
