package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gopherlocks/gopherlocks/tests/environ"
)

// Variables of the environment: how often `pulumi up` is killed, and the seed of
// an earlier run.
const (
	killsVariable    = "GOPHERLOCKS_KILLS"
	killSeedVariable = "GOPHERLOCKS_KILLS_SEED"
)

// fewKills is how often without killsVariable.
const fewKills = 3

// upTakes is about as long as an undisturbed `pulumi up`, by clusterProvider.
var upTakes = map[string]time.Duration{embedded: 25 * time.Second, kind: 45 * time.Second}

// TestKilledUpLeavesNothingThatDestroyDoesNotRemove kills `pulumi up` without
// warning at random points. Whatever it was doing, `pulumi up` must go on to a
// ready MiniCluster, and `pulumi destroy` must leave the machine as it was.
func TestKilledUpLeavesNothingThatDestroyDoesNotRemove(t *testing.T) {
	if testing.Short() {
		t.Skip("tests/kind interrupts the creation of a cluster; make test-kind and make soak kill pulumi up")
	}
	w := newWorkspace(t)
	w.makeStack(t)
	before := w.observeCluster(t)
	// It runs even after a failure halfway. After a success it does nothing.
	t.Cleanup(func() { w.run(t, "pulumi", "destroy", "--yes", "--skip-preview") })
	// This compiles the program: the first kill must not hit the compiler.
	w.run(t, "pulumi", "preview")

	kills := int(environ.NumberFrom(t, killsVariable, fewKills))
	seed := uint64(environ.NumberFrom(t, killSeedVariable, time.Now().UnixNano()))
	t.Logf("%d kills; %s=%d makes the same choices again", kills, killSeedVariable, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		after := time.Duration(random.Int64N(int64(upTakes[w.provider])))
		withPlugins := random.IntN(2) == 0
		done := w.killUp(t, after, withPlugins)
		t.Logf("kill %d after %s, plugins too: %t, too late: %t", i, after.Round(time.Millisecond), withPlugins, done)
		if random.IntN(2) == 0 {
			w.run(t, "pulumi", "up", "--yes", "--skip-preview")
			if got := w.miniCluster(t); got.Status.Ready != 2 {
				t.Errorf("after kill %d, pulumi up ends with %d ready ranks, want 2", i, got.Status.Ready)
			}
		}
		w.run(t, "pulumi", "destroy", "--yes", "--skip-preview")
		before.compare(t, w.observeCluster(t))
		if t.Failed() {
			t.FailNow() // What is left would be held against the next kills.
		}
	}
}

// testMadeAgain applies what Pulumi has made again, with another field manager,
// like an update that does not know of it. There must be no conflict with the
// first. A kill at the moment when an update makes an object cannot be timed, so
// this plays it.
func testMadeAgain(t *testing.T, w *workspace) {
	var stack struct {
		Deployment struct {
			Resources []struct{ Inputs map[string]any }
		}
	}
	if err := json.Unmarshal([]byte(w.run(t, "pulumi", "stack", "export")), &stack); err != nil {
		t.Fatal(err)
	}
	var objects []any
	for _, resource := range stack.Deployment.Resources {
		if resource.Inputs["apiVersion"] != nil && resource.Inputs["kind"] != nil {
			objects = append(objects, resource.Inputs)
		}
	}
	list, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "objects.json")
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	out := w.run(t, "kubectl", "apply", "--server-side", "--dry-run=server", "--field-manager=pulumi-again", "-f", file)
	for _, want := range []string{"deployment.apps/gopherlocks-operator", "minicluster.flux-framework.org/" + cluster, autoscaler} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not among what was made again:\n%s", want, out)
		}
	}
}

// killUp starts `pulumi up` and kills it after some time, with or without its
// plugins. Plugins that are not killed see it go, and clean up what they can. done
// says that the update was faster.
func (w *workspace) killUp(t *testing.T, after time.Duration, withPlugins bool) (done bool) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("/usr/bin/env", "pulumi", "up", "--yes", "--skip-preview")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &out, &out
	cmd.WaitDelay = time.Second // A plugin that outlives it still has its output.
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("pulumi up: %v\n%s", err, out.String())
		}
		return true
	case <-time.After(after): // the moment is what is tried
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if withPlugins {
		for _, name := range []string{
			"pulumi-resource-gopherlocks", "pulumi-resource-kubernetes", "pulumi-language-go", "gopherlocks-policies",
		} {
			killAll(t, filepath.Join(w.dir, ".gopherlocks/bin", name))
		}
	}
	if err := <-ended; err == nil {
		return true // it was through just before
	}
	eventually(t, time.Minute, func() string {
		if pids := processesOf(t, filepath.Join(w.dir, ".gopherlocks/bin/gopherlocks-policies")); len(pids) > 0 {
			return fmt.Sprintf("the policy pack has not seen Pulumi go: %v", pids)
		}
		return ""
	})
	// A killed Pulumi leaves its lock on the stack, and asks the user to remove it.
	w.run(t, "pulumi", "cancel", "--yes")
	return false
}

// killAll kills all processes of a program. There may be none.
func killAll(t *testing.T, program string) {
	t.Helper()
	for _, pid := range processesOf(t, program) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone meanwhile
	}
}

// processesOf are the processes that were started by the path of a program.
func processesOf(t *testing.T, program string) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(line, []byte(program+"\x00")) {
			continue // gone, or another program
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
