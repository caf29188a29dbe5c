package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gopherlocks/gopherlocks/components"
	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/tests/pulumicli"
)

// declarationVariable holds what the test's own executable declares as a program of
// Pulumi.
const declarationVariable = "GOPHERLOCKS_API_TEST_DECLARATION"

// declaration is an instance of one rank, or without Flux a MiniCluster whose size an
// autoscaler owns.
type declaration struct {
	Kubeconfig, Namespace, Image, Command string
	DrainTimeoutSeconds                   int
	// WithoutFlux makes it a plain command, which no shell reads.
	WithoutFlux bool
	// MinSize, where it is set, lets an autoscaler choose from there to 4 ranks: an HPA,
	// or the operator by the queue.
	MinSize int
	ByQueue bool
}

// declareMiniCluster is the program.
func declareMiniCluster(ctx *pulumi.Context) error {
	var d declaration
	if err := json.Unmarshal([]byte(os.Getenv(declarationVariable)), &d); err != nil {
		return fmt.Errorf("%s: %w", declarationVariable, err)
	}
	provider, err := kubernetes.NewProvider(ctx, "cluster", &kubernetes.ProviderArgs{Kubeconfig: pulumi.String(d.Kubeconfig)})
	if err != nil {
		return err
	}
	args := components.MiniClusterArgs{
		Name: name, Namespace: pulumi.String(d.Namespace), MaxSize: 1, Flux: !d.WithoutFlux,
		Image: pulumi.String(d.Image), Command: pulumi.String(d.Command), DrainTimeoutSeconds: &d.DrainTimeoutSeconds,
	}
	if d.MinSize > 0 {
		args.MinSize, args.MaxSize = d.MinSize, 4
		if d.ByQueue {
			args.QueueAutoscale = &components.QueueAutoscaleArgs{}
		} else {
			args.Autoscale = &components.AutoscaleArgs{CPUTarget: 50}
		}
		args.Resources = map[string]map[string]string{"requests": {"cpu": "100m"}}
	}
	_, err = components.NewMiniCluster(ctx, name, args, pulumi.Provider(provider))
	return err
}

// stack is one of the real Pulumi.
type stack struct {
	t testing.TB
	*pulumicli.Project
}

func newStack(t testing.TB) *stack {
	t.Helper()
	return &stack{t, pulumicli.New(t, "api")}
}

// up updates the stack, while the given function goes on with the ranks.
func (s *stack) up(d declaration, meanwhile func()) (string, error) {
	s.t.Helper()
	d.Kubeconfig = world.kubeconfig
	content, err := json.Marshal(d)
	if err != nil {
		s.t.Fatal(err)
	}
	updated := *s.Project
	updated.Env = append(slices.Clone(s.Env), declarationVariable+"="+string(content))
	var out string
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, err = updated.Run(s.t.Context(), "up", "--yes", "--skip-preview")
	}()
	if meanwhile != nil {
		meanwhile()
	}
	<-done
	return out, err
}

// TestUpdateEndsWithTheMiniCluster: Pulumi waits for ranks that are ready, and no longer
// than anything can come of it.
func TestUpdateEndsWithTheMiniCluster(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	s := newStack(t)
	m := miniCluster{t, types.NamespacedName{Namespace: namespace, Name: name}}
	release := world.kubelet.hold(namespace) // No rank is ever ready.
	d := declaration{Namespace: namespace, Image: "example.org/image:1", Command: "work", DrainTimeoutSeconds: 60}
	var last types.UID
	// endLead ends the command of a lead that was not there before.
	endLead := func(exitCode int32) func() {
		return func() {
			lead := m.newLead(last)
			last = lead.UID
			world.kubelet.endCommand(t.Context(), lead, exitCode)
		}
	}
	succeed := func(what string, meanwhile func()) {
		t.Helper()
		if out, err := s.up(d, meanwhile); err != nil {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
	}
	fail := func(what, want string, meanwhile func()) {
		t.Helper()
		out, err := s.up(d, meanwhile)
		if err == nil || !strings.Contains(out, want) || strings.Contains(out, "timed out") {
			t.Fatalf("%s: %v, want %q\n%s", what, err, want, out)
		}
		t.Logf("%s:\n%s", what, out)
	}

	succeed("a command that ends at once", endLead(0))
	d.DrainTimeoutSeconds = 30
	succeed("a change of what has ended", nil)

	d.Image = "example.org/image:2"
	const failed = "MiniCluster %s/" + name + " has failed: the command has ended with exit code 3"
	fail("a command that fails", fmt.Sprintf(failed, namespace), endLead(3))
	fail("the same again", fmt.Sprintf(failed, namespace), nil)
	d.DrainTimeoutSeconds = 20
	fail("a change of what has failed", fmt.Sprintf(failed, namespace), nil)

	// Somebody's certificate that no broker would take: nothing that a component can
	// declare is beyond the API's own rules.
	m.change(func(spec *api.MiniClusterSpec) { spec.Flux.CurveCert = "none" })
	d.DrainTimeoutSeconds = 15
	fail("a change that cannot be", "; what has changed in the spec since cannot be: ", nil)

	m.change(func(spec *api.MiniClusterSpec) { spec.Flux.CurveCert = "" })
	d.WithoutFlux, d.Command = true, "work on"
	release()
	succeed("a change that restarts it", nil)
	m.waitForSize(1)
	m.waitForReason(api.ConditionFailed, api.ReasonRunning)

	m.change(func(spec *api.MiniClusterSpec) { spec.Flux.CurveCert = "none" })
	d.WithoutFlux = false
	fail("a change of what runs that cannot be", "has a spec that the operator cannot follow: ", nil)
}

// TestMinSizeRisesInOneUpdateWhoeverOwnsTheSize: here an autoscaler does, which has
// written the size.
func TestMinSizeRisesInOneUpdateWhoeverOwnsTheSize(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	s := newStack(t)
	m := miniCluster{t, types.NamespacedName{Namespace: namespace, Name: name}}
	d := declaration{Namespace: namespace, Image: "example.org/image:1", Command: "work", WithoutFlux: true}
	for _, d.MinSize = range []int{2, 3} {
		if out, err := s.up(d, nil); err != nil {
			t.Fatalf("minSize %d: %v\n%s", d.MinSize, err, out)
		}
		m.waitForSize(int32(d.MinSize))
		m.mustScale(int32(d.MinSize))
	}
}

// TestAutoscalersTakeEachOthersPlace while ranks run: the size that has been written
// stays, and no rank restarts.
func TestAutoscalersTakeEachOthersPlace(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	s := newStack(t)
	m := miniCluster{t, types.NamespacedName{Namespace: namespace, Name: name}}
	d := declaration{Namespace: namespace, Image: "example.org/image:1", Command: "work", MinSize: 1}
	up := func() {
		t.Helper()
		if out, err := s.up(d, nil); err != nil {
			t.Fatalf("by queue %t: %v\n%s", d.ByQueue, err, out)
		}
	}
	up()
	m.mustScale(3)
	m.waitForSize(3)
	before := uids(m.pods())
	for _, d.ByQueue = range []bool{true, false} {
		up()
		var hpas autoscalingv2.HorizontalPodAutoscalerList
		if err := world.client.List(t.Context(), &hpas, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		spec := m.get().Spec
		if spec.Size != 3 || (spec.Autoscaling.Queue != nil) != d.ByQueue || (len(hpas.Items) == 0) != d.ByQueue {
			t.Errorf("by queue %t: size %d, queue %+v, %d HPAs", d.ByQueue, spec.Size, spec.Autoscaling.Queue, len(hpas.Items))
		}
		m.waitForSize(3)
		if after := uids(m.pods()); !maps.Equal(before, after) {
			t.Errorf("by queue %t: ranks were replaced: %v, and before %v", d.ByQueue, after, before)
		}
	}
}

// newLead waits for a lead that is not the one of before.
func (m miniCluster) newLead(before types.UID) *corev1.Pod {
	m.t.Helper()
	var lead *corev1.Pod
	eventually(m.t, func() error {
		for _, pod := range world.kubelet.podsIn(m.key.Namespace) {
			if rankOf(pod) == "0" && pod.UID != before && pod.DeletionTimestamp == nil {
				lead = pod
				return nil
			}
		}
		return fmt.Errorf("no pod of rank 0 after %q", before)
	})
	return lead
}
