package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand/demandtest"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
)

// record is what the journal tells of a job.
func record(id int64, nodes int, ranks string, events ...string) demand.Record {
	var r demand.Record
	if err := json.Unmarshal(demandtest.Record(id, nodes, ranks, events...), &r); err != nil {
		panic(err)
	}
	return r
}

// fakeFlux is an instance in memory. Jobs are told by tell.
type fakeFlux struct {
	mu       sync.Mutex
	past     []demand.Record // of active jobs
	streams  map[string]*fakeStream
	online   string
	stopped  map[string]bool
	cleaning string
	err      error  // of all that is asked from now on
	missing  string // a topic that there is no service of
	asked    []string
}

func newFakeFlux() *fakeFlux {
	return &fakeFlux{streams: map[string]*fakeStream{}, online: "0-3", stopped: map[string]bool{}}
}

func (f *fakeFlux) Request(_ context.Context, topic string, payload, into any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, topic)
	if f.err != nil {
		return f.err
	}
	answer := ""
	switch topic {
	case "resource.status":
		answer = fmt.Sprintf(`{"R":{"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-3"}}]}},"online":%q,"drain":{}}`, f.online)
	case "job-manager.stats-get":
		answer = fmt.Sprintf(`{"housekeeping":{"running":{"ƒ1":{"allocated":%q}}}}`, f.cleaning)
	case "job-manager.queue-status":
		stopped, known := f.stopped[payload.(map[string]string)["name"]]
		if !known {
			return syscall.EINVAL
		}
		answer = fmt.Sprintf(`{"enable":true,"start":%t}`, !stopped)
	}
	return json.Unmarshal([]byte(answer), into)
}

func (f *fakeFlux) Stream(ctx context.Context, topic string, _ any) (Stream, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, topic)
	if f.err != nil {
		return nil, f.err
	}
	s := &fakeStream{ctx: ctx, missing: topic == f.missing, answers: make(chan any, 20_000)}
	f.streams[topic] = s
	if topic == "job-manager.events-journal" {
		for _, r := range f.past {
			s.answers <- r
		}
		s.answers <- demand.Record{ID: demand.CaughtUp}
	} else {
		s.answers <- struct{}{}
	}
	return s, nil
}

type fakeStream struct {
	missing bool
	ctx     context.Context
	answers chan any
}

func (s *fakeStream) Next(into any) error {
	if s.missing {
		return syscall.ENOSYS
	}
	select {
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case answer, open := <-s.answers:
		if !open {
			return io.EOF
		}
		if r, ok := into.(*demand.Record); ok {
			*r = answer.(demand.Record)
		}
		return nil
	}
}

func (s *fakeStream) Close() {}

// tell is news of a job.
func (f *fakeFlux) tell(r demand.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams["job-manager.events-journal"].answers <- r
}

// change changes the instance, and tells of it in the journal of resources.
func (f *fakeFlux) change(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.streams["resource.journal"].answers <- struct{}{}
}

func (f *fakeFlux) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// end ends a stream.
func (f *fakeFlux) end(topic string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.streams[topic].answers)
}

// count returns how often a topic was asked.
func (f *fakeFlux) count(topic string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(f.asked), func(asked string) bool { return topic != "" && asked != topic }))
}

// following is a Follower of a fakeFlux that runs until the test ends.
type following struct {
	*Follower
	t    *testing.T
	flux *fakeFlux
	log  *strings.Builder
}

// follow runs test in a bubble, whose clock goes only while nothing else does.
func follow(t *testing.T, test func(f *following)) {
	synctest.Test(t, func(t *testing.T) {
		flux, lines := newFakeFlux(), &strings.Builder{}
		flux.stopped[""] = false
		f := &following{NewFollower(flux, log.New(lines, "", 0)), t, flux, lines}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { f.Run(ctx) })
		test(f)
		cancel()
		running.Wait()
	})
}

func (f *following) ask(wait int32, known string) (agentapi.QueueReport, error) {
	return f.Report(f.t.Context(), agentapi.QueueRequest{MaxSize: 4, WaitSeconds: wait, Known: known})
}

// now asks without waiting.
func (f *following) now() agentapi.QueueReport {
	f.t.Helper()
	r, err := f.ask(0, "")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// expect asks without waiting.
func (f *following) expect(want string) agentapi.QueueReport {
	f.t.Helper()
	r := f.now()
	if got := demandtest.Say(r); !strings.HasPrefix(got, want) {
		f.t.Errorf("%s, want %s", got, want)
	}
	return r
}

func TestReportsComeWhenTheyChange(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.past = []demand.Record{record(1, 1, "0", demandtest.With(demandtest.Pending, "alloc")...)}
		r := f.expect(`running 1 pending 0 held 0 wanted 1 busy "0"`)
		time.AfterFunc(7*time.Second, func() { f.flux.tell(record(2, 3, "", demandtest.Pending...)) })
		begin := time.Now()
		r, err := f.ask(60, r.Revision)
		if took := time.Since(begin); err != nil || r.Pending != 1 || r.Wanted != 4 || took != 7*time.Second+batchTime {
			t.Errorf("%+v, %v after %v, want it %v after the job", r, err, took, batchTime)
		}
		begin = time.Now()
		if _, err = f.ask(60, "another"); err != nil || time.Since(begin) != 0 {
			t.Errorf("%v after %v, want an answer at once to who knows something else", err, time.Since(begin))
		}
		again, err := f.ask(10, r.Revision)
		if took := time.Since(begin); err != nil || again.Revision != r.Revision || took != 10*time.Second {
			t.Errorf("%+v, %v after %v, want the same after 10 s", again, err, took)
		}
	})
}

func TestManyJobsAtOnceMakeOneReport(t *testing.T) {
	follow(t, func(f *following) {
		r := f.now()
		for id := range int64(300) {
			f.flux.tell(record(id, 1, "", demandtest.Pending...))
		}
		begin := time.Now()
		r, err := f.ask(60, r.Revision)
		if took := time.Since(begin); err != nil || r.Pending != 300 || took > 2*batchTime {
			t.Errorf("%d demandtest.Pending, %v after %v, want all 300 at once", r.Pending, err, took)
		}
	})
}

func TestSeveralAskForSeveralSizes(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.past = []demand.Record{record(1, 3, "", demandtest.Pending...)}
		var asking sync.WaitGroup
		for _, size := range []int32{1, 2, 3, 4} {
			asking.Go(func() {
				r, err := f.Report(f.t.Context(), agentapi.QueueRequest{MaxSize: size, WaitSeconds: 30, Known: "nothing"})
				if err != nil || r.Wanted != map[int32]int32{3: 3, 4: 3}[size] || (r.TooLargeCount == 1) != (size < 3) {
					t.Errorf("maxSize %d: %+v, %v", size, r, err)
				}
			})
		}
		asking.Wait()
		// Sizes that nobody asks for any more are forgotten.
		for size := range int32(100) {
			if _, err := f.Report(f.t.Context(), agentapi.QueueRequest{MaxSize: size + 1}); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(f.sizes()); n > MaxAsking {
			t.Errorf("%d sizes are kept", n)
		}
	})
}

func TestRequestsThatWaitAreBounded(t *testing.T) {
	follow(t, func(f *following) {
		known := f.now().Revision
		ctx, cancel := context.WithCancelCause(f.t.Context())
		var asking sync.WaitGroup
		gone := errors.New("gone")
		for range MaxAsking {
			asking.Go(func() {
				_, err := f.Report(ctx, agentapi.QueueRequest{MaxSize: 4, WaitSeconds: 300, Known: known})
				if !errors.Is(err, gone) {
					t.Errorf("%v, want that the caller is gone", err)
				}
			})
		}
		synctest.Wait()
		if _, err := f.ask(0, ""); !errors.Is(err, ErrTooMany) {
			t.Errorf("%v, want ErrTooMany", err)
		}
		cancel(gone)
		asking.Wait()
		f.now()
	})
}

func TestRanksAreLookedAtAfterTheyChange(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.online = "0-1"
		f.expect(`running 0 pending 0 held 0 wanted 0 busy "" idle 0-1 0s`)
		time.Sleep(4 * time.Minute)
		f.flux.change(func() { f.flux.online = "0-3" })
		time.Sleep(2 * time.Second)
		f.expect(`running 0 pending 0 held 0 wanted 0 busy "" idle 0-1 241.8s idle 2-3 1.8s`)
	})
}

func TestStoppedQueuesAreAskedForOnlyWhileJobsWait(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.stopped["slow"] = false
		f.now()
		f.flux.tell(record(1, 2, "", demandtest.With(demandtest.Pending, `jobspec-update {"attributes.system.queue":"slow"}`)...))
		time.Sleep(batchTime + time.Millisecond)
		f.expect("running 0 pending 1 held 0 wanted 2")
		f.flux.set(func() { f.flux.stopped["slow"] = true })
		time.Sleep(lookInterval)
		f.expect("running 0 pending 0 held 1 wanted 0")
		f.flux.set(func() { f.flux.stopped["slow"] = false })
		time.Sleep(lookInterval)
		f.expect("running 0 pending 1 held 0 wanted 2")
		f.flux.set(func() { delete(f.flux.stopped, "slow") }) // there is no such queue any more
		time.Sleep(lookInterval)
		f.expect("running 0 pending 0 held 1 wanted 0")
		f.flux.tell(record(1, 2, "", `exception {"severity":0}`, "clean"))
		time.Sleep(time.Second)
		asked := f.flux.count("")
		time.Sleep(unaskedTime / 2)
		if more := f.flux.count("") - asked; more > 0 {
			t.Errorf("Flux was asked %d times at rest", more)
		}
	})
}

// TestRanksThatAreCleanedFromTheBeginningAreBusy: their job had ended before anybody
// followed the queue.
func TestRanksThatAreCleanedFromTheBeginningAreBusy(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.set(func() { f.flux.cleaning = "2-3" })
		f.expect(`running 0 pending 0 held 0 wanted 4 busy "2-3"`)
	})
}

func TestRanksThatAreCleanedAreBusy(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.past = []demand.Record{record(1, 2, "0-1", demandtest.With(demandtest.Pending, "alloc")...)}
		f.now()
		f.flux.set(func() { f.flux.cleaning = "0-1" })
		f.flux.tell(record(1, 2, "", "free", "clean"))
		time.Sleep(time.Second)
		f.expect(`running 0 pending 0 held 0 wanted 2 busy "0-1"`)
		f.flux.set(func() { f.flux.cleaning = "" })
		time.Sleep(2 * time.Second)
		r := f.expect(`running 0 pending 0 held 0 wanted 0 busy ""`)
		if last := r.Idle[len(r.Idle)-1]; last.Ranks.String() != "0-1" || last.Seconds > 2 {
			t.Errorf("idle %+v, want ranks 0-1 since they are clean", r.Idle)
		}
		asked := f.flux.count("job-manager.stats-get")
		time.Sleep(time.Minute)
		if more := f.flux.count("job-manager.stats-get") - asked; more > 0 {
			t.Errorf("asked %d times for what is cleaned while nothing is", more)
		}
	})
}

func TestNothingOldIsToldAfterAStreamHasEnded(t *testing.T) {
	for _, topic := range []string{"job-manager.events-journal", "resource.journal"} {
		follow(t, func(f *following) {
			f.flux.past = []demand.Record{record(1, 2, "0-1", demandtest.With(demandtest.Pending, "alloc")...)}
			known := f.expect(`running 1`).Revision
			time.AfterFunc(time.Second, func() {
				f.flux.set(func() { f.flux.err = errors.New("no such socket") })
				f.flux.end(topic)
			})
			begin := time.Now()
			_, err := f.ask(60, known)
			unknown, ok := errors.AsType[*UnknownError](err)
			if !ok || time.Since(begin) != time.Second || !strings.Contains(unknown.Error(), "flux has ended the stream") {
				t.Errorf("%s: %v after %v, want an *UnknownError at once", topic, err, time.Since(begin))
			}
			time.Sleep(30 * time.Second)
			if _, err = f.ask(0, ""); err == nil || !strings.Contains(err.Error(), "no such socket") {
				t.Errorf("%s: %v, want why it is not known", topic, err)
			}
			if tries := f.flux.count("job-manager.events-journal"); tries < 4 || tries > 10 {
				t.Errorf("tried %d times in 30 s, want more and more seldom", tries)
			}
			// The job has ended meanwhile.
			f.flux.set(func() { f.flux.err, f.flux.past = nil, nil })
			time.Sleep(maxPause + time.Second)
			r := f.expect(`running 0 pending 0 held 0 wanted 0 busy "" idle 0-3`)
			if r.Revision == known || r.Idle[0].Seconds > 12 {
				t.Errorf("%+v, want ranks idle since they are known again", r)
			}
		})
	}
}

func TestWhatFluxTellsWronglyIsNoReport(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.past = []demand.Record{record(1, 2, "", demandtest.With(demandtest.Pending, "alloc")...)}
		if _, err := f.ask(0, ""); err == nil || !strings.Contains(err.Error(), "job ƒ2") {
			t.Errorf("%v, want an error that names the job", err)
		}
	})
}

func TestAFluxThatIsTooOldIsToldOf(t *testing.T) {
	follow(t, func(f *following) {
		f.flux.missing = "resource.journal"
		if _, err := f.ask(0, ""); err == nil || !strings.Contains(err.Error(), "needs flux-core 0.72") {
			t.Errorf("%v, want which Flux it needs", err)
		}
	})
}

func TestASilentFluxIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFollower(newFakeFlux(), log.New(io.Discard, "", 0)) // nobody runs it
		begin := time.Now()
		_, err := f.Report(t.Context(), agentapi.QueueRequest{MaxSize: 4})
		if _, ok := errors.AsType[*UnknownError](err); !ok || time.Since(begin) != syncTime {
			t.Errorf("%v after %v, want an *UnknownError after %v", err, time.Since(begin), syncTime)
		}
	})
}

func TestNobodyAsksFluxForNobody(t *testing.T) {
	follow(t, func(f *following) {
		time.Sleep(time.Hour)
		if asked := f.flux.count(""); asked > 0 {
			t.Errorf("Flux was asked %d times before anybody asked", asked)
		}
		f.now()
		if streams := f.flux.count("job-manager.events-journal"); streams != 1 {
			t.Errorf("%d streams, want one", streams)
		}
		// Somebody who waits keeps the journals followed.
		for range 10 {
			if _, err := f.ask(300, f.now().Revision); err != nil {
				t.Fatal(err)
			}
		}
		if streams := f.flux.count("job-manager.events-journal"); streams != 1 {
			t.Errorf("%d streams while somebody asked all the time, want one", streams)
		}
		time.Sleep(3 * unaskedTime)
		f.flux.mu.Lock()
		ended := f.flux.streams["job-manager.events-journal"].ctx.Err() != nil
		f.flux.mu.Unlock()
		if !ended {
			t.Error("the journal is followed though nobody asks")
		}
		f.now()
		if streams := f.flux.count("job-manager.events-journal"); streams != 2 {
			t.Errorf("%d streams, want a second one", streams)
		}
	})
}

func TestJobsThatAreNotUnderstoodAreLoggedOnce(t *testing.T) {
	follow(t, func(f *following) {
		odd := record(1, 1, "", demandtest.Pending...)
		odd.Jobspec = json.RawMessage(`{}`)
		f.flux.past = []demand.Record{odd}
		r := f.expect("running 0 pending 1 held 0 wanted 1")
		if r.First == nil || !strings.Contains(r.First.Why, "neither a node nor a slot") {
			t.Errorf("first %+v, want it to say what is not understood", r.First)
		}
		f.flux.tell(record(2, 1, "", demandtest.Pending...))
		time.Sleep(time.Second)
		f.expect("running 0 pending 2 held 0 wanted 2")
		if n := strings.Count(f.log.String(), "job ƒ2: its jobspec is not understood"); n != 1 {
			t.Errorf("logged %d times: %s", n, f.log)
		}
	})
}
