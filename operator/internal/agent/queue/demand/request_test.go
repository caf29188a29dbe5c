package demand

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gopherlocks/gopherlocks/operator/internal/agent/queue/demand/demandtest"
)

func TestRequestsAreRead(t *testing.T) {
	slot := func(count, with string) string {
		return fmt.Sprintf(`{"type":"slot","label":"task","count":%s,"with":[%s]}`, count, with)
	}
	const core, gpu = `{"type":"core","count":1}`, `{"type":"gpu","count":2}`
	tests := []struct {
		name, resources string
		want            Request
	}{
		{"slots", `[` + slot("10", `{"type":"core","count":4}`) + `]`, Request{Slots: 10, Cores: 4}},
		{"slots with GPUs", `[` + slot("3", core+","+gpu) + `]`, Request{Slots: 3, Cores: 1, GPUs: 2}},
		{"slots of nodes", `[{"type":"node","count":4,"with":[` + slot("2", core) + `]}]`, Request{Nodes: 4, Slots: 2, Cores: 1}},
		{"whole nodes", `[{"type":"node","count":4,"exclusive":true,"with":[` + slot("1", core) + `]}]`, Request{Nodes: 4, Slots: 1, Cores: 1, Exclusive: true}},
		{"slots that are exclusive take nodes", `[{"type":"slot","count":3,"exclusive":true,"with":[` + core + `]}]`, Request{Nodes: 3, Slots: 1, Cores: 1, Exclusive: true}},
		{"nodes in slots", `[` + slot("3", `{"type":"node","count":2,"with":[{"type":"core","count":4}]}`) + `]`, Request{Nodes: 6, Slots: 1, Cores: 4, Exclusive: true}},
		{"nodes alone", `[{"type":"node","count":2}]`, Request{Nodes: 2, Slots: 1, Exclusive: true}},
		{"slots of nodes without cores", `[{"type":"node","count":2,"with":[` + slot("1", gpu) + `]}]`, Request{Nodes: 2, Slots: 1, GPUs: 2, Exclusive: true}},
		{"groups of nodes", `[{"type":"rack","count":2,"with":[{"type":"node","count":3,"with":[` + slot("1", core) + `]}]}]`, Request{Nodes: 6, Slots: 1, Cores: 1}},
		{"groups within nodes", `[{"type":"node","with":[{"type":"socket","count":2,"with":[` + slot("2", `{"type":"L3cache","count":2,"with":[`+core+`]}`) + `]}]}]`, Request{Nodes: 1, Slots: 4, Cores: 2}},
		{"memory is not counted", `[` + slot("2", core+`,{"type":"memory","count":64,"unit":"GB"}`) + `]`, Request{Slots: 2, Cores: 1}},
		{"a range counts with its least", `[{"type":"node","count":{"min":2,"max":8,"operator":"*","operand":2},"with":[` + slot(`{"min":3}`, core) + `]}]`, Request{Nodes: 2, Slots: 3, Cores: 1}},
		{"ranges as text", `[{"type":"node","count":"2-8:2:*","with":[` + slot(`"3+"`, `{"type":"core","count":"[4,8]"}`) + `]}]`, Request{Nodes: 2, Slots: 3, Cores: 4}},
	}
	for _, tt := range tests {
		if got, _ := parseJobspec([]byte(demandtest.Spec(tt.resources))); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestQueueAndConstraintAreRead(t *testing.T) {
	request, queue := parseJobspec([]byte(`{"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}]}],
		"attributes":{"system":{"queue":"debug","constraints":{"properties":["x"],"hostlist":["a"]}}}}`))
	if want := (Request{Slots: 1, Cores: 1, Constraint: `{"hostlist":["a"],"properties":["x"]}`}); queue != "debug" || request != want {
		t.Errorf("queue %q, %+v, want debug, %+v", queue, request, want)
	}
}

func TestWhatIsNotUnderstoodCountsAsOneRankAndIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "flux-core 0.72 or newer",
		"{":                     "unexpected end",
		demandtest.Spec(`[]`):   "neither a node nor a slot",
		demandtest.Spec(`null`): "neither a node nor a slot",
		demandtest.Spec(`[{"type":"slot","count":1}]`):                                                  "a slot has no cores",
		demandtest.Spec(`[{"type":"node","count":0}]`):                                                  "count 0 must be from 1",
		demandtest.Spec(`[{"type":"node","count":-1}]`):                                                 "count -1 must be",
		demandtest.Spec(`[{"type":"node","count":1.5}]`):                                                "count 1.5 must be",
		demandtest.Spec(`[{"type":"node","count":{"max":2}}]`):                                          "must be from 1",
		demandtest.Spec(`[{"type":"node","count":"many"}]`):                                             `count "many" must be`,
		demandtest.Spec(`[{"type":"node","count":9999999999}]`):                                         "must be from 1 to 1073741824",
		demandtest.Spec(`[{"type":"node"},{"type":"node"}]`):                                            "more than one kind of node",
		demandtest.Spec(`[{"type":"slot","with":[{"type":"slot"}]}]`):                                   "more than one kind of slot",
		demandtest.Spec(strings.Repeat(`[{"type":"x","with":`, 200) + `[]` + strings.Repeat(`}]`, 200)): "nested deeper than 100",
	} {
		got, _ := parseJobspec([]byte(text))
		if !strings.Contains(got.Problem, want) {
			t.Errorf("%.80s: problem %q, want one with %q", text, got.Problem, want)
		}
		if got.Problem = ""; got != (Request{Nodes: 1, Slots: 1, Exclusive: true}) {
			t.Errorf("%.80s: %+v, want one whole rank", text, got)
		}
	}
}

// FuzzRequest: whatever is read is a request that a rank can be found for: it asks for
// something, and its numbers do not overflow.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(demandtest.Spec(`[{"type":"node","count":{"min":2},"with":[{"type":"slot","count":"3-4","with":[{"type":"core","count":4},{"type":"gpu"}]}]}]`)))
	f.Add([]byte(demandtest.Spec(`[{"type":"slot","count":1073741824,"exclusive":true,"with":[{"type":"rack","count":1073741824,"with":[{"type":"core","count":1073741824}]}]}]`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _ := parseJobspec(data)
		for name, n := range map[string]int64{"nodes": r.Nodes, "slots": r.Slots, "cores": r.Cores, "gpus": r.GPUs} {
			if n < 0 || n > maxCount {
				t.Errorf("%s %d", name, n)
			}
		}
		if r.Slots < 1 || r.Nodes == 0 && r.Cores < 1 {
			t.Errorf("%+v asks for nothing", r)
		}
	})
}
