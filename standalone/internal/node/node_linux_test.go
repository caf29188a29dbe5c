package node

import (
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/provider/atomicfile"
	"github.com/gopherlocks/gopherlocks/standalone/internal/state"
)

func TestNodeOfAnEarlierLifeIsNotReady(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	for name, test := range map[string]struct {
		condition condition
		want      bool
	}{
		"ready in the second of the start": {condition{Type: "Ready", Status: "True", LastHeartbeatTime: start.Truncate(time.Second)}, true},
		"ready before":                     {condition{Type: "Ready", Status: "True", LastHeartbeatTime: start.Add(-time.Second)}, false},
		"not ready":                        {condition{Type: "Ready", Status: "False", LastHeartbeatTime: start.Add(time.Second)}, false},
		"another condition":                {condition{Type: "DiskPressure", Status: "True", LastHeartbeatTime: start.Add(time.Second)}, false},
	} {
		if got := isReady([]condition{test.condition}, start); got != test.want {
			t.Errorf("%s: ready is %t", name, got)
		}
	}
}

func TestIdentityTellsProcessesOfOnePIDApart(t *testing.T) {
	first, err := ReadIdentity(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadIdentity(os.Getpid())
	if err != nil || again != first || first.StartTime == 0 {
		t.Errorf("%+v, then %+v (%v)", first, again, err)
	}
}

func TestStopOfANodeThatIsNotThereIsNoError(t *testing.T) {
	if err := Stop(t.Context(), state.Dir(t.TempDir()), true); err != nil {
		t.Error(err)
	}
}

func TestStopLeavesAnotherProcessOfThatPIDAlone(t *testing.T) {
	dir := state.Dir(t.TempDir())
	// The lock is held, but the report is from another process that had our PID.
	lock := exec.Command("flock", dir.NodeLock(), "cat")
	input, err := lock.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := lock.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = lock.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = input.Close(); _ = lock.Wait() }()
	if _, err = io.WriteString(input, "x"); err != nil {
		t.Fatal(err)
	}
	// Echoed once the lock is held.
	if _, err = io.ReadFull(output, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	identity, err := ReadIdentity(lock.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	identity.StartTime--
	if err := atomicfile.WriteJSON(dir.Node(), Report{Identity: identity}); err != nil {
		t.Fatal(err)
	}
	if err := Stop(t.Context(), dir, false); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadIdentity(lock.Process.Pid); err != nil {
		t.Errorf("the process is gone: %v", err)
	}
}

func TestEventsReachTheMakerAndSurviveItsEnd(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	events := newEvents(writer, slog.New(slog.DiscardHandler))
	events.send(Event{Component: "etcd", Kind: EventReady})
	events.send(Event{Kind: EventWaiting, Message: "more"})
	var seen []string
	err = ReadEvents(reader, func(event Event) bool {
		seen = append(seen, event.Component+event.Message)
		return len(seen) < 2
	})
	if err != nil || strings.Join(seen, " ") != "etcd more" {
		t.Errorf("seen are %v, the error is %v", seen, err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	// Must neither block nor end the process.
	events.send(Event{Kind: EventReady})
	events.send(Event{Kind: EventReady})
}

func TestCommandIsRecognizedByItsWholeForm(t *testing.T) {
	if dir, ok := IsCommand([]string{"program", "node", "/state/a/"}); !ok || dir != "/state/a" {
		t.Errorf("got %q, %t", dir, ok)
	}
	for _, args := range [][]string{{"program"}, {"program", "node"}, {"program", "127.0.0.1:1234"}, {"program", "x", "/state"}} {
		if _, ok := IsCommand(args); ok {
			t.Errorf("%v is taken for a node", args)
		}
	}
}

func TestDNSIsFoundUnderItsConventionalName(t *testing.T) {
	paths := map[string]object{}
	for _, item := range buildDNS("10.0.0.10", "10.0.0.2") {
		paths[item.path] = item.object
	}
	service := paths["/api/v1/namespaces/kube-system/services/kube-dns"]
	if service == nil || service["spec"].(object)["clusterIP"] != "10.0.0.10" || service["spec"].(object)["selector"] != nil {
		t.Errorf("the service is %v", service)
	}
}
