package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// plan runs gopherlocks-plan and compares its output with the golden files of
// package resizeplan. What differs between machines is left out. The golden files
// have the plan alone, so policies are off.
func (w *workspace) plan(t *testing.T, golden string, exitCode int, args ...string) {
	t.Helper()
	w = w.withoutPolicies()
	for ending, more := range map[string][]string{"txt": nil, "json": {"--json"}} {
		out, errOut, err := w.try("gopherlocks-plan", append(more, args...)...)
		code := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != exitCode || !strings.Contains(errOut, "previewing stack ") {
			t.Errorf("gopherlocks-plan ended with exit code %d, want %d:\n%s%s", code, exitCode, out, errOut)
		}
		t.Logf("gopherlocks-plan %s\n%s", strings.Join(append(more, args...), " "), out)
		want, err := os.ReadFile(filepath.Join("../../resizeplan/testdata", golden+"."+ending))
		if err != nil {
			t.Fatal(err)
		}
		if got := normalized(out); got != normalized(string(want)) {
			t.Errorf("the plan is not that of %s.%s:\n%s", golden, ending, got)
		}
	}
}

func (w *workspace) withoutPolicies() *workspace {
	env := slices.DeleteFunc(slices.Clone(w.env), func(variable string) bool {
		return strings.HasPrefix(variable, "PULUMI_OPTION_POLICY_PACK")
	})
	return &workspace{dir: w.dir, env: env}
}

// varying matches what depends on the machine and the run: how many ranks fit, and
// the IDs of jobs.
var varying = regexp.MustCompile(`(room for |"available": )[0-9]+|ƒ[0-9A-Za-z]+`)

func normalized(report string) string { return varying.ReplaceAllString(report, "${1}…") }

// testPlanAutoscaled is about an idle MiniCluster with a size that the HPA owns.
func testPlanAutoscaled(t *testing.T, w *workspace) {
	eventually(t, 2*time.Minute, func() string {
		var hpa autoscalingv2.HorizontalPodAutoscaler
		w.get(t, &hpa, "hpa", cluster+"-hpa", "-n", namespace)
		isLimited := slices.ContainsFunc(hpa.Status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool {
			return c.Type == autoscalingv2.ScalingLimited && c.Reason == "TooFewReplicas"
		})
		if hpa.Status.DesiredReplicas == 2 && isLimited {
			return ""
		}
		return fmt.Sprintf("the HPA does not rest at its minimum: %+v", hpa.Status)
	})
	w.plan(t, "autoscaled", 0)
}

// testPlanFixedSize is about three ranks that Pulumi owns.
func testPlanFixedSize(t *testing.T, w *workspace) {
	w.plan(t, "unchanged", 0)
	w.run(t, "pulumi", "config", "set", "size", "4")
	w.plan(t, "grow", 2)
	w.run(t, "make", "plan") // a resize is no failure of make
	w.run(t, "pulumi", "config", "set", "size", "9")
	if said := w.fail(t, "gopherlocks-plan", "--stack", "dev"); !strings.Contains(said, "Refused by the program: ") || !strings.Contains(said, "size 9 must be at most maxSize 4") {
		t.Errorf("the program's refusal is not in the plan:\n%s", said)
	}
	w.run(t, "pulumi", "config", "set", "size", "3")
}

// testPlanWithJobs is about an instance of Flux with a job on all its ranks, in a
// stack of its own.
func testPlanWithJobs(t *testing.T, w *workspace) {
	alone := w.withoutPolicies()
	alone.dir = filepath.Join(w.dir, "tests/e2e/testdata/planned")
	manifest := w.writeFlux(t, "planned", v1alpha2.MiniClusterSpec{Size: 3, MaxSize: 4, Interactive: true})
	alone.run(t, "pulumi", "stack", "init", "flux")
	alone.run(t, "pulumi", "config", "set", "manifest", manifest)
	alone.run(t, "pulumi", "config", "set", "size", "3")
	alone.run(t, "pulumi", "up", "--yes", "--skip-preview")
	f := fluxInstance{w, "planned"}
	f.waitForSize(t, 3)
	held := f.submitHeld(t, 3)

	alone.run(t, "pulumi", "config", "set", "size", "1")
	w.plan(t, "shrink", 2, "--cwd", alone.dir, "--stack", "flux")
	f.await(t, "", "resource", "drain", "-no", "{ranks}") // a plan only looks
	alone.run(t, "pulumi", "config", "set", "size", "9")
	alone.plan(t, "refused", 1)

	held.release(t)
	f.mustComplete(t, held.id)
	alone.run(t, "pulumi", "destroy", "--yes", "--skip-preview")
	w.run(t, "kubectl", "wait", "pods", "-n", namespace, "-l", v1alpha2.LabelMiniCluster+"=planned", "--for=delete", "--timeout=60s")
}
