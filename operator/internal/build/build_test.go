package build

import (
	"encoding/json"
	"math"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

func sample() *api.MiniCluster {
	return &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "sample", Namespace: "ns", UID: "mc"},
		Spec: api.MiniClusterSpec{Containers: []api.Container{{
			Image: "image", Command: "run it",
			Resources: api.Resources{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		}}},
	}
}

// encode gives objects of pointers a form to compare.
func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTemplateDependsOnMaximumAndNotOnSize(t *testing.T) {
	template := func(size, maximum int32) string {
		job, err := Job(sample(), size, maximum)
		if err != nil {
			t.Fatal(err)
		}
		if *job.Spec.Completions != size || *job.Spec.Parallelism != size || *job.Spec.BackoffLimit != math.MaxInt32 {
			t.Errorf("size %d: %s", size, encode(t, job.Spec))
		}
		return encode(t, job.Spec.Template)
	}
	if template(1, 4) != template(3, 4) {
		t.Error("the size changes the template")
	}
	if template(1, 4) == template(1, 5) {
		t.Error("the maximum does not reach the template")
	}
}

func TestRanksPodIsRestricted(t *testing.T) {
	job, err := Job(sample(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	pod := job.Spec.Template.Spec
	container := pod.Containers[0]
	if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks || *pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("pod %s", encode(t, pod))
	}
	if *pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("seccomp %s", encode(t, pod.SecurityContext))
	}
	if *container.SecurityContext.AllowPrivilegeEscalation || encode(t, container.SecurityContext.Capabilities.Drop) != `["ALL"]` {
		t.Errorf("container %s", encode(t, container.SecurityContext))
	}
	if *container.Name != "sample" {
		t.Errorf("the container is called %s, want the MiniCluster's name", *container.Name)
	}
}

func TestSelectorMatchesThePodsLabels(t *testing.T) {
	selector, err := metav1.ParseToLabelSelector(Selector("sample"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	job, err := Job(sample(), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Matches(labels.Set(job.Spec.Template.Labels)) {
		t.Errorf("%s does not select a rank's pod", s)
	}
	if s.Matches(labels.Set(Labels("sample"))) {
		t.Errorf("%s selects what is no rank", s)
	}
}

func TestHashSeesChangesAndNotSpellings(t *testing.T) {
	base := TemplateHash(sample(), 4)
	same := sample()
	same.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = resource.MustParse("1000m")
	same.Spec.Size, same.Spec.MinSize = 3, 2
	if TemplateHash(same, 4) != base {
		t.Error("another spelling of a quantity, or the size, changes the hash")
	}
	changes := map[string]func(*api.Container){
		"image":       func(c *api.Container) { c.Image = "b" },
		"command":     func(c *api.Container) { c.Command = "b" },
		"environment": func(c *api.Container) { c.Environment = map[string]string{"A": "1"} },
		"ports":       func(c *api.Container) { c.Ports = []int32{1} },
		"resources":   func(c *api.Container) { c.Resources.Limits = c.Resources.Requests },
		"name":        func(c *api.Container) { c.Name = "b" },
		"workingDir":  func(c *api.Container) { c.WorkingDir = "/b" },
	}
	for what, change := range changes {
		mc := sample()
		change(&mc.Spec.Containers[0])
		if TemplateHash(mc, 4) == base {
			t.Errorf("%s does not change the hash", what)
		}
	}
	if TemplateHash(sample(), 5) == base {
		t.Error("the maximum does not change the hash")
	}
}

// TestHashIsStable: another hash for the same input would restart every
// MiniCluster when the operator is updated.
func TestHashIsStable(t *testing.T) {
	if got, want := TemplateHash(sample(), 4), "c79ecee0a0f80af7"; got != want {
		t.Errorf("hash %s, want %s as ever", got, want)
	}
}

func TestHosts(t *testing.T) {
	for maximum, want := range map[int32]string{1: "s-0", 2: "s-[0-1]", 12: "s-[0-11]"} {
		if got := Hosts("s", maximum); got != want {
			t.Errorf("Hosts(%d) = %s, want %s", maximum, got, want)
		}
	}
}

func TestServiceHasANamedPortForEach(t *testing.T) {
	mc := sample()
	mc.Spec.Containers[0].Ports = []int32{80, 8050}
	service := Service(mc)
	if len(service.Spec.Ports) != 2 || *service.Spec.Ports[1].Name != "port-8050" || *service.Spec.ClusterIP != "None" {
		t.Errorf("service %s", encode(t, service.Spec))
	}
}
