package endpoint

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxinstance"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

func TestMain(m *testing.M) { os.Exit(fluxstandin.Main(m)) }

// TestShrinkingLosesNoJob is the operator's part of a shrink from 4 ranks to 2
// under load: when the answer says that ranks 2 and 3
// are idle, they run nothing, get nothing more, and no job has failed.
func TestShrinkingLosesNoJob(t *testing.T) {
	jobs := 40
	if fluxstandin.Real() {
		jobs = 150 // its commands take longer, and jobs must be pending all the time
	}
	flux, folder := fluxstandin.Flux(t), t.TempDir()
	uriFile := filepath.Join(folder, "uri")
	script := fmt.Sprintf("%[1]s submit --quiet --exclusive -N1 --cc=1-%[2]d sleep 0.3 && echo $FLUX_URI >%[3]s.new && mv %[3]s.new %[3]s && exec %[1]s watch --all", flux, jobs, uriFile)
	cmd := exec.Command(flux, "start", "--test-size=4", script)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "FLUX_STANDIN_DIR="+filepath.Join(folder, "instance"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })

	address := awaitText(t, uriFile)
	env := append(cmd.Env, "FLUX_URI="+address)
	client, err := fluxinstance.New(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	going := set(t, "2-3")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		busy, err := client.Allocated(t.Context(), going)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("ranks 2-3 do not get jobs: %v", err)
		}
		if busy.Len() == 2 {
			break
		}
	}

	d := NewDrainer(client)
	report := drain(t, d, agentapi.DrainRequest{Ranks: going})
	for answers := 0; !report.Busy.IsEmpty(); answers++ {
		if answers == 10 {
			t.Fatalf("still busy after %d answers: %+v", answers, report)
		}
		report = drain(t, d, agentapi.DrainRequest{Ranks: going, WaitSeconds: 30, Known: report.Busy})
	}
	for range 5 {
		pending := exec.Command(flux, "jobs", "--filter", "pending", "--no-header", "--format", "{id}")
		pending.Env = env
		if ids, err := pending.Output(); err != nil || len(ids) == 0 {
			t.Fatalf("no job is pending any more (%v): the test needs more of them", err)
		}
		if busy, err := client.Allocated(t.Context(), going); err != nil || busy.Len() > 0 {
			t.Errorf("ranks %q run jobs after they were reported idle (%v)", busy, err)
		}
	}
	drain(t, d, agentapi.DrainRequest{}) // else the rest of the jobs takes its time
	select {
	case err := <-ended: // with the largest exit code of the jobs
		if err != nil {
			t.Errorf("jobs have failed: %v", err)
		}
	case <-time.After(120 * time.Second):
		t.Error("the jobs have not ended for 120 s")
	}
}

// awaitText waits for a file and returns its text.
func awaitText(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	t.Fatalf("no file %s for 20 s", path)
	return ""
}
