package build

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
)

var update = flag.Bool("update", false, "write testdata as it is built now")

// settings are those of an operator in a recent Kubernetes.
func settings() Settings {
	return Settings{AgentImage: "agent:1", OperatorNamespace: "operator-ns", Features: FeaturesOf(1, 34)}
}

// sample is a MiniCluster of Flux with nothing but what it needs.
func sample() *api.MiniCluster {
	return &api.MiniCluster{
		ObjectMeta: metav1.ObjectMeta{Name: "sample", Namespace: "ns", UID: "mc"},
		Spec: api.MiniClusterSpec{Containers: []api.Container{{
			Image: "image", Command: "run it",
			Resources: api.Resources{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		}}},
	}
}

// plainSample is one without Flux.
func plainSample() *api.MiniCluster {
	mc := sample()
	mc.Spec.Flux.Enabled = ptr.To(false)
	return mc
}

// with returns mc after the change.
func with(mc *api.MiniCluster, change func(*api.MiniClusterSpec)) *api.MiniCluster {
	change(&mc.Spec)
	return mc
}

// builtPod is the template of the ranks in the API's own type, which is easy to
// look into.
func builtPod(t *testing.T, mc *api.MiniCluster) corev1.PodTemplateSpec {
	t.Helper()
	job, err := Job(mc, 2, 4, settings())
	if err != nil {
		t.Fatal(err)
	}
	return decode[corev1.PodTemplateSpec](t, job.Spec.Template)
}

// decode gives an apply configuration the type that it is of.
func decode[T any](t *testing.T, v any) T {
	t.Helper()
	var decoded T
	if err := yaml.UnmarshalStrict([]byte(encode(t, v)), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
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

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func container(t *testing.T, pod corev1.PodTemplateSpec, name string) corev1.Container {
	t.Helper()
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("the pod has no container %q", name)
	return corev1.Container{}
}

// mustRefuse demands an error with all of the texts.
func mustRefuse(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted; want an error with %q", texts)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q lacks %q", err, text)
		}
	}
}

// TestObjectsAreAsRecorded compares all objects of a few MiniClusters with
// testdata. After a change that is meant, write it anew:
// go test ./operator/internal/build -run AsRecorded -update
func TestObjectsAreAsRecorded(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.minicluster.yaml")
	if err != nil || len(inputs) < 3 {
		t.Fatalf("%d MiniClusters in testdata: %v", len(inputs), err)
	}
	for _, input := range inputs {
		t.Run(filepath.Base(input), func(t *testing.T) {
			data, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			mc := &api.MiniCluster{}
			if err = yaml.UnmarshalStrict(data, mc); err != nil {
				t.Fatal(err)
			}
			var documents []string
			for _, object := range allObjects(t, mc, mc.Spec.Size, max(mc.Spec.MaxSize, mc.Spec.Size)) {
				document, failure := yaml.Marshal(object)
				if failure != nil {
					t.Fatal(failure)
				}
				documents = append(documents, string(document))
			}
			got := strings.Join(documents, "---\n")
			golden := strings.TrimSuffix(input, ".minicluster.yaml") + ".objects.yaml"
			if *update {
				if err = os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, golden, got, string(want))
		})
	}
}

// allObjects returns what there is of a MiniCluster.
func allObjects(t *testing.T, mc *api.MiniCluster, size, maximum int32) []any {
	t.Helper()
	job, err := Job(mc, size, maximum, settings())
	if err != nil {
		t.Fatal(err)
	}
	services, err := ServicesPod(mc)
	if err != nil {
		t.Fatal(err)
	}
	objects := []any{Service(mc), job}
	if services != nil {
		objects = append(objects, services)
	}
	if budget := DisruptionBudget(mc); budget != nil {
		objects = append(objects, budget)
	}
	if policy := NetworkPolicy(mc, settings()); policy != nil {
		objects = append(objects, policy)
	}
	if account, role, binding := SelfScaling(mc); account != nil {
		objects = append(objects, account, role, binding)
	}
	return objects
}

// TestExamplesCanBeBuilt: what users copy must not be refused here, after the API
// has accepted it.
func TestExamplesCanBeBuilt(t *testing.T) {
	files, err := filepath.Glob("../../../examples/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mc := &api.MiniCluster{}
		for document := range strings.SplitSeq(string(data), "\n---\n") {
			if strings.Contains(document, "\nkind: MiniCluster\n") {
				if err := yaml.UnmarshalStrict([]byte(document), mc); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
			}
		}
		if mc.Kind != api.Kind {
			t.Errorf("%s holds no MiniCluster", file)
			continue
		}
		if objects := allObjects(t, mc, max(mc.Spec.Size, 1), max(mc.Spec.Size, mc.Spec.MaxSize, 1)); len(objects) < 2 {
			t.Errorf("%s: %d objects", file, len(objects))
		}
	}
}
