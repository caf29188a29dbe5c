package queue

import (
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads/leadstest"
)

var key = types.NamespacedName{Namespace: "ns", Name: "sample"}

type (
	lead   = leadstest.Lead[agentapi.QueueRequest, agentapi.QueueReport]
	answer = leadstest.Answer[agentapi.QueueReport]
)

var (
	says  = leadstest.Says[agentapi.QueueReport]
	fails = leadstest.Fails[agentapi.QueueReport]
)

// conversation begins one with a lead. It returns the manager, the number of changes, and
// the lines of the log.
func conversation(t *testing.T, answers ...answer) (m *Manager, asked *lead, changes *int, lines *[]string) {
	t.Helper()
	asked, lines = leadstest.New[agentapi.QueueRequest](answers...), &[]string{}
	asked.Check = func(r leads.Request, request agentapi.QueueRequest) {
		if r.Method != http.MethodPost || r.Path != agentapi.PathQueue || r.Wait != time.Duration(request.WaitSeconds)*time.Second {
			panic(r)
		}
	}
	log := funcr.New(func(_, line string) { *lines = append(*lines, strings.TrimPrefix(line, `"level"=0 "msg"=`)) }, funcr.Options{})
	m, changes = leadstest.Converse(t, log, topic{}, asked)
	leadstest.Tell(t, m, key, Order{UID: "a", Pod: "p", Host: "h", MaxSize: 8, Scales: true})
	return m, asked, changes, lines
}

func TestLeadIsAskedForWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := agentapi.QueueReport{
			Revision: "1", Running: 1, Pending: 2, Held: 3, Wanted: 5, Busy: idset.Of(0),
			Idle:    []agentapi.IdleRanks{{Ranks: idset.Range(1, 3), Seconds: 30}},
			Largest: &agentapi.QueueJob{ID: "ƒA", Ranks: 4},
		}
		m, lead, changes, lines := conversation(t, says(first), says(first), says(agentapi.QueueReport{Revision: "2"}))
		start := time.Now()
		synctest.Wait()
		got := m.Answer(key, "a")
		if got == nil || got.Pod != "p" || got.Use.Held != 3 || got.Use.Running != 1 || got.Use.Pending != 2 || got.Use.Wanted != 5 || !got.At.Equal(start) ||
			got.Use.Largest.ID != "ƒA" || len(got.Use.Idle) != 1 || !got.Use.Idle[0].Since.Equal(start.Add(-30*time.Second)) {
			t.Fatalf("answer %+v", got)
		}
		time.Sleep(collect)
		synctest.Wait()
		if again := m.Answer(key, "a"); !again.At.Equal(start) || *changes != 1 {
			t.Errorf("the same revision is news: %+v, %d changes", again, *changes)
		}
		time.Sleep(2 * collect)
		synctest.Wait()
		if got := m.Answer(key, "a"); got.Revision != "2" || *changes != 2 {
			t.Errorf("answer %+v, %d changes", got, *changes)
		}
		want := []agentapi.QueueRequest{
			{MaxSize: 8},
			{MaxSize: 8, WaitSeconds: 240, Known: "1"},
			{MaxSize: 8, WaitSeconds: 240, Known: "1"},
			{MaxSize: 8, WaitSeconds: 240, Known: "2"},
		}
		if !slices.Equal(lead.Requests(), want) {
			t.Errorf("requests %+v, want %+v", lead.Requests(), want)
		}
		if len(*lines) > 0 {
			t.Errorf("logged %q", *lines)
		}
		m.Drop(key)
		if m.Answer(key, "a") != nil {
			t.Error("a dropped order has an answer")
		}
	})
}

func TestSilenceBeginsWithTheFirstFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, lead, changes, lines := conversation(t, fails(errors.New("no route")), fails(errors.New("timeout")), says(agentapi.QueueReport{Revision: "1"}))
		start := time.Now()
		synctest.Wait()
		time.Sleep(leads.FirstPause)
		synctest.Wait()
		if got := m.Answer(key, "a"); got.Problem != "timeout" || !got.At.Equal(start) || got.Use != nil {
			t.Errorf("answer %+v, want silence since the first failure", got)
		}
		time.Sleep(2 * leads.FirstPause)
		synctest.Wait()
		if got := m.Answer(key, "a"); got.Problem != "" || got.Use == nil || *changes != 3 || lead.Requests()[2].Known != "" {
			t.Errorf("answer %+v, %d changes, requests %+v", got, *changes, lead.Requests())
		}
		want := []string{
			`"The lead does not tell of the queue" "MiniCluster"={"name"="sample" "namespace"="ns"} "reason"="no route"`,
			`"The lead tells of the queue again" "MiniCluster"={"name"="sample" "namespace"="ns"} "running"=0 "pending"=0`,
		}
		if !slices.Equal(*lines, want) {
			t.Errorf("logged %q, want %q", *lines, want)
		}
	})
}

// TestEarlierAgentIsAskedOnce: it never learns the question.
func TestEarlierAgentIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, lead, _, _ := conversation(t, fails(&leads.StatusError{Code: http.StatusNotFound, Status: "404 Not Found"}))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := m.Answer(key, "a"); got == nil || !strings.Contains(got.Problem, "earlier operator") || got.Use != nil {
			t.Errorf("answer %+v", got)
		}
		if len(lead.Requests()) != 1 {
			t.Errorf("%d requests, want 1", len(lead.Requests()))
		}
	})
}

func TestWhatIsKeptOfAnAnswerIsBounded(t *testing.T) {
	at := time.Now()
	report := agentapi.QueueReport{
		Running: -1, Pending: math.MaxInt, TooLargeCount: 3,
		Largest: &agentapi.QueueJob{ID: strings.Repeat("ƒ", 5000)},
		Idle: []agentapi.IdleRanks{
			{Ranks: idset.Of(1), Seconds: math.NaN()}, {Ranks: idset.Of(2), Seconds: -5}, {Ranks: idset.Of(3), Seconds: math.MaxFloat64},
		},
	}
	for range 20 {
		report.TooLarge = append(report.TooLarge, agentapi.QueueJob{ID: "ƒA", Why: "two\nlines " + strings.Repeat("x", 5000)})
	}
	got := answerOf(Order{}, report, at)
	if got.Use.Running != 0 || got.Use.Pending != 1<<30 || got.TooLargeCount != 20 || len(got.TooLarge) != leads.MostJobs {
		t.Errorf("counts of %+v", got)
	}
	if why := got.TooLarge[0].Why; len(why) > longestWhy+len("…") || !strings.HasPrefix(why, "two lines x") {
		t.Errorf("%d bytes of words: %q", len(why), why)
	}
	if id := got.Use.Largest.ID; len(id) > 64+len("…") || !strings.HasPrefix(id, "ƒƒ") {
		t.Errorf("ID %q", id)
	}
	for i, want := range []time.Time{at, at, at.Add(-longestIdle)} {
		if since := got.Use.Idle[i].Since; !since.Equal(want) {
			t.Errorf("idle since %s, want %s", since, want)
		}
	}
}
