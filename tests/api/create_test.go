package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func TestScaleIsReadableFromTheFirstMoment(t *testing.T) {
	t.Parallel()
	// Without a size, the definition's default must apply. The first read follows
	// the creation at once, even before the operator has seen it.
	m := create(t, api.MiniClusterSpec{})
	if got := m.getScale().Spec.Replicas; got != 1 {
		t.Errorf("spec.replicas = %d, want the default 1", got)
	}
	want := api.LabelMiniCluster + "=" + name + "," + api.LabelRole + "=" + api.RoleRank + ",!" + api.LabelEnded
	eventually(t, func() error {
		if got := m.getScale().Status.Selector; got != want {
			return fmt.Errorf("status.selector = %q, want %q", got, want)
		}
		return nil
	})
	m.waitForSize(1)
	out, err := kubectl(t, "get", "--raw", fmt.Sprintf("/apis/flux-framework.org/v1alpha2/namespaces/%s/miniclusters/%s/scale", m.key.Namespace, name))
	if err != nil {
		t.Fatalf("kubectl get --raw …/scale: %v: %s", err, out)
	}
	var scale autoscalingv1.Scale
	if err := json.Unmarshal([]byte(out), &scale); err != nil {
		t.Fatalf("decode the scale: %v", err)
	}
	if scale.Spec.Replicas != 1 || scale.Status.Replicas != 1 || scale.Status.Selector != want {
		t.Errorf("scale = %+v %+v", scale.Spec, scale.Status)
	}
}

func TestMiniClusterBecomesServiceAndElasticJob(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{
		Size: 2, MinSize: 2, MaxSize: 4,
		Containers: []api.Container{{
			Image:       "example.org/image:1",
			Command:     "serve --rank=$(GOPHERLOCKS_RANK) 'two words'",
			Environment: map[string]string{"B": "2", "A": "1"},
			Ports:       []int32{8080, 80},
			Resources: api.Resources{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000m")},
			},
		}},
	})
	m.waitForSize(2)

	var service corev1.Service
	if err := world.client.Get(t.Context(), m.key, &service); err != nil {
		t.Fatalf("get the Service: %v", err)
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses || len(service.Spec.Ports) != 2 {
		t.Errorf("not a headless Service with both ports: %+v", service.Spec)
	}
	job := m.job()
	if *job.Spec.CompletionMode != batchv1.IndexedCompletion || *job.Spec.PodReplacementPolicy != batchv1.Failed {
		t.Errorf("not an Indexed Job that waits for the old pod: %+v", job.Spec)
	}
	for _, o := range []client.Object{&service, job} {
		if owner := metav1.GetControllerOf(o); owner == nil || owner.UID != m.get().UID {
			t.Errorf("%T is not owned by the MiniCluster: %+v", o, owner)
		}
	}
	for rank, pod := range m.pods() {
		if pod.Spec.Hostname != name+"-"+rank || pod.Spec.Subdomain != name {
			t.Errorf("rank %s has host name %s.%s", rank, pod.Spec.Hostname, pod.Spec.Subdomain)
		}
		c := pod.Spec.Containers[0]
		if want := []string{"/gopherlocks/gopherlocks-agent", "plain", "--", "serve", "--rank=$(GOPHERLOCKS_RANK)", "two words"}; fmt.Sprint(c.Command) != fmt.Sprint(want) {
			t.Errorf("command = %q, want %q", c.Command, want)
		}
		env := map[string]string{}
		for _, v := range c.Env {
			env[v.Name] = v.Value
		}
		for k, want := range map[string]string{
			"A": "1", "B": "2",
			"GOPHERLOCKS_NAME":      "flux-sample",
			"GOPHERLOCKS_SERVICE":   "flux-sample",
			"GOPHERLOCKS_LEAD_HOST": "flux-sample-0.flux-sample." + m.key.Namespace + ".svc",
		} {
			if env[k] != want {
				t.Errorf("rank %s: %s=%q, want %q", rank, k, env[k], want)
			}
		}
	}
	if got := m.waitForEvent(api.EventCreated); got != "Created a Job of 2 ranks" {
		t.Errorf("event says %q", got)
	}
}

func TestPrintColumns(t *testing.T) {
	t.Parallel()
	m := create(t, api.MiniClusterSpec{Size: 2, MaxSize: 4})
	m.waitForSize(2)
	out, err := kubectl(t, "get", "mc", "-n", m.key.Namespace)
	if err != nil {
		t.Fatalf("kubectl get mc: %v: %s", err, out)
	}
	lines := strings.Split(out, "\n")
	if got := strings.Fields(lines[0]); fmt.Sprint(got) != "[NAME DESIRED SIZE READY MAX STATE AGE]" {
		t.Errorf("columns %q", got)
	}
	if got := strings.Fields(lines[1]); fmt.Sprint(got[:6]) != "[flux-sample 2 2 2 4 Ready]" {
		t.Errorf("row %q", got)
	}
}

func TestObjectsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	foreign := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
	}
	if err := world.client.Create(t.Context(), foreign); err != nil {
		t.Fatalf("create the foreign Service: %v", err)
	}
	m := createIn(t, ns, api.MiniClusterSpec{Size: 2})
	c := m.waitForReason(api.ConditionReady, api.ReasonNameConflict)
	if !strings.Contains(c.Message, "Service") || c.Status != metav1.ConditionFalse {
		t.Errorf("the condition does not name the Service: %+v", c)
	}
	m.waitForEvent(api.ReasonNameConflict)

	var after corev1.Service
	if err := world.client.Get(t.Context(), m.key, &after); err != nil {
		t.Fatalf("get the foreign Service: %v", err)
	}
	if after.ResourceVersion != foreign.ResourceVersion {
		t.Errorf("the foreign Service was changed: %+v", after.ManagedFields)
	}
	if got := jobWrites(writes(t, ns)); len(got) > 0 {
		t.Errorf("a Job was written beside a foreign Service: %v", got)
	}
}

func TestInvalidSpecIsReported(t *testing.T) {
	t.Parallel()
	m, _ := createInstance(t, api.MiniClusterSpec{Size: 1, Flux: api.Flux{CurveCert: "none"}})
	c := m.waitForReason(api.ConditionReady, api.ReasonInvalidSpec)
	if !strings.Contains(c.Message, "flux.curveCert") {
		t.Errorf("the message does not name the field: %q", c.Message)
	}
	m.waitForEvent(api.ReasonInvalidSpec)
	m.change(func(s *api.MiniClusterSpec) { s.Flux.CurveCert = "" })
	m.waitForSize(1)
}
