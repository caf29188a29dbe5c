package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

const autoscaler = cluster + "-hpa"

// These parts follow spec.size from one owner to the next: the HPA, under real
// load, the configuration, and the HPA again.

// testAutoscalerOwnsSize lets the HPA grow the MiniCluster. Pulumi must leave the
// size alone in all that it does.
func testAutoscalerOwnsSize(t *testing.T, w *workspace) {
	// Without load it keeps what it has grown to for ten minutes.
	w.run(t, "pulumi", "config", "set", "scaleDownStabilization", "600")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.setLoad(t, "300m") // for six ranks at the target, more than there may be
	w.waitForSize(t, 4)
	pods := w.podUIDs(t)

	w.run(t, "pulumi", "preview", "--expect-no-changes")
	// A change from 2 to 4 is not enough: the output shows the HPA's status too.
	out := w.run(t, "pulumi", "preview", "--refresh", "--diff")
	if grown, shrunk := regexp.MustCompile(`\bsize *: 2 => 4`), regexp.MustCompile(`\bsize *: 4 => 2`); !grown.MatchString(out) || shrunk.MatchString(out) {
		t.Errorf("a preview with --refresh does not show that the size went from 2 to 4, or reverts it:\n%s", out)
	}
	w.run(t, "pulumi", "up", "--refresh", "--yes", "--skip-preview")
	w.mustHaveKept(t, pods)

	w.run(t, "pulumi", "config", "set", "drainTimeoutSeconds", "60")
	if out := w.run(t, "pulumi", "preview", "--diff"); strings.Contains(out, " size") {
		t.Errorf("the preview of another change speaks of the size:\n%s", out)
	}
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.mustHaveKept(t, pods)
}

// testConfigurationTakesSize switches autoscale off and gives a size. Previews must
// compare it with the live size.
func testConfigurationTakesSize(t *testing.T, w *workspace) {
	// The HPA must not change the size before it is deleted. It is deleted at the
	// end of the update, after the size has changed.
	w.setLoad(t, "0")
	w.waitForIdleAutoscaler(t)

	w.run(t, "pulumi", "config", "set", "autoscale", "false")
	w.run(t, "pulumi", "config", "rm", "size")
	if out := w.run(t, "pulumi", "preview", "--diff"); strings.Contains(out, "4 =>") || strings.Contains(out, "in the cluster") {
		t.Errorf("without a size of its own, the configuration takes it all the same:\n%s", out)
	}
	w.run(t, "pulumi", "config", "set", "size", "2")
	// With --diff Pulumi writes messages to standard error.
	out, errOut, err := w.try("pulumi", "preview", "--diff")
	if want := "size 4 in the cluster, 2 in the configuration"; err != nil || !strings.Contains(out+errOut, want) {
		t.Errorf("the preview does not say %q: %v\n%s\n%s", want, err, out, errOut)
	}
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 2)
	if left := w.run(t, "kubectl", "get", "hpa", "-n", namespace, "-o", "name"); left != "" {
		t.Errorf("left behind: %s", left)
	}

	// A refresh sees another's size, and the update sets it back.
	w.scale(t, 3)
	w.run(t, "pulumi", "preview", "--expect-no-changes")
	w.run(t, "pulumi", "up", "--refresh", "--yes", "--skip-preview")
	w.waitForSize(t, 2)
}

// testRemovingFieldsNeverShrinks removes the keys about the size while there are
// more ranks than the configuration would begin with.
func testRemovingFieldsNeverShrinks(t *testing.T, w *workspace) {
	w.scale(t, 4)
	w.waitForSize(t, 4)
	pods := w.podUIDs(t)
	w.run(t, "pulumi", "config", "rm", "size")
	w.run(t, "pulumi", "up", "--refresh", "--yes", "--skip-preview")
	w.run(t, "pulumi", "config", "rm", "drainTimeoutSeconds")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.mustHaveKept(t, pods)

	// Switching autoscale on again: Pulumi lets go of the size for good.
	w.run(t, "pulumi", "config", "rm", "autoscale")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.mustHaveKept(t, pods)
	var m v1alpha2.MiniCluster
	w.get(t, &m, "minicluster", cluster, "-n", namespace, "--show-managed-fields")
	for _, manager := range m.ManagedFields {
		if strings.HasPrefix(manager.Manager, "pulumi") && strings.Contains(manager.FieldsV1.GetRawString(), `"f:size":`) {
			t.Errorf("%s owns the size next to the HPA: %s", manager.Manager, manager.FieldsV1.GetRawString())
		}
	}
	w.run(t, "pulumi", "config", "set", "scaleDownStabilization", "30")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 2) // by the HPA, which has no load
}

// mustHaveKept checks that nothing has happened to the ranks.
func (w *workspace) mustHaveKept(t *testing.T, pods map[string]string) {
	t.Helper()
	if m := w.miniCluster(t); int(m.Spec.Size) != len(pods) {
		t.Errorf("size %d, want the %d ranks that were there", m.Spec.Size, len(pods))
	}
	if now := w.podUIDs(t); !maps.Equal(now, pods) {
		t.Errorf("the pods of the ranks are %v, and were %v", now, pods)
	}
}

// setLoad asks the demo's workload to use so much CPU over all ranks, through
// the API server's proxy to the lead.
func (w *workspace) setLoad(t *testing.T, cpu string) {
	t.Helper()
	lead := w.run(t, "kubectl", "get", "pods", "-n", namespace, "-o", "jsonpath={.items[0].metadata.name}",
		"-l", w.miniCluster(t).Status.Selector+",batch.kubernetes.io/job-completion-index=0")
	body := filepath.Join(w.dir, ".gopherlocks", "empty")
	if err := os.WriteFile(body, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, "kubectl", "replace", "-f", body, "--raw",
		fmt.Sprintf("/api/v1/namespaces/%s/pods/http:%s:8080/proxy/load?cpu=%s", namespace, lead, cpu))
}

// waitForIdleAutoscaler waits until the HPA sees no load. Then it never asks for
// more ranks than there are.
func (w *workspace) waitForIdleAutoscaler(t *testing.T) {
	t.Helper()
	eventually(t, 2*time.Minute, func() string {
		var hpa autoscalingv2.HorizontalPodAutoscaler
		w.get(t, &hpa, "hpa", autoscaler, "-n", namespace)
		for _, metric := range hpa.Status.CurrentMetrics {
			if ranks := metric.ContainerResource; ranks != nil && ranks.Current.AverageUtilization != nil && *ranks.Current.AverageUtilization < 10 {
				return ""
			}
		}
		return fmt.Sprintf("the HPA still sees load: %+v", hpa.Status.CurrentMetrics)
	})
}
