package queue

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand/demandtest"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxrpc"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }

// startInstance starts an instance of four ranks with two cores and a GPU each, and makes
// socket a link to that of its lead.
func startInstance(t *testing.T, socket string) *fluxstandin.Instance {
	t.Helper()
	i := fluxstandin.Start(t, 4, 2, 1)
	_ = os.Remove(socket)
	if err := os.Symlink(strings.TrimPrefix(i.URI, "local://"), socket); err != nil {
		t.Fatal(err)
	}
	return i
}

// submit submits a job that runs until it is canceled.
func submit(i *fluxstandin.Instance, args ...string) string {
	return i.Run(append(append([]string{"submit"}, args...), "sleep", "600")...)
}

// followed is a Follower of the instance behind socket.
type followed struct {
	*Follower
	t       *testing.T
	maxSize int32
	last    agentapi.QueueReport
}

func followInstance(t *testing.T, socket string) *followed {
	t.Helper()
	client, err := fluxrpc.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{Follower: NewFollower(Over(client), log.New(t.Output(), "", 0)), t: t, maxSize: 4}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); client.Close() })
	return f
}

// await waits for a report that begins so, by waiting requests as the operator makes
// them.
func (f *followed) await(what, want string) {
	f.t.Helper()
	f.awaitThat(what, want, func(r agentapi.QueueReport) bool { return strings.HasPrefix(demandtest.Say(r)+" ", want+" ") })
}

func (f *followed) awaitThat(what, want string, done func(agentapi.QueueReport) bool) {
	f.t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		request := agentapi.QueueRequest{MaxSize: f.maxSize, WaitSeconds: 2, Known: f.last.Revision}
		var r agentapi.QueueReport
		if r, err = f.Report(f.t.Context(), request); err != nil {
			f.last = agentapi.QueueReport{}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if f.last = r; done(r) {
			return
		}
	}
	f.t.Fatalf("%s: %s, %+v, %v, want %s", what, demandtest.Say(f.last), f.last, err, want)
}

// TestQueueOfAnInstance is the life of a queue, as the operator is told of it.
func TestQueueOfAnInstance(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "local")
	i, f := startInstance(t, socket), followInstance(t, socket)
	const rest = `running 0 pending 0 held 0 wanted 0 busy ""`
	f.awaitThat("at rest", "four idle ranks", func(r agentapi.QueueReport) bool {
		return strings.HasPrefix(demandtest.Say(r), rest) && len(r.Idle) > 0 && r.Idle[0].Ranks.Equal(idset.Range(0, 4))
	})
	if r := f.last; r.Cores != 8 || r.CoresUsed != 0 || r.GPUs != 4 || r.GPUsUsed != 0 {
		t.Fatalf("%+v, want 8 cores and 4 GPUs, and none in use", r)
	}

	all := submit(i, "-N4")
	f.await("four nodes", `running 1 pending 0 held 0 wanted 4 busy "0-3"`)
	if len(f.last.Idle) > 0 || f.last.CoresUsed != f.last.Cores {
		t.Errorf("%+v, want all cores in use", f.last)
	}
	waiting := submit(i, "-N1")
	f.await("another one waits", `running 1 pending 1 held 0 wanted 4 busy "0-3"`)
	if f.last.First == nil || f.last.First.ID != waiting || f.last.First.Ranks != 1 {
		t.Errorf("first %+v, want %s of one rank", f.last.First, waiting)
	}
	slots := submit(i, "-n5", "-c1")
	f.awaitThat("slots", "a job of three ranks", func(r agentapi.QueueReport) bool {
		return r.Pending == 2 && r.Largest.ID == slots && r.Largest.Ranks == 3
	})
	wide := submit(i, "-n4", "-c2")
	f.awaitThat("slots of a whole rank", "a job of four ranks", func(r agentapi.QueueReport) bool {
		return r.Pending == 3 && r.Largest.ID == wide && r.Largest.Ranks == 4
	})
	i.Run("cancel", slots)
	f.await("a pending one is canceled", `running 1 pending 2 held 0 wanted 4`)
	f.maxSize = 3
	f.await("a smaller maxSize", `running 1 pending 1 held 0 wanted 3`)
	if f.last.TooLargeCount != 1 || f.last.TooLarge[0].ID != wide || !strings.Contains(f.last.TooLarge[0].Why, "maxSize 3 allows 3") {
		t.Errorf("too large: %+v, want %s", f.last.TooLarge, wide)
	}
	f.maxSize = 4
	i.Run("cancel", wide)
	f.await("as before", `running 1 pending 1 held 0 wanted 4`)
	i.Run("cancel", all)
	f.await("the first has ended", `running 1 pending 0 held 0 wanted 1 busy "0" idle 1-3`)
	i.Run("cancel", waiting)
	f.await("at rest again", rest)

	held := submit(i, "-N2", "--urgency=0")
	f.await("held", `running 0 pending 0 held 1 wanted 0 busy ""`)
	after := submit(i, "-N1", "--dependency=afterany:"+held)
	f.await("dependent", `running 0 pending 0 held 2 wanted 0 busy ""`)
	i.Run("job", "urgency", held, "16")
	f.await("released", `running 1 pending 0 held 1 wanted 2 busy "0-1"`)
	i.Run("cancel", held)
	f.await("the other depends no more", `running 1 pending 0 held 0 wanted 1 busy "0"`)
	i.Run("cancel", after)
	f.await("at rest after that", rest)

	i.Run("queue", "stop")
	stopped := submit(i, "-N2")
	f.await("the queue is stopped", `running 0 pending 0 held 1 wanted 0 busy ""`)
	i.Run("queue", "start")
	f.await("the queue is started", `running 1 pending 0 held 0 wanted 2 busy "0-1"`)
	i.Run("cancel", stopped)
	f.await("at rest after the queue was stopped", rest)

	i.Run("resource", "drain", "0", "bad fan")
	drained := submit(i, "-N4")
	f.awaitThat("too large for what is not drained", "that", func(r agentapi.QueueReport) bool {
		return r.Pending == 0 && r.TooLargeCount == 1 && strings.Contains(r.TooLarge[0].Why, "rank 0 is drained")
	})
	i.Run("resource", "undrain", "0")
	f.await("undrained", `running 1 pending 0 held 0 wanted 4 busy "0-3"`)
	i.Run("cancel", drained)
	f.await("at rest after the drain", rest)
	i.Run("resource", "drain", "0", agentapi.DrainReason+" the MiniCluster shrinks")
	ours := submit(i, "-N4")
	f.await("what we drained counts", `running 0 pending 1 held 0 wanted 4`)
	i.Run("cancel", ours)

	f.await("at rest at the end", rest)
}

// TestQueueOfABrokerThatComesBack: the follower begins anew, and tells of what is there.
func TestQueueOfABrokerThatComesBack(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "local")
	f := followInstance(t, socket)
	ended := make(chan error, 1)
	t.Run("a first one", func(t *testing.T) { // and its end
		first := startInstance(t, socket)
		submit(first, "-N2")
		f.await("the first", `running 1 pending 0 held 0 wanted 2 busy "0-1" idle 2-3`)
		request := agentapi.QueueRequest{MaxSize: 4, WaitSeconds: 60, Known: f.last.Revision}
		go func() {
			r, err := f.Report(f.t.Context(), request)
			for err == nil { // such as that its job ends
				request.Known = r.Revision
				r, err = f.Report(f.t.Context(), request)
			}
			ended <- err
		}()
	})
	select {
	case err := <-ended:
		if _, unknown := errors.AsType[*UnknownError](err); !unknown {
			t.Errorf("%v, want an *UnknownError", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("no answer 10 s after the broker has ended")
	}
	submit(startInstance(t, socket), "-N3")
	f.await("the second", `running 1 pending 0 held 0 wanted 3 busy "0-2" idle 3`)
}

// TestNamedQueuesAndHousekeeping needs a real Flux: the stand-in has neither.
func TestNamedQueuesAndHousekeeping(t *testing.T) {
	if !fluxstandin.Real() {
		t.Skipf("the stand-in has no named queues and no housekeeping; %s=1 takes a real Flux", fluxstandin.RealVariable)
	}
	folder := t.TempDir()
	socket, config := filepath.Join(folder, "local"), filepath.Join(folder, "more.toml")
	i, f := startInstance(t, socket), followInstance(t, socket)
	const text = "[queues.fast]\n[queues.slow]\n[job-manager.housekeeping]\ncommand = [\"sleep\", \"2\"]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	i.Run("config", "load", config)
	i.Run("queue", "start", "--all")
	i.Run("queue", "stop", "--queue=slow")
	submit(i, "-N1", "--queue=slow")
	fast := submit(i, "-N2", "--queue=fast")
	f.await("one queue is stopped", `running 1 pending 0 held 1 wanted 2 busy "0-1"`)
	i.Run("cancel", fast)
	f.await("its ranks are cleaned", `running 0 pending 0 held 1 wanted 2 busy "0-1"`)
	f.await("its ranks are clean", `running 0 pending 0 held 1 wanted 0 busy ""`)
	i.Run("queue", "start", "--queue=slow")
	f.await("both queues are started", `running 1 pending 0 held 0 wanted 1 busy "0"`)
}

// TestQueueOfManyJobs: ten thousand of them with a real Flux, which a new follower knows
// within seconds.
func TestQueueOfManyJobs(t *testing.T) {
	jobs := 200
	if fluxstandin.Real() {
		jobs = 10_000
	}
	socket := filepath.Join(t.TempDir(), "local")
	i, f := startInstance(t, socket), followInstance(t, socket)
	submit(i, "-N4")
	f.await("four nodes", `running 1 pending 0 held 0 wanted 4 busy "0-3"`)
	i.Run("submit", "--quiet", "-N1", fmt.Sprintf("--cc=1-%d", jobs), "true")
	all := fmt.Sprintf(`running 1 pending %d held 0 wanted 4 busy "0-3"`, jobs)
	f.await("all of them", all)
	began := time.Now()
	another := followInstance(t, socket)
	another.await("anew", all)
	t.Logf("a new follower knew %d jobs after %v", jobs, time.Since(began))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v, want at most 10 s", took)
	}
	began = time.Now()
	submit(i, "-N2")
	submitted := time.Since(began)
	f.await("one more", fmt.Sprintf(`running 1 pending %d`, jobs+1))
	t.Logf("a job more was told %v after its submission began, which took %v", time.Since(began), submitted)
}
