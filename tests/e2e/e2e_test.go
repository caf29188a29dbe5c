package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

const (
	namespace = "flux-operator"
	cluster   = "flux-sample"
)

// TestFromNothingToScalingAndBack is one test with many parts: a cluster takes long
// to make, and each part begins where the last one ended. With -short it leaves out
// what is the same on every cluster.
func TestFromNothingToScalingAndBack(t *testing.T) {
	w := newWorkspace(t)
	w.makeStack(t)
	// It runs even after a failure halfway. After a success it does nothing.
	t.Cleanup(func() { w.run(t, "make", "destroy") })
	for _, part := range []struct {
		name       string
		test       func(*testing.T, *workspace)
		everywhere bool // It is the same on every cluster, or TestNodesComeAndGo has more of it.
	}{
		{"invalid configuration fails before anything is made", testInvalidConfiguration, true},
		{"make up ends in a ready MiniCluster", testUp, false},
		{"a second make up changes nothing", testSecondUp, false},
		{"whatever comes to the machine, the stack keeps its cluster", testClusterStays, false},
		{"nothing is lost with a folder or a kubeconfig", testNothingIsLost, true},
		{"pulumi's and kubectl's plain commands work", testPlainCommands, true},
		{"a proxy is not asked for the cluster", testProxy, true},
		{"a plan tells that the HPA owns the size", testPlanAutoscaled, true},
		{"the scale subresource is right and bounded", testScaleSubresource, false},
		{"an update that was killed can make all objects again", testMadeAgain, true},
		{"make demo passes", testDemo, true},
		{"with autoscale on the size is the HPA's", testAutoscalerOwnsSize, true},
		{"with autoscale off the configuration takes the size it gives", testConfigurationTakesSize, true},
		{"removing fields never shrinks", testRemovingFieldsNeverShrinks, true},
		{"several MiniClusters stand side by side", testSeveralMiniClusters, true},
		{"with autoscale on a size is warned of", testWarning, true},
		{"with autoscale off a resize is one change of one number", testFixedSize, false},
		{"a plan tells of a resize before it is made", testPlanFixedSize, true},
		{"a resize survives the death of the operator", testOperatorDies, false},
		{"a resize survives the death of the controller manager", testControllerManagerDies, false},
		{"a resize survives the death of kubelet", testKubeletDies, true},
		{"nodes pull the images that are configured", testImagesOfARegistry, true},
		{"a MiniCluster of Flux becomes an instance that runs jobs", testFluxRunsJobs, false},
		{"shrinking loses no job, and growth brings ranks back", testFluxShrinks, false},
		{"a plan tells which jobs a shrink meets", testPlanWithJobs, true},
		{"the lead's endpoint serves who knows the token", testFluxEndpoint, true},
		{"an evicted rank lets its job end, and comes back", testFluxEviction, true},
		{"a rank that is lost comes back", testFluxRankLost, true},
		{"the loss of the lead leaves the followers", testFluxLeadLost, true},
		{"an instance scales itself, and may do nothing else", testFluxSelfScaling, true},
		{"the queue scales an instance, and the demo shows it", testFluxScalesByQueue, true},
		{"an instance sleeps, wakes and restarts with its queue", testFluxSleeps, true},
		{"a MiniCluster ends with its command", testFluxEnds, true},
		{"what people have published works", testPublished, true},
	} {
		if part.everywhere && testing.Short() {
			continue
		}
		if !t.Run(part.name, func(t *testing.T) { part.test(t, w) }) {
			t.Fatalf("the parts after %q need it", part.name)
		}
	}
}

func testInvalidConfiguration(t *testing.T, w *workspace) {
	for _, c := range []struct{ key, value, want string }{
		{"size", "5", "gopherlocks:size: size 5 must be at most maxSize 4"},
		{"cpuTarget", "0", "gopherlocks:cpuTarget: cpuTarget 0 must be at least 1"},
		{"cpuTarget", "half", "'gopherlocks:cpuTarget' must be of type 'integer'"}, // Pulumi's own words
		{"size", "many", `gopherlocks:size: "many" is not a whole number`},
		{"maxsize", "3", "gopherlocks:maxsize is not a key; did you mean maxSize?"},
	} {
		w.run(t, "pulumi", "config", "set", c.key, c.value)
		if said := w.fail(t, "pulumi", "up", "--yes", "--skip-preview"); !strings.Contains(said, c.want) {
			t.Errorf("pulumi up with %s %s does not say %q:\n%s", c.key, c.value, c.want, said)
		}
		w.run(t, "git", "checkout", "--quiet", "Pulumi.dev.yaml")
	}
	// A policy checks in the preview of make up what only the whole stack shows.
	strict := filepath.Join(t.TempDir(), "policies.json")
	if err := os.WriteFile(strict, []byte(`{"minicluster-maximum": {"maximum": 3}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	organization := &workspace{dir: w.dir, env: append(slices.Clone(w.env), "PULUMI_OPTION_POLICY_PACK_CONFIG="+strict)}
	if said := organization.fail(t, "make", "up", w.choice()); !strings.Contains(said, "maxSize 4 must be at most 3, which the organization allows") {
		t.Errorf("make up does not tell what the policy says:\n%s", said)
	}
	if resources := w.run(t, "pulumi", "stack", "export"); strings.Contains(resources, "gopherlocks:index:") || strings.Contains(resources, "gopherlocks:components:") {
		t.Errorf("what was refused has made something:\n%s", resources)
	}
}

func testUp(t *testing.T, w *workspace) {
	start := time.Now()
	w.run(t, "make", "up", w.choice())
	t.Logf("make up with all tools compiled: %s", time.Since(start).Round(time.Second))
	if got := w.miniCluster(t); got.Status.Ready != 2 {
		t.Errorf("ready = %d right after make up, want 2", got.Status.Ready)
	}
	// This includes what Pulumi writes into the stack's configuration, here for
	// keys that were set and removed.
	if changed := w.run(t, "git", "diff") + w.run(t, "git", "ls-files", "--others", "--exclude-standard"); changed != "" {
		t.Errorf("make up leaves the work tree changed:\n%s", changed)
	}
}

func testSecondUp(t *testing.T, w *workspace) {
	start := time.Now()
	out := w.run(t, "make", "up")
	t.Logf("second make up: %s", time.Since(start).Round(time.Second))
	for _, change := range []string{"created", "updated", "replaced", "deleted"} {
		if strings.Contains(out, " "+change) {
			t.Errorf("a second make up has %s something:\n%s", change, out)
		}
	}
}

func testPlainCommands(t *testing.T, w *workspace) {
	w.run(t, "pulumi", "up", "--yes", "--expect-no-changes")
	if out := w.run(t, "pulumi", "preview", "--diff", "--expect-no-changes"); !strings.Contains(out, "gopherlocks-policies") {
		t.Errorf("the preview does not run the policy pack:\n%s", out)
	}
	if out := w.run(t, "pulumi", "stack", "output"); !strings.Contains(out, "flux-sample") || strings.Contains(out, "client-key-data") {
		t.Errorf("pulumi stack output lacks the MiniCluster or shows a key:\n%s", out)
	}
	out := w.run(t, "kubectl", "get", "miniclusters,hpa,pods", "-A")
	for _, want := range []string{"minicluster.flux-framework.org/flux-sample", "flux-sample-hpa", "pod/flux-sample-0"} {
		if !strings.Contains(out, want) {
			t.Errorf("kubectl get lacks %s:\n%s", want, out)
		}
	}
	eventually(t, 2*time.Minute, func() string {
		out, errOut, err := w.try("kubectl", "top", "pods", "-n", namespace)
		if err != nil || strings.Count(out, "flux-sample-") != 2 {
			return "kubectl top pods: " + out + errOut
		}
		return ""
	})
}

func testScaleSubresource(t *testing.T, w *workspace) {
	var scale struct {
		Spec   struct{ Replicas int }
		Status struct {
			Replicas int
			Selector string
		}
	}
	path := fmt.Sprintf("/apis/flux-framework.org/v1alpha2/namespaces/%s/miniclusters/%s/scale", namespace, cluster)
	if err := json.Unmarshal([]byte(w.run(t, "kubectl", "get", "--raw", path)), &scale); err != nil {
		t.Fatal(err)
	}
	if scale.Spec.Replicas != 2 || scale.Status.Replicas != 2 {
		t.Errorf("scale = %+v, want 2 replicas in spec and status", scale)
	}
	out := w.run(t, "kubectl", "get", "pods", "-n", namespace, "-l", scale.Status.Selector, "-o", "name")
	if strings.Count(out, "pod/") != 2 {
		t.Errorf("the selector %q picks %q, want the 2 ranks", scale.Status.Selector, out)
	}
	for size, bound := range map[int]string{5: "size 5 must be at most maxSize 4", 1: "size 1 must be at least minSize 2"} {
		if said := w.fail(t, "kubectl", "scale", "minicluster", cluster, "-n", namespace, fmt.Sprintf("--replicas=%d", size)); !strings.Contains(said, bound) {
			t.Errorf("scaling to %d does not say %q: %s", size, bound, said)
		}
	}
}

func testDemo(t *testing.T, w *workspace) {
	start := time.Now()
	t.Logf("%s", w.run(t, "make", "demo"))
	t.Logf("make demo: %s", time.Since(start).Round(time.Second))
}

func testWarning(t *testing.T, w *workspace) {
	w.run(t, "pulumi", "config", "set", "size", "3")
	// With --diff Pulumi writes warnings to standard error.
	out, errOut, err := w.try("pulumi", "preview", "--diff")
	if err != nil || !strings.Contains(out+errOut, "HorizontalPodAutoscaler flux-sample-hpa owns") {
		t.Errorf("the preview does not warn that the HPA owns the size: %v\n%s\n%s", err, out, errOut)
	}
	w.run(t, "pulumi", "config", "rm", "size")
}

func testFixedSize(t *testing.T, w *workspace) {
	w.run(t, "pulumi", "config", "set", "autoscale", "false")
	w.run(t, "pulumi", "config", "set", "size", "2")
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 2)
	w.run(t, "pulumi", "config", "set", "size", "3")
	out := w.run(t, "pulumi", "preview", "--diff")
	var changes []string
	for line := range strings.Lines(out) {
		// A property that differs is drawn as "~ name: old => new"; resources
		// as "~ type: (update)", and their ancestors likewise.
		if strings.Contains(line, "=>") {
			changes = append(changes, strings.TrimSpace(line))
		}
	}
	if len(changes) != 1 || !strings.Contains(changes[0], "size") || !strings.Contains(changes[0], "2 => 3") ||
		!strings.Contains(out, "~ 1 to update") || strings.Contains(out, "to replace") {
		t.Errorf("the preview of a resize is not one change, size 2 => 3, but %q:\n%s", changes, out)
	}
	kept := w.podUIDs(t)
	w.run(t, "pulumi", "up", "--yes", "--skip-preview")
	w.waitForSize(t, 3)
	for rank, uid := range kept {
		if now := w.podUIDs(t)[rank]; now != uid {
			t.Errorf("growing replaced the pod of rank %s", rank)
		}
	}
}

func testOperatorDies(t *testing.T, w *workspace) {
	w.scale(t, 4)
	w.run(t, "kubectl", "delete", "pods", "-n", "gopherlocks-system", "-l", "app.kubernetes.io/name=gopherlocks-operator", "--force", "--grace-period=0")
	w.waitForSize(t, 4)
}

func testControllerManagerDies(t *testing.T, w *workspace) {
	w.scale(t, 2)
	w.killProgram(t, "kube-controller-manager")
	w.waitForSize(t, 2)
}

func testKubeletDies(t *testing.T, w *workspace) {
	w.scale(t, 4)
	w.killProgram(t, "kubelet")
	w.waitForSize(t, 4)
}

func (w *workspace) scale(t *testing.T, size int) {
	t.Helper()
	w.run(t, "kubectl", "scale", "minicluster", cluster, "-n", namespace, "--replicas="+strconv.Itoa(size))
}

func (w *workspace) miniCluster(t testing.TB) v1alpha2.MiniCluster {
	t.Helper()
	var m v1alpha2.MiniCluster
	w.get(t, &m, "minicluster", cluster, "-n", namespace)
	return m
}

// waitForSize waits until spec, status, Job and pods agree on a size.
func (w *workspace) waitForSize(t *testing.T, size int32) {
	t.Helper()
	eventually(t, 3*time.Minute, func() string {
		m := w.miniCluster(t)
		var job batchv1.Job
		w.get(t, &job, "job", cluster, "-n", namespace)
		pods := w.podUIDs(t)
		if m.Spec.Size == size && m.Status.Size == size && m.Status.Ready == size && *job.Spec.Completions == size && len(pods) == int(size) {
			return ""
		}
		return fmt.Sprintf("size %d wished, %d there, %d ready, Job at %d, pods %v; want %d",
			m.Spec.Size, m.Status.Size, m.Status.Ready, *job.Spec.Completions, pods, size)
	})
}

// podUIDs are the UIDs of the ranks' running pods, by rank.
func (w *workspace) podUIDs(t *testing.T) map[string]string {
	t.Helper()
	var pods corev1.PodList
	w.get(t, &pods, "pods", "-n", namespace, "-l", w.miniCluster(t).Status.Selector)
	uids := map[string]string{}
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning {
			uids[pod.Annotations[batchv1.JobCompletionIndexAnnotation]] = string(pod.UID)
		}
	}
	return uids
}
