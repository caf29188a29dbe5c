package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/operator/internal/agentapi"
	"github.com/gopherlocks/gopherlocks/operator/internal/fluxstandin"
)

// instanceOfThree starts an instance of three ranks with one job on all of them and one
// that waits. It returns the lead's
// paths and the job's ID.
func instanceOfThree(t *testing.T) (paths, string) {
	t.Helper()
	flux, folder := fluxstandin.Flux(t), t.TempDir()
	t.Setenv("FLUX_STANDIN_DIR", filepath.Join(folder, "instance"))
	t.Setenv("PATH", filepath.Dir(flux)+":"+os.Getenv("PATH"))
	t.Setenv("LC_ALL", "C.UTF-8") // in other locales Flux writes IDs without ƒ
	uriFile, stop := filepath.Join(folder, "uri"), filepath.Join(folder, "stop")
	wait := "until [ -e " + stop + " ]; do sleep 0.05; done"
	script := fmt.Sprintf(`flux submit -N3 sh -c '%s' >%[2]s.job && flux submit -N3 true >/dev/null && echo $FLUX_URI >%[2]s.new && mv %[2]s.new %[2]s; %[1]s`, wait, uriFile)
	cmd := exec.Command(flux, "start", "--test-size=3", script)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() {
		must(t, os.WriteFile(stop, nil, 0o600))
		_ = cmd.Wait() // its exit code is nothing to this test
	})
	var uri []byte
	var err error
	for deadline := time.Now().Add(20 * time.Second); uri == nil; time.Sleep(10 * time.Millisecond) {
		if uri, err = os.ReadFile(uriFile); err != nil && time.Now().After(deadline) {
			t.Fatal("the instance is not up after 20 s")
		}
	}
	id, err := os.ReadFile(uriFile + ".job")
	must(t, err)
	return paths{socket: strings.TrimPrefix(strings.TrimSpace(string(uri)), "local://")}, strings.TrimSpace(string(id))
}

func TestJobsCommandTellsWhatRunsAndDrainsNothing(t *testing.T) {
	lead, job := instanceOfThree(t)
	var report agentapi.JobsReport
	for deadline := time.Now().Add(20 * time.Second); report.Busy.IsEmpty() && time.Now().Before(deadline); {
		var out bytes.Buffer
		must(t, printJobs(&out, lead, "1-2,7"))
		must(t, json.Unmarshal(out.Bytes(), &report))
	}
	if report.Busy.String() != "1-2" || report.JobCount != 1 || len(report.Jobs) != 1 || report.Jobs[0] != job {
		t.Errorf("the job %s on ranks 0-2 is reported for 1-2 as %+v", job, report)
	}
	if report.Pending == nil || *report.Pending != 1 {
		t.Errorf("one job is pending, and reported as %v", report.Pending)
	}
	flux := exec.Command("flux", "resource", "drain", "-n", "-o", "{ranks}")
	flux.Env = append(os.Environ(), "FLUX_URI=local://"+lead.socket)
	if drained, err := flux.CombinedOutput(); err != nil || len(drained) > 0 {
		t.Errorf("drained by looking: %q, %v", drained, err)
	}
}

func TestJobsCommandSaysWhyItCannotTell(t *testing.T) {
	root := testRoot(t)
	for _, tt := range []struct{ ranks, want string }{
		{"one", "RANKS: "},
		{"1", "no such file"},
	} {
		if err := printJobs(&bytes.Buffer{}, testPaths(root), tt.ranks); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("jobs %s: %v, want %q", tt.ranks, err, tt.want)
		}
	}
}
