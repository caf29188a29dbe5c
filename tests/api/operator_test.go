package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

// The tests of this file act on the operator itself, or on the one definition of
// the resource. They do not call t.Parallel, and so end before those that do
// begin.

// TestSteadyStateIsSilent: at rest nothing is reconciled; and a reconciliation
// that finds nothing to do writes nothing.
func TestSteadyStateIsSilent(t *testing.T) {
	m := create(t, api.MiniClusterSpec{Size: 3, MaxSize: 4})
	m.waitForSize(3)
	waitForRest(t)
	version, jobVersion := m.get().ResourceVersion, m.job().ResourceVersion
	written := len(writes(t, m.key.Namespace))

	const rounds = 5
	for range rounds {
		before := reconciliations(t)
		version = m.touch()
		eventually(t, func() error {
			if reconciliations(t) == before {
				return fmt.Errorf("a touched MiniCluster is not reconciled")
			}
			return nil
		})
	}
	waitForRest(t)
	if got := writes(t, m.key.Namespace)[written:]; len(got) > 0 {
		t.Errorf("written without need: %v", got)
	}
	if got := m.get().ResourceVersion; got != version {
		t.Errorf("the MiniCluster's version went from %s to %s", version, got)
	}
	if got := m.job().ResourceVersion; got != jobVersion {
		t.Errorf("the Job's version went from %s to %s", jobVersion, got)
	}
}

// waitForRest waits until nothing has been reconciled for two seconds: that
// nothing happens can be seen in no other way.
func waitForRest(t testing.TB) {
	t.Helper()
	const rest = 2 * time.Second
	last, since := reconciliations(t), time.Now()
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, patience, true, func(context.Context) (bool, error) {
		if now := reconciliations(t); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > rest, nil
	})
	if err != nil {
		t.Fatalf("the operator does not come to rest: %v", err)
	}
}

// scrape reads what a program tells Prometheus.
func scrape(t testing.TB, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatalf("scrape: %v", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("scrape %s: %s, %v: %s", url, response.Status, err, body)
	}
	return string(body)
}

// reconciliations is how often the operator has reconciled any MiniCluster.
func reconciliations(t testing.TB) int {
	t.Helper()
	sum := 0
	for lines := bufio.NewScanner(strings.NewReader(scrape(t, "http://"+world.operators.current().metricsAddress+"/metrics"))); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), `controller_runtime_reconcile_total{controller="minicluster"`) {
			continue
		}
		fields := strings.Fields(lines.Text())
		n, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err != nil {
			t.Fatalf("read the metric %q: %v", lines.Text(), err)
		}
		sum += int(n)
	}
	return sum
}

// TestLeaderChange: a second operator stands by, and takes over when the first is
// stopped.
func TestLeaderChange(t *testing.T) {
	m := create(t, api.MiniClusterSpec{Size: 1, MaxSize: 4})
	m.waitForSize(1)
	first := world.operators.current()
	second := startOperator(t)
	holder := leaseHolder(t)
	m.mustScale(3)
	m.waitForSize(3)
	if got := leaseHolder(t); got != holder {
		t.Fatalf("the lease went from %s to %s while its holder lives", holder, got)
	}
	first.stop()
	m.mustScale(2)
	m.waitForSize(2)
	if got := leaseHolder(t); got == holder || got == "" {
		t.Errorf("the lease is held by %q, want the second operator", got)
	}
	if got := jobWrites(writes(t, m.key.Namespace)); len(got) != 3 {
		t.Errorf("the Job was written by %v, want one creation and two resizes", got)
	}
	select {
	case <-second.ended:
		t.Error("the second operator has ended")
	default:
	}
}

func leaseHolder(t testing.TB) string {
	t.Helper()
	var lease coordinationv1.Lease
	key := types.NamespacedName{Namespace: operatorNamespace, Name: "gopherlocks-operator"}
	if err := world.client.Get(t.Context(), key, &lease); err != nil {
		t.Fatalf("get the lease: %v", err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// TestOperatorKilledWhileResizing: it dies between its write and the ranks'
// answer, the wish changes meanwhile, and a new one goes on from what it finds.
func TestOperatorKilledWhileResizing(t *testing.T) {
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 5})
	m.waitForSize(2)
	before := uids(m.pods())
	release := world.kubelet.hold(m.key.Namespace)
	m.mustScale(5)
	eventually(t, func() error {
		if n := *m.job().Spec.Parallelism; n != 5 {
			return fmt.Errorf("the Job has %d ranks", n)
		}
		return nil
	})
	world.operators.current().kill()
	m.mustScale(3)
	release()
	startOperator(t)
	m.waitForSize(3)
	after := uids(m.pods())
	for rank, uid := range before {
		if after[rank] != uid {
			t.Errorf("rank %s was replaced", rank)
		}
	}
}

// TestNamespaceGoesOnceTheOperatorIsBack: where it is not there, the Job keeps the
// namespace.
func TestNamespaceGoesOnceTheOperatorIsBack(t *testing.T) {
	m := create(t, api.MiniClusterSpec{Size: 2})
	m.waitForSize(2)
	world.operators.current().kill()
	deleteNamespace(t, m.key.Namespace)
	eventually(t, func() error {
		for _, pod := range world.kubelet.podsIn(m.key.Namespace) {
			if pod.DeletionTimestamp == nil {
				return fmt.Errorf("pod %s is not being deleted", pod.Name)
			}
		}
		return nil
	})
	startOperator(t)
	waitForNoNamespace(t, m.key.Namespace)
}

// ratchetedStatus is the first version of Kubernetes whose API server takes a status
// beside a spec that breaks a rule. Those before take none until the spec is right.
// Source: ValidateUpdate in pkg/registry/customresource/status_strategy.go of
// k8s.io/apiextensions-apiserver.
var ratchetedStatus = version.MustParseGeneric("1.33")

// TestSizeThatGotPastTheRuleIsClamped: an older definition, or one that somebody
// changed, lets a size through that the rule forbids.
func TestSizeThatGotPastTheRuleIsClamped(t *testing.T) {
	restore := withoutRules(t)
	m := create(t, api.MiniClusterSpec{Size: 9, MinSize: 2, MaxSize: 3})
	m.waitForReason(api.ConditionReady, api.ReasonReady)
	mc := m.get()
	if mc.Spec.Size != 9 {
		t.Errorf("the operator wrote spec.size: %d", mc.Spec.Size)
	}
	if mc.Status.Desired != 3 || len(m.pods()) != 3 {
		t.Errorf("desired %d with %d ranks, want 3", mc.Status.Desired, len(m.pods()))
	}
	want := "size 9 must be at most maxSize 3; running with size 3"
	if c := m.waitForReason(api.ConditionSizeWithinBounds, bounds.ReasonSizeAboveMaximum); c.Message != want {
		t.Errorf("the condition says %q, want %q", c.Message, want)
	}
	if got := m.waitForEvent(bounds.ReasonSizeAboveMaximum); got != want {
		t.Errorf("the event says %q, want %q", got, want)
	}

	restore()
	if world.version.LessThan(ratchetedStatus) {
		m.mustScale(2)
		m.waitForSize(2)
		m.waitForReason(api.ConditionSizeWithinBounds, api.ReasonWithinBounds)
		return
	}
	// With the rule back, status can still be written beside the old size.
	release := world.kubelet.hold(m.key.Namespace)
	if err := world.client.Delete(t.Context(), m.pods()["2"]); err != nil {
		t.Fatalf("delete a pod: %v", err)
	}
	waitForReady := func(want int32) {
		t.Helper()
		eventually(t, func() error {
			if s := m.get().Status; s.Ready != want {
				return fmt.Errorf("ready %d, want %d", s.Ready, want)
			}
			return nil
		})
	}
	waitForReady(2)
	release()
	waitForReady(3)
	m.mustScale(2)
	m.waitForSize(2)
	m.waitForReason(api.ConditionSizeWithinBounds, api.ReasonWithinBounds)
}

// withoutRules takes the validation rules out of the definition, and waits until
// the API server lets through what they forbid. The returned function puts them
// back; so does the end of the test.
func withoutRules(t *testing.T) (restore func()) {
	t.Helper()
	needWorld(t)
	open, err := crd()
	if err != nil {
		t.Fatal(err)
	}
	schema := open.Spec.Versions[0].Schema.OpenAPIV3Schema
	schema.XValidations = nil
	spec := schema.Properties["spec"]
	spec.XValidations = nil
	schema.Properties["spec"] = spec
	replaceDefinition(t, open, true)

	restored := false
	restore = func() {
		if restored {
			return
		}
		restored = true
		closed, err := crd()
		if err != nil {
			t.Fatal(err)
		}
		replaceDefinition(t, closed, false)
	}
	t.Cleanup(restore)
	return restore
}

// replaceDefinition installs a definition and waits until it is in force, which
// shows in whether the API server would accept a size above maxSize.
func replaceDefinition(t *testing.T, definition *apiextensionsv1.CustomResourceDefinition, accepts bool) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // also called when the test is over
	eventually(t, func() error {
		var installed apiextensionsv1.CustomResourceDefinition
		if err := world.client.Get(ctx, client.ObjectKeyFromObject(definition), &installed); err != nil {
			return err
		}
		installed.Spec.Versions = definition.Spec.Versions
		return world.client.Update(ctx, &installed)
	})
	eventually(t, func() error {
		probe := &api.MiniCluster{Spec: api.MiniClusterSpec{
			Size: 9, MaxSize: 3, Containers: []api.Container{{Image: "example.org/image:1"}},
		}}
		probe.Namespace, probe.Name = "default", "probe"
		err := world.client.Create(ctx, probe, client.DryRunAll)
		if (err == nil) != accepts {
			return errors.New(fmt.Sprint("a size above maxSize: ", err))
		}
		return nil
	})
}
