package api

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

// TestPublishedManifestsApply: with kubectl, whose API server knows of no unknown field.
func TestPublishedManifestsApply(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../crds/testdata/published/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	args := []string{"apply", "--dry-run=server", "-n", newNamespace(t)}
	for _, file := range files {
		args = append(args, "-f", file)
	}
	out, err := kubectl(t, args...)
	if created := strings.Count(out, " created (server dry run)"); err != nil || created != len(files) {
		t.Errorf("%d of %d apply: %v\n%s", created, len(files), err, out)
	}
}

// TestWhatStandsBesideAMiniClusterSelectsIt: by the labels of the Flux Operator, and by
// the Service of a container beside the rank, which goes with it.
func TestWhatStandsBesideAMiniClusterSelectsIt(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{
		Size: 2, MaxSize: 2,
		Pod: api.Pod{RestartPolicy: "OnFailure"},
		Containers: []api.Container{
			{Image: "example.org/image:1", RunFlux: true, Command: "serve"},
			{Image: "example.org/front:1", Name: "front", Command: "serve | log", Ports: []int32{9080, 9080}},
		},
		Services: []api.Container{{Name: "store", Image: "example.org/store:1"}},
	})
	m.waitForSize(2)
	m.wantSelected(1, map[string]string{"app.kubernetes.io/name": name, "job-index": "0"})
	m.wantSelected(1, map[string]string{"job-name": name, "job-index": "0"})
	m.wantSelected(2, map[string]string{"app": "flux-operator", "hpa-selector": name, "namespace": m.key.Namespace})
	if got := m.waitForEvent(api.EventAdapted); !strings.HasPrefix(got, "pod.restartPolicy: ") {
		t.Errorf("the event says %q", got)
	}
	services := m.services().(*appsv1.Deployment)
	if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(services), services); err != nil {
		t.Fatal(err)
	}
	if got := services.Spec.Template.Labels; got["job-index"] != "services" || got["job-name"] != name || got["app.kubernetes.io/name"] != name {
		t.Errorf("labels of the services' pod: %v", got)
	}

	var front corev1.Service
	key := types.NamespacedName{Namespace: m.key.Namespace, Name: "front"}
	if err := world.client.Get(t.Context(), key, &front); err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(&front, m.get()) || front.Spec.ClusterIP == corev1.ClusterIPNone || len(front.Spec.Ports) != 1 || front.Spec.Ports[0].TargetPort.IntValue() != 9080 {
		t.Errorf("Service %+v", front)
	}
	m.wantSelected(2, front.Spec.Selector)
	if err := world.client.Delete(t.Context(), &front); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return world.client.Get(t.Context(), key, &front) })

	m.change(func(s *api.MiniClusterSpec) { s.Containers = s.Containers[:1] })
	eventually(t, func() error {
		if err := world.client.Get(t.Context(), key, &front); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the Service is still there"), err)
		}
		return nil
	})
	m.waitForSize(2)
	m.wantSelected(1, map[string]string{"job-index": "0"})
}

// wantSelected waits until so many pods have the labels.
func (m miniCluster) wantSelected(n int, labels map[string]string) {
	m.t.Helper()
	eventually(m.t, func() error {
		var pods corev1.PodList
		if err := world.client.List(m.t.Context(), &pods, client.InNamespace(m.key.Namespace), client.MatchingLabels(labels)); err != nil {
			return err
		}
		live := 0
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp == nil {
				live++
			}
		}
		if live != n {
			return fmt.Errorf("%d pods have the labels %v, want %d", live, labels, n)
		}
		return nil
	})
}

// TestServiceOfAnotherHoldsUpNoRanks: two MiniClusters may have containers of one name.
func TestServiceOfAnotherHoldsUpNoRanks(t *testing.T) {
	t.Parallel()
	theirs := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(t), Name: "front"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if err := world.client.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	m := createIn(t, theirs.Namespace, api.MiniClusterSpec{
		Size: 1,
		Containers: []api.Container{
			{Image: "example.org/image:1", RunFlux: true, Command: "serve"},
			{Image: "example.org/front:1", Name: "front", Ports: []int32{9080}},
		},
	})
	m.waitForSize(1)
	if got := m.waitForEvent(api.EventAdapted); !strings.Contains(got, "the container front has no Service: one of this name belongs to somebody else") {
		t.Errorf("the event says %q", got)
	}
	if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs); err != nil || theirs.Spec.Ports[0].Port != 80 {
		t.Errorf("their Service is %+v, %v", theirs.Spec, err)
	}
}

// TestRestrictedPodsPassTheStandard: of the ranks, with Flux and without, and of the
// services.
func TestRestrictedPodsPassTheStandard(t *testing.T) {
	t.Parallel()
	namespace := func() string {
		return newNamespaceWith(t, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
	}
	spec := api.MiniClusterSpec{
		Size: 1,
		Pod:  api.Pod{Restricted: true},
		Containers: []api.Container{
			{Image: "example.org/image:1", RunFlux: true, Command: "serve"},
			{Image: "example.org/side:1", Name: "side", Command: "a | b"},
		},
		Services: []api.Container{{Name: "store", Image: "example.org/store:1"}},
	}
	m := createIn(t, namespace(), *spec.DeepCopy())
	m.waitForSize(1)
	instance, _ := createInstanceIn(t, namespace(), *spec.DeepCopy())
	instance.waitForSize(1)
	services := instance.services().(*appsv1.Deployment)
	if err := world.client.Get(t.Context(), client.ObjectKeyFromObject(services), services); err != nil {
		t.Fatal(err)
	}
	try := func(template corev1.PodTemplateSpec) error {
		return world.client.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: instance.key.Namespace, Name: "probe"}, Spec: template.Spec,
		}, client.DryRunAll)
	}
	if err := try(services.Spec.Template); err != nil {
		t.Errorf("the services: %v", err)
	}
	// Without restricted, the standard refuses them.
	pod := services.Spec.Template.DeepCopy()
	pod.Spec.Containers[0].SecurityContext = nil
	if err := try(*pod); err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("a pod that is not restricted: %v", err)
	}
}

// TestOwnerMayLetTheLeadGo without a restart of the ranks.
func TestOwnerMayLetTheLeadGo(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1})
	m.waitForSize(1)
	uid := m.job().UID
	budget := func() error { return world.client.Get(t.Context(), m.key, &policyv1.PodDisruptionBudget{}) }
	if err := budget(); err != nil {
		t.Fatal(err)
	}
	m.change(func(s *api.MiniClusterSpec) { s.Pod.DisruptionBudget = api.DisruptionBudgetNone })
	eventually(t, func() error {
		if err := budget(); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("the budget is still there"), err)
		}
		return nil
	})
	m.change(func(s *api.MiniClusterSpec) { s.Pod.DisruptionBudget = "" })
	eventually(t, budget)
	if m.job().UID != uid {
		t.Error("the ranks were started anew")
	}
}

// TestZeroTasksAreStored: the API's default is for those who say nothing.
func TestZeroTasksAreStored(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 1, Tasks: ptr.To[int32](0)})
	other := create(t, api.MiniClusterSpec{Size: 1})
	if got := []int32{*m.get().Spec.Tasks, *other.get().Spec.Tasks}; got[0] != 0 || got[1] != 1 {
		t.Errorf("tasks are %v, want 0 and the default 1", got)
	}
}
