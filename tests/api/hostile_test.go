package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// A lead runs what its MiniCluster's author says. It may be an agent that somebody has
// replaced, and is up to no good.

// TestLeadThatHasNewsAllTheTimeDrivesNobody: it answers at once, each time something else, and
// as much as it can.
func TestLeadThatHasNewsAllTheTimeDrivesNobody(t *testing.T) {
	t.Parallel()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 4, MaxSize: 4})
	m.waitForSize(4)
	var asked atomic.Int32
	words := strings.Repeat("\x1b[31mall your base\n", 40_000)
	lead.instead = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := asked.Add(1)
		busy := "0-3"
		if n%2 == 0 {
			busy = "2,4-90000"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"busy": busy, "jobs": []string{words, "f1"}, "jobCount": int(n), "waiting": -1})
	}
	lead.serve(m)
	written := len(writes(t, m.key.Namespace))
	m.mustScale(2)
	m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
	begin := time.Now()

	// Meanwhile others go on, and take as long as they do.
	other, honest := createInstance(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	other.waitForSize(3)
	honest.serve(other)
	other.mustScale(1)
	other.waitForSize(1)
	eventually(t, func() error {
		if asked.Load() < 10 {
			return fmt.Errorf("it was asked %d times", asked.Load())
		}
		return nil
	})

	// Five at once, and then one in a second; a write for each, and one for the scale.
	most := 7 + int(time.Since(begin)/time.Second)
	if got := int(asked.Load()); got > most {
		t.Errorf("it was asked %d times in %s, want at most %d", got, time.Since(begin), most)
	}
	if got := len(writes(t, m.key.Namespace)) - written; got > most+2 {
		t.Errorf("it caused %d writes in %s, want at most %d", got, time.Since(begin), most+2)
	}
	status := m.get().Status
	if drain := status.Drain; drain == nil || drain.Busy != "2-3" && drain.Busy != "2" {
		t.Errorf("status.drain is %+v, want ranks that are to go", drain)
	}
	c := meta.FindStatusCondition(status.Conditions, api.ConditionProgressing)
	if len(c.Message) > 1000 || strings.ContainsAny(c.Message, "\x1b\n") {
		t.Errorf("the condition has %d bytes: %q", len(c.Message), c.Message[:min(len(c.Message), 1000)])
	}
}

// TestLeadSendsTheOperatorNowhere: no redirect is followed, and none of its words are printed
// beyond a line.
func TestLeadSendsTheOperatorNowhere(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer elsewhere.Close()
	m, lead := createInstance(t, api.MiniClusterSpec{Size: 2, MaxSize: 2})
	m.waitForSize(2)
	lead.instead = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+"/"+strings.Repeat("secret", 1000), http.StatusTemporaryRedirect)
	}
	lead.serve(m)
	m.mustScale(1)
	eventually(t, func() error {
		c := m.waitForReason(api.ConditionProgressing, api.ReasonDraining)
		if !strings.Contains(c.Message, "the lead does not answer: 307 Temporary Redirect") {
			return fmt.Errorf("the message is %q", c.Message)
		}
		if strings.Contains(c.Message, "secret") {
			return fmt.Errorf("the message has the lead's words: %q", c.Message)
		}
		return nil
	})
	if hits.Load() > 0 {
		t.Errorf("the operator has followed %d redirects", hits.Load())
	}
}
