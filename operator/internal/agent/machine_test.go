package agent

import (
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

func code(c int32) *int32 { return &c }

func commandEnd(c int32) agentapi.Termination {
	return agentapi.Termination{Command: &agentapi.CommandEnd{ExitCode: c}}
}

// TestMachine tells whole lives: each event with the actions that it must lead to.
func TestMachine(t *testing.T) {
	type step struct {
		event   event
		actions []action
	}
	var (
		start      = step{prepared{}, []action{startBroker{}}}
		joins      = step{brokerUp{}, []action{joined{returned: true}}}
		term       = signalBroker{syscall.SIGTERM}
		kill       = signalBroker{syscall.SIGKILL}
		stopsPod   = stoppedOutcome()
		runsPost   = []action{left{}, runPost{}}
		endsAfter  = func(e exit) step { return step{postDone{}, []action{e}} }
		brokerEnds = step{brokerEnded{status: "exit status 0"}, runsPost}
	)
	for name, life := range map[string]struct {
		lead  bool
		steps []step
	}{
		"lead ends with its command": {true, []step{
			start, joins,
			{brokerEnded{command: code(0)}, runsPost},
			endsAfter(exit{0, commandEnd(0)}),
		}},
		"lead's command fails": {true, []step{
			start, joins,
			{brokerEnded{command: code(3)}, runsPost},
			endsAfter(exit{3, commandEnd(3)}),
		}},
		"lead's command was killed": {true, []step{
			start, joins,
			{brokerEnded{command: code(137)}, runsPost},
			endsAfter(exit{agentapi.ExitCommand, commandEnd(137)}),
		}},
		"lead broker ends before the command": {true, []step{
			start,
			{brokerEnded{status: "signal: killed"}, runsPost},
			endsAfter(exit{agentapi.ExitTryAgain, agentapi.Termination{Message: "the lead broker ended before the command, with signal: killed"}}),
		}},
		"flux refuses the configuration": {false, []step{
			start,
			{brokerEnded{refused: "line 3"}, runsPost},
			endsAfter(exit{agentapi.ExitUnusable, agentapi.Termination{Message: "flux refuses the brokers' configuration: line 3"}}),
		}},
		"stopped lead cancels and is no ended command": {true, []step{
			start, joins,
			{stop{}, []action{armKill{}, left{}, term}},
			{brokerEnded{command: code(129)}, runsPost},
			endsAfter(stopsPod),
		}},
		"stop after the command has ended": {true, []step{
			start, joins,
			{stop{commandEnded: true}, []action{armKill{}}},
			{brokerEnded{command: code(0)}, runsPost},
			endsAfter(exit{0, commandEnd(0)}),
		}},
		"second SIGTERM hurries the lead": {true, []step{
			start, joins,
			{stop{}, []action{armKill{}, left{}, term}},
			{stop{}, []action{term}},
			{killTime{}, []action{kill}},
			brokerEnds, endsAfter(stopsPod),
		}},
		"follower drains before it stops": {false, []step{
			start, joins,
			{stop{}, []action{armKill{}, drainSelf{}}},
			{drainOver{}, []action{term}},
			brokerEnds, endsAfter(stopsPod),
		}},
		"second SIGTERM ends the wait for jobs": {false, []step{
			start, joins,
			{stop{}, []action{armKill{}, drainSelf{}}},
			{stop{}, []action{term}},
			{drainOver{}, nil},
			brokerEnds, endsAfter(stopsPod),
		}},
		"lead that has not joined ends": {true, []step{
			start,
			{stop{}, []action{armKill{}, left{}, term}},
			brokerEnds, endsAfter(stopsPod),
		}},
		"lead ends while a follower drains": {false, []step{
			start, joins,
			{stop{}, []action{armKill{}, drainSelf{}}},
			brokerEnds,
			{drainOver{}, nil},
			endsAfter(stopsPod),
		}},
		"follower that may have joined looks before it drains": {false, []step{
			start,
			{stop{}, []action{armKill{}, drainSelf{joining: true}}},
			{brokerUp{}, nil},
			{drainOver{}, []action{term}},
			brokerEnds, endsAfter(stopsPod),
		}},
		"follower comes back with the lead": {false, []step{
			start, joins,
			{brokerEnded{ran: time.Hour}, []action{left{}, wait{firstBackoff}}},
			{backoffOver{}, []action{startBroker{}}},
			{brokerUp{}, []action{joined{returned: false}}},
		}},
		"back-off doubles and is reset": {false, []step{
			start,
			{brokerEnded{}, []action{left{}, wait{500 * time.Millisecond}}},
			{backoffOver{}, []action{startBroker{}}},
			{brokerEnded{}, []action{left{}, wait{time.Second}}},
			{backoffOver{}, []action{startBroker{}}},
			{brokerEnded{ran: steadyAfter}, []action{left{}, wait{500 * time.Millisecond}}},
		}},
		"stop between two brokers": {false, []step{
			start,
			{brokerEnded{}, []action{left{}, wait{firstBackoff}}},
			{stop{}, []action{armKill{}, runPost{}}},
			{backoffOver{}, nil},
			endsAfter(stopsPod),
		}},
		"stop while commands run": {false, []step{
			{stop{}, []action{armKill{}, signalCommand{syscall.SIGTERM}}},
			{prepared{}, []action{runPost{}}},
			endsAfter(stopsPod),
		}},
		"stop while a strict command runs": {true, []step{
			{stop{}, []action{armKill{}, signalCommand{syscall.SIGTERM}}},
			{prepareFailed{code: 143}, []action{runPost{}}},
			endsAfter(stopsPod),
		}},
		"post that does not end is killed": {true, []step{
			start, joins,
			{brokerEnded{command: code(4)}, runsPost},
			{stop{}, []action{armKill{}}},
			{stop{}, []action{signalCommand{syscall.SIGTERM}}},
			{killTime{}, []action{signalCommand{syscall.SIGKILL}}},
			endsAfter(exit{4, commandEnd(4)}),
		}},
		"strict lead fails with its command": {true, []step{
			{prepareFailed{code: 75, message: "pre"}, []action{runPost{}}},
			endsAfter(exit{agentapi.ExitCommand, agentapi.Termination{Command: &agentapi.CommandEnd{ExitCode: 75}, Message: "pre"}}),
		}},
		"strict follower is replaced": {false, []step{
			{prepareFailed{code: 2, message: "pre"}, []action{runPost{}}},
			endsAfter(exit{agentapi.ExitTryAgain, agentapi.Termination{Message: "pre"}}),
		}},
		"no Flux": {true, []step{
			{unusable{"no flux"}, []action{exit{agentapi.ExitUnusable, agentapi.Termination{Message: "no flux"}}}},
		}},
		"broker cannot be started": {false, []step{
			start,
			{startFailed{"no strace", true}, []action{runPost{}}},
			endsAfter(exit{agentapi.ExitUnusable, agentapi.Termination{Message: "no strace"}}),
		}},
		"broker cannot be started now": {true, []step{
			start,
			{startFailed{"fork: resource temporarily unavailable", false}, []action{runPost{}}},
			endsAfter(exit{agentapi.ExitTryAgain, agentapi.Termination{Message: "fork: resource temporarily unavailable"}}),
		}},
		"stopped before Flux was found": {true, []step{
			{stop{}, []action{armKill{}, signalCommand{syscall.SIGTERM}}},
			{unusable{"flux version: signal: terminated"}, []action{stoppedOutcome()}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine{lead: life.lead}
			for i, s := range life.steps {
				got := m.on(s.event)
				if !reflect.DeepEqual(got, s.actions) && len(got)+len(s.actions) > 0 {
					t.Fatalf("step %d, %T: got %#v, want %#v", i, s.event, got, s.actions)
				}
			}
		})
	}
}

func TestBackoffHasABound(t *testing.T) {
	m := machine{}
	m.on(prepared{})
	for range 20 {
		m.on(brokerEnded{})
		m.on(backoffOver{})
	}
	if m.backoff != maxBackoff {
		t.Errorf("back-off %v, want %v", m.backoff, maxBackoff)
	}
}

// FuzzMachine sends events in any order, also such as cannot be.
func FuzzMachine(f *testing.F) {
	f.Add(false, []byte{0, 4, 8, 9, 5, 11})
	f.Add(true, []byte{0, 4, 6, 11})
	f.Fuzz(func(t *testing.T, lead bool, script []byte) {
		events := []event{
			prepared{},
			prepareFailed{code: 3},
			unusable{"x"},
			startFailed{"x", true},
			startFailed{"y", false},
			brokerUp{},
			brokerEnded{},
			brokerEnded{command: code(0)},
			brokerEnded{refused: "x"},
			stop{},
			drainOver{},
			killTime{},
			postDone{},
			backoffOver{},
			stop{commandEnded: true},
		}
		m := machine{lead: lead}
		var stopped, posted, exited, running bool
		for _, b := range script {
			e := events[int(b)%len(events)]
			if _, ok := e.(stop); ok {
				stopped = true
			}
			hadBroker := m.hasBroker()
			actions := m.on(e)
			if exited && len(actions) > 0 {
				t.Fatalf("%T after the exit leads to %#v", e, actions)
			}
			switch e.(type) {
			case brokerEnded, startFailed:
				running = false
			}
			for _, a := range actions {
				switch a := a.(type) {
				case startBroker:
					if running || stopped {
						t.Fatalf("broker started: one runs: %v, stopped: %v", running, stopped)
					}
					running = true
				case signalBroker, drainSelf:
					if !hadBroker {
						t.Fatalf("%#v without a broker", a)
					}
				case runPost:
					if posted {
						t.Fatal("commands.post runs twice")
					}
					posted = true
				case exit:
					exited = true
					if running {
						t.Fatal("exit while a broker runs")
					}
					if !lead && !slices.Contains([]int{agentapi.ExitUnusable, agentapi.ExitTryAgain, agentapi.ExitStopped}, a.code) {
						t.Fatalf("a follower exits with %d", a.code)
					}
					if a.code == 0 && a.termination.Command == nil {
						t.Fatal("exit 0 without the end of a command")
					}
				}
			}
		}
	})
}

func TestCommandExitCodeNeverSaysSomethingElse(t *testing.T) {
	for c, want := range map[int32]int{0: 0, 1: 1, 3: 3, 69: 1, 75: 1, 128: 1, 137: 1, 143: 1, 254: 254, 255: 1} {
		if got := commandExitCode(c); got != want {
			t.Errorf("code %d becomes %d, want %d", c, got, want)
		}
	}
}
