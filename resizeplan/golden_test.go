package resizeplan_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/idset"
	"github.com/gopherlocks/gopherlocks/resizeplan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldenReports holds the forms of reports. tests/e2e compares what
// gopherlocks-plan prints on a live cluster with the same files.
func TestGoldenReports(t *testing.T) {
	one := 1
	autoscaled := newScenario(t, "flux-sample", 2, 2, 4, false).autoscaler(2, 4, 2)
	queue := newScenario(t, "flux-sample", 2, 1, 4, true).queued(&api.QueueStatus{
		Running: 1, Pending: 3, Wanted: 4, Message: "grows to 4: job ƒ2oVNnKfP9 needs 4 ranks",
	})
	queue.preview.Stack = "flux"
	unchanged := newScenario(t, "flux-sample", 3, 2, 4, false)
	grow := newScenario(t, "flux-sample", 3, 2, 4, false).update(map[string]any{"size": 4.0}, "spec.size")
	shrink := newScenario(t, "planned", 3, 1, 4, true).update(map[string]any{"size": 1.0}, "spec.size")
	shrink.preview.Stack = "flux"
	shrink.there.Jobs = &resizeplan.Jobs{Count: &one, Busy: idset.Range(1, 3), IDs: []string{"ƒ3xyZh"}}
	refused := newScenario(t, "planned", 3, 1, 4, true).update(map[string]any{"size": 9.0}, "spec.size").unanswered()
	refused.preview.Stack = "flux"
	refused.preview.Refusals = []resizeplan.Finding{resizeplan.NewFinding("urn:planned", "API server", "spec.size: size 9 must be at most maxSize 4")}
	for name, r := range map[string]resizeplan.Report{
		"autoscaled": report(autoscaled), "queue": report(queue), "unchanged": report(unchanged), "grow": report(grow),
		"shrink": report(shrink), "refused": report(refused), "several": several(t),
	} {
		for ending, write := range map[string]func(io.Writer) error{"txt": r.WriteText, "json": r.WriteJSON} {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+"."+ending)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s is not what is printed (go test ./resizeplan -update writes it anew):\n%s", path, &got)
			}
		}
	}
}

// several is a stack of several MiniClusters. Its report has all other parts too.
func several(t *testing.T) resizeplan.Report {
	restarting := newScenario(t, "alpha", 4, 2, 4, true).update(map[string]any{"maxSize": 2000.0}, "spec.maxSize")
	restarting.there.Jobs = &resizeplan.Jobs{Unknown: "no permission to ask the lead"}
	restarting.preview.OtherChanges = 2
	restarting.preview.Warnings = []resizeplan.Finding{resizeplan.NewFinding("urn:beta", "policy image-tag", "image workload:latest has no fixed tag")}
	scaledByHand := newScenario(t, "beta", 2, 1, 8, false)
	scaledByHand.there.MiniCluster.Spec.Size = 5
	going := newScenario(t, "gamma", 2, 1, 8, false)
	going.declared.Operation, going.declared.After = resizeplan.Delete, nil
	coming := newScenario(t, "delta", 12, 1, 16, false)
	coming.declared.Operation, coming.declared.Before = resizeplan.Create, nil
	coming.there = resizeplan.LiveMiniCluster{}
	unknown := newScenario(t, "epsilon", 2, 1, 8, true).update(nil, "spec.containers[0].image").unanswered()
	unknown.declared.After["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)["image"] = resizeplan.NotKnown{}
	unread := newScenario(t, "zeta", 2, 1, 8, false).update(map[string]any{"size": 3.0}, "spec.size")
	unread.there = resizeplan.LiveMiniCluster{Unknown: "miniclusters is forbidden", AutoscalersUnknown: "horizontalpodautoscalers is forbidden"}
	byQueue := newScenario(t, "eta", 2, 1, 8, true).queued(nil)
	return report(restarting, scaledByHand, going, coming, unknown, unread, byQueue)
}

// varying matches what depends on the machine and the run: how many ranks fit, and
// the IDs of jobs. tests/e2e leaves it out too.
var varying = regexp.MustCompile(`room for [0-9]+|ƒ[0-9A-Za-z]+`)

func TestDocumentationShowsTheGoldenReports(t *testing.T) {
	shown := []string{"grow", "shrink", "refused", "autoscaled", "unchanged"}
	for page, names := range map[string][]string{"../README.md": shown, "../docs/resize-plan.md": append(slices.Clip(shown), "queue")} {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := varying.ReplaceAllString(string(content), "…")
		for _, name := range names {
			report, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			indented := strings.ReplaceAll(strings.TrimSpace(varying.ReplaceAllString(string(report), "…")), "\n", "\n    ")
			if !strings.Contains(text, strings.ReplaceAll(indented, "\n    \n", "\n\n")) {
				t.Errorf("%s does not show what is printed: testdata/%s.txt", page, name)
			}
		}
	}
}
