package drain

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

var key = types.NamespacedName{Namespace: "ns", Name: "sample"}

// fakeLead answers from a list, then waits as a lead does that has nothing new.
type fakeLead struct {
	mu       sync.Mutex
	answers  []func() (agentapi.DrainReport, error)
	requests []agentapi.DrainRequest
}

func (f *fakeLead) drain(ctx context.Context, r agentapi.DrainRequest) (agentapi.DrainReport, error) {
	f.mu.Lock()
	f.requests = append(f.requests, r)
	if len(f.answers) == 0 {
		f.mu.Unlock()
		<-ctx.Done()
		return agentapi.DrainReport{}, ctx.Err()
	}
	answer := f.answers[0]
	f.answers = f.answers[1:]
	f.mu.Unlock()
	return answer()
}

func (*fakeLead) close() {}

func busy(ranks string, jobs int) func() (agentapi.DrainReport, error) {
	return func() (agentapi.DrainReport, error) {
		set, err := idset.Parse(ranks)
		return agentapi.DrainReport{Busy: set, JobCount: jobs}, err
	}
}

func fails(text string) func() (agentapi.DrainReport, error) {
	return func() (agentapi.DrainReport, error) { return agentapi.DrainReport{}, errors.New(text) }
}

// newManager returns a manager of this lead, and counts the changes.
func newManager(t *testing.T, lead *fakeLead) (m *Manager, changes *int) {
	t.Helper()
	changes = new(int)
	m = New(logr.Discard(), func(types.NamespacedName) { *changes++ })
	m.dial = func(string, credentials.Credentials) (endpoint, error) { return lead, nil }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return m, changes
}

func TestConversationEndsWhenRanksAreIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := &fakeLead{answers: []func() (agentapi.DrainReport, error){busy("2-3", 2), busy("2-3", 2), busy("3", 1), busy("", 0)}}
		m, changes := newManager(t, lead)
		m.Set(key, Order{UID: "a", Host: "h", Ranks: idset.Range(2, 4)}, credentials.Credentials{})
		synctest.Wait()
		if got := m.Answer(key, "a"); got == nil || !got.Equal(plan.DrainAnswer{Ranks: idset.Range(2, 4)}) {
			t.Errorf("answer %+v, want idle", got)
		}
		if *changes != 3 {
			t.Errorf("%d changes, want 3: the same answer again is none", *changes)
		}
		if len(lead.requests) != 4 {
			t.Fatalf("%d requests, want 4", len(lead.requests))
		}
		if first, second := lead.requests[0], lead.requests[1]; first.WaitSeconds != 0 || second.WaitSeconds == 0 || second.Known.String() != "2-3" {
			t.Errorf("the first is answered at once, the second waits for news: %+v, %+v", first, second)
		}
		if m.Answer(key, "b") != nil {
			t.Error("another MiniCluster of the name has the answer too")
		}
	})
}

func TestLeadThatFailsIsAskedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := &fakeLead{answers: []func() (agentapi.DrainReport, error){busy("2", 1), fails("no route"), fails("no route"), busy("", 0)}}
		m, changes := newManager(t, lead)
		start := time.Now()
		m.Set(key, Order{Host: "h", Ranks: idset.Of(2)}, credentials.Credentials{})
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem != "no route" || !got.Busy.IsEmpty() {
			t.Errorf("answer %+v, want the problem", got)
		}
		time.Sleep(firstPause + 2*firstPause)
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem != "" {
			t.Errorf("answer %+v after %s, want none of the problem", got, time.Since(start))
		}
		if *changes != 3 || len(lead.requests) != 4 || lead.requests[2].WaitSeconds != 0 {
			t.Errorf("%d changes, requests %+v", *changes, lead.requests)
		}
	})
}

// TestSilenceOfALeadIsLoggedOnce: and its end is, whatever is asked meanwhile.
func TestSilenceOfALeadIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := &fakeLead{answers: []func() (agentapi.DrainReport, error){
			busy("2-3", 1), fails("no route"), fails("timeout"), fails("no route"), busy("3", 1), busy("", 0),
		}}
		m, _ := newManager(t, lead)
		var lines []string
		m.log = funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
		m.Set(key, Order{UID: "a", Host: "h", Ranks: idset.Range(2, 4)}, credentials.Credentials{})
		synctest.Wait()
		time.Sleep(firstPause)
		synctest.Wait()
		m.Set(key, Order{UID: "a", Ranks: idset.Range(1, 4)}, credentials.Credentials{}) // its pod is replaced
		synctest.Wait()
		m.Set(key, Order{UID: "a", Host: "i", Ranks: idset.Range(1, 4)}, credentials.Credentials{})
		synctest.Wait()
		time.Sleep(firstPause)
		synctest.Wait()
		want := []string{
			`"level"=0 "msg"="The lead does not answer" "MiniCluster"={"name"="sample" "namespace"="ns"} "ranks"="2-3" "reason"="no route"`,
			`"level"=0 "msg"="The lead answers again" "MiniCluster"={"name"="sample" "namespace"="ns"} "ranks"="1-3" "busy"="3"`,
		}
		if !slices.Equal(lines, want) {
			t.Errorf("logged %q, want %q", lines, want)
		}
		if len(lead.answers) > 0 {
			t.Errorf("%d answers were not asked for", len(lead.answers))
		}
	})
}

func TestAnotherOrderEndsTheEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := &fakeLead{answers: []func() (agentapi.DrainReport, error){busy("2-3", 1)}}
		m, _ := newManager(t, lead)
		order := Order{Host: "h", Ranks: idset.Range(2, 4)}
		m.Set(key, order, credentials.Credentials{})
		synctest.Wait()
		m.Set(key, order, credentials.Credentials{}) // Nothing new.
		synctest.Wait()
		if len(lead.requests) != 2 {
			t.Errorf("%d requests, want 2", len(lead.requests))
		}
		lead.mu.Lock()
		lead.answers = append(lead.answers, busy("", 0))
		lead.mu.Unlock()
		m.Set(key, Order{Host: "h"}, credentials.Credentials{})
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || !got.Ranks.IsEmpty() {
			t.Errorf("answer %+v, want that of the second order", got)
		}
		m.Drop(key)
		if m.Answer(key, "") != nil {
			t.Error("a dropped order has an answer")
		}
	})
}

func TestLeadWithoutAddressIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, changes := newManager(t, &fakeLead{})
		m.Set(key, Order{Ranks: idset.Of(1)}, credentials.Credentials{})
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem == "" || *changes != 1 {
			t.Errorf("answer %+v", got)
		}
	})
}
