package agent

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/operator/internal/agent/endpoint"
	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/credentials"
)

func TestUndrainsOnlyWhatWeDrained(t *testing.T) {
	for before, after := range map[string]string{
		"drained=1 gopherlocks: scaling down": "",
		"drained=1 broken fan":                "drained=1 broken fan",
		"drained=2 gopherlocks: scaling down": "drained=2 gopherlocks: scaling down",
		"":                                    "",
	} {
		testRoot(t)
		writeInstance("drained", before)
		o := own{flux: instanceClient(t), ranks: idset.Range(1, 2), log: newLogger(io.Discard, false)}
		must(t, o.undrainOurs(t.Context()))
		if got := readInstance("drained"); got != after {
			t.Errorf("%q became %q, want %q", before, got, after)
		}
	}
}

// TestDrainSinceTheReturnStays: also one from before the rank was online, in a pod that
// was there already.
func TestDrainSinceTheReturnStays(t *testing.T) {
	const drained, online = `{"timestamp":100,"name":"drain","context":{"idset":"1"}}` + "\n", `{"timestamp":101,"name":"online","context":{"idset":"1"}}` + "\n"
	for _, test := range []struct {
		reason, events string
		started        int64
		stays          bool
	}{
		{endpoint.ReasonShrink, online + drained, 99, true},
		{endpoint.ReasonShrink, drained + online, 99, true},
		{endpoint.ReasonShrink, drained + online, 101, false},
		{endpoint.ReasonShrink, drained + `{"timestamp":100,"name":"offline","context":{"idset":"1"}}` + "\n" + online, 99, false},
		{endpoint.ReasonStopping, online + drained, 99, false},
	} {
		stays := test.stays
		testRoot(t)
		writeInstance("drained", "drained=1 "+test.reason)
		writeInstance("eventlog", test.events)
		o := own{flux: instanceClient(t), ranks: idset.Range(1, 2), log: newLogger(io.Discard, false), started: time.Unix(test.started, 0)}
		must(t, o.undrainOurs(t.Context()))
		if got := readInstance("drained") != ""; got != stays {
			t.Errorf("%+v: still drained %v", test, got)
		}
	}
}

func TestLeadUndrainsWhatWasDrainedBeforeIt(t *testing.T) {
	const drained = "drained=1-2 " + endpoint.ReasonStopping + "\ndrained=3 broken fan\ndrained=4 " + endpoint.ReasonShrink
	for name, test := range map[string]struct{ drained, events, undrained string }{
		"nothing":               {"", "", ""},
		"an administrator's":    {"drained=3 broken fan", "", ""},
		"an earlier lead's":     {drained, `{"name":"drain","context":{"idset":"1-4"}}` + "\n" + `{"name":"restart"}`, "1-2,4"},
		"one has since stopped": {drained, `{"name":"restart"}` + "\n" + `{"name":"drain","context":{"idset":"2"}}`, "1,4"},
	} {
		testRoot(t)
		writeInstance("drained", test.drained)
		writeInstance("eventlog", test.events)
		o := own{flux: instanceClient(t), ranks: idset.Range(0, 1), log: newLogger(io.Discard, false)}
		must(t, o.undrainEarlier(t.Context()))
		if got := readInstance("undrained"); got != test.undrained {
			t.Errorf("%s: undrained %q, want %q", name, got, test.undrained)
		}
	}
}

func TestStoppingRankDrainsItselfForThat(t *testing.T) {
	for before, after := range map[string]string{
		"":                                   "drained=1 " + endpoint.ReasonStopping,
		"drained=1 " + endpoint.ReasonShrink: "drained=1 " + endpoint.ReasonStopping, // else the operator might take it back
		"drained=1 broken fan":               "drained=1 broken fan",
	} {
		testRoot(t)
		writeInstance("drained", before)
		own{flux: instanceClient(t), ranks: idset.Range(1, 2), log: newLogger(io.Discard, false)}.drainAndWait(t.Context())
		if got := readInstance("drained"); got != after {
			t.Errorf("%q became %q, want %q", before, got, after)
		}
	}
}

func TestLeadServesTheOperator(t *testing.T) {
	root := testRoot(t)
	l := launch(t, root, 0, func(c *agentapi.Config) { c.Mode = agentapi.ModeInteractive })
	serving := regexp.MustCompile(`serving the operator at (\S+)`)
	var address []string
	l.until("endpoint", func() bool {
		address = serving.FindStringSubmatch(l.stderr.String())
		return address != nil
	})
	cert, err := os.ReadFile(filepath.Join(root, "secret/tls.crt"))
	must(t, err)
	token, err := os.ReadFile(filepath.Join(root, "secret/token"))
	must(t, err)
	trust, err := credentials.ClientTLS(cert)
	must(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://"+address[1]+agentapi.PathDrain,
		strings.NewReader(`{"ranks":"2-3"}`))
	must(t, err)
	request.Header.Set("Authorization", "Bearer "+string(token))
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	response, err := client.Do(request)
	must(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || readInstance("drained") != "drained=2-3 "+endpoint.ReasonShrink {
		t.Errorf("status %s, drained %q", response.Status, readInstance("drained"))
	}
	client.CloseIdleConnections()
	l.stops <- syscall.SIGTERM
	l.wait()
}
