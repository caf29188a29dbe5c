package drain

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads"
	"github.com/gopherlocks/gopherlocks/operator/internal/leads/leadstest"
	"github.com/gopherlocks/gopherlocks/operator/internal/plan"
)

var key = types.NamespacedName{Namespace: "ns", Name: "sample"}

type answer = leadstest.Answer[agentapi.DrainReport]

func busy(ranks string, jobs int) answer {
	return func() (agentapi.DrainReport, error) {
		set, err := idset.Parse(ranks)
		return agentapi.DrainReport{Busy: set, JobCount: jobs}, err
	}
}

func fails(text string) answer { return leadstest.Fails[agentapi.DrainReport](errors.New(text)) }

func newLead(answers ...answer) *leadstest.Lead[agentapi.DrainRequest, agentapi.DrainReport] {
	return leadstest.New[agentapi.DrainRequest](answers...)
}

// managerOf returns a manager of this lead, and counts the changes.
func managerOf(t *testing.T, lead leads.Lead, log logr.Logger) (m *Manager, changes *int) {
	t.Helper()
	return leadstest.Converse(t, log, topic{}, lead)
}

// tell gives the lead an order.
func tell(t *testing.T, m *Manager, order Order) {
	t.Helper()
	leadstest.Tell(t, m, key, order)
}

func TestConversationEndsWhenRanksAreIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := newLead(busy("2-3", 2), busy("2-3", 2), busy("3", 1), busy("", 0))
		m, changes := managerOf(t, lead, logr.Discard())
		tell(t, m, Order{UID: "a", Host: "h", DrainOrder: plan.DrainOrder{Ranks: idset.Range(2, 4)}})
		synctest.Wait()
		if got := m.Answer(key, "a"); got == nil || !got.Equal(plan.DrainAnswer{Ranks: idset.Range(2, 4)}) {
			t.Errorf("answer %+v, want idle", got)
		}
		if *changes != 3 {
			t.Errorf("%d changes, want 3: the same answer again is none", *changes)
		}
		if len(lead.Requests()) != 4 {
			t.Fatalf("%d requests, want 4", len(lead.Requests()))
		}
		if first, second := lead.Requests()[0], lead.Requests()[1]; first.WaitSeconds != 0 || second.WaitSeconds == 0 || second.Known.String() != "2-3" {
			t.Errorf("the first is answered at once, the second waits for news: %+v, %+v", first, second)
		}
		if m.Answer(key, "b") != nil {
			t.Error("another MiniCluster of the name has the answer too")
		}
	})
}

func TestLeadThatFailsIsAskedAgainLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := newLead(busy("2", 1), fails("no route"), fails("no route"), busy("", 0))
		m, changes := managerOf(t, lead, logr.Discard())
		start := time.Now()
		tell(t, m, Order{Host: "h", DrainOrder: plan.DrainOrder{Ranks: idset.Of(2)}})
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem != "no route" || !got.Busy.IsEmpty() {
			t.Errorf("answer %+v, want the problem", got)
		}
		time.Sleep(leads.FirstPause + 2*leads.FirstPause)
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem != "" {
			t.Errorf("answer %+v after %s, want none of the problem", got, time.Since(start))
		}
		if *changes != 3 || len(lead.Requests()) != 4 || lead.Requests()[2].WaitSeconds != 0 {
			t.Errorf("%d changes, requests %+v", *changes, lead.Requests())
		}
	})
}

// TestSilenceOfALeadIsLoggedOnce: and its end is, whatever is asked meanwhile.
func TestSilenceOfALeadIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := newLead(
			busy("2-3", 1), fails("no route"), fails("timeout"), fails("no route"), busy("3", 1), busy("", 0),
		)
		var lines []string
		m, _ := managerOf(t, lead, funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
		tell(t, m, Order{UID: "a", Host: "h", DrainOrder: plan.DrainOrder{Ranks: idset.Range(2, 4)}})
		synctest.Wait()
		time.Sleep(leads.FirstPause)
		synctest.Wait()
		tell(t, m, Order{UID: "a", DrainOrder: plan.DrainOrder{Ranks: idset.Range(1, 4)}}) // its pod is replaced
		synctest.Wait()
		tell(t, m, Order{UID: "a", Host: "i", DrainOrder: plan.DrainOrder{Ranks: idset.Range(1, 4)}})
		synctest.Wait()
		time.Sleep(leads.FirstPause)
		synctest.Wait()
		want := []string{
			`"level"=0 "msg"="The lead does not answer" "MiniCluster"={"name"="sample" "namespace"="ns"} "ranks"="2-3" "reason"="no route"`,
			`"level"=0 "msg"="The lead answers again" "MiniCluster"={"name"="sample" "namespace"="ns"} "ranks"="1-3" "busy"="3"`,
		}
		if !slices.Equal(lines, want) {
			t.Errorf("logged %q, want %q", lines, want)
		}
		if lead.Left() > 0 {
			t.Errorf("%d answers were not asked for", lead.Left())
		}
	})
}

func TestAnotherOrderEndsTheEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lead := newLead(busy("2-3", 1))
		m, _ := managerOf(t, lead, logr.Discard())
		order := Order{Host: "h", DrainOrder: plan.DrainOrder{Ranks: idset.Range(2, 4)}}
		tell(t, m, order)
		synctest.Wait()
		tell(t, m, order) // Nothing new.
		synctest.Wait()
		if len(lead.Requests()) != 2 {
			t.Errorf("%d requests, want 2", len(lead.Requests()))
		}
		lead.Add(busy("", 0))
		tell(t, m, Order{Host: "h"})
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
		m, changes := managerOf(t, newLead(), logr.Discard())
		tell(t, m, Order{DrainOrder: plan.DrainOrder{Ranks: idset.Of(1)}})
		synctest.Wait()
		if got := m.Answer(key, ""); got == nil || got.Problem == "" || *changes != 1 {
			t.Errorf("answer %+v", got)
		}
	})
}
