package crds

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	api "github.com/gopherlocks/gopherlocks/operator/api/v1alpha2"
	"github.com/gopherlocks/gopherlocks/operator/bounds"
)

const examplesFolder = "../examples"

// TestExamplesAreAccepted: every example applies as it is, and as v1alpha1 too.
func TestExamplesAreAccepted(t *testing.T) {
	eachVersion(t, func(t *testing.T, apiVersion string, s server) {
		for name, documents := range examples(t) {
			t.Run(name, func(t *testing.T) {
				miniClusters := 0
				for _, document := range documents {
					if kindOf(t, document).Kind != api.Kind {
						continue
					}
					miniClusters++
					object, unknown := s.decode(t, document)
					object["apiVersion"] = apiVersion
					if len(unknown) > 0 {
						t.Errorf("unknown fields %q", unknown)
					}
					if got := s.Validate(object, nil); len(got) > 0 {
						t.Errorf("refused: %q", got)
					}
				}
				if miniClusters != 1 {
					t.Errorf("%d MiniClusters, want one", miniClusters)
				}
			})
		}
	})
}

// TestExamplesFitTogether: the other objects of an example are known to
// Kubernetes and belong to its MiniCluster.
func TestExamplesFitTogether(t *testing.T) {
	for name, documents := range examples(t) {
		t.Run(name, func(t *testing.T) {
			var miniCluster api.MiniCluster
			claims := map[string]bool{}
			var autoscalers []autoscaler
			for _, document := range documents {
				switch kind := kindOf(t, document); kind {
				case metav1.TypeMeta{APIVersion: api.GroupVersion.String(), Kind: api.Kind}:
					mustDecode(t, document, &miniCluster)
				case metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"}:
					var claim corev1.PersistentVolumeClaim
					mustDecode(t, document, &claim)
					claims[claim.Name] = true
				case metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "HorizontalPodAutoscaler"}:
					var hpa autoscalingv1.HorizontalPodAutoscaler
					mustDecode(t, document, &hpa)
					target := hpa.Spec.ScaleTargetRef
					autoscalers = append(autoscalers, autoscaler{target.APIVersion, target.Kind, target.Name, *hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas, true})
				case metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"}:
					var hpa autoscalingv2.HorizontalPodAutoscaler
					mustDecode(t, document, &hpa)
					target := hpa.Spec.ScaleTargetRef
					autoscalers = append(autoscalers, autoscaler{target.APIVersion, target.Kind, target.Name, *hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas, hpa.Spec.Metrics[0].Object == nil})
				default:
					t.Errorf("unexpected object %+v", kind)
				}
			}
			for _, container := range miniCluster.Spec.Containers {
				for _, volume := range container.Volumes {
					if volume.ClaimName != "" && !claims[volume.ClaimName] {
						t.Errorf("the claim %s is missing", volume.ClaimName)
					}
				}
			}
			for _, a := range autoscalers {
				a.checkFor(t, miniCluster)
			}
		})
	}
}

func TestExamplesAreListed(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(examplesFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range examples(t) {
		if link := "[" + name + "](" + name + ")"; !strings.Contains(string(list), link) {
			t.Errorf("README.md does not list %s", name)
		}
	}
}

// autoscaler is what both versions of a HorizontalPodAutoscaler say of their target.
type autoscaler struct {
	apiVersion, kind, name   string
	minReplicas, maxReplicas int32
	// measuresUse says that it goes by how much of their request the containers use.
	measuresUse bool
}

func (a autoscaler) checkFor(t *testing.T, m api.MiniCluster) {
	t.Helper()
	if a.apiVersion != m.APIVersion || a.kind != m.Kind || a.name != m.Name {
		t.Errorf("the autoscaler scales %s %s %s, want %s %s %s", a.apiVersion, a.kind, a.name, m.APIVersion, m.Kind, m.Name)
	}
	sizes := bounds.Sizes{Size: int(m.Spec.Size), MinSize: int(m.Spec.MinSize), MaxSize: int(m.Spec.MaxSize)}
	for _, v := range bounds.CheckReplicas(sizes, int(a.minReplicas), int(a.maxReplicas)) {
		t.Error(v)
	}
	if a.measuresUse && m.Spec.Containers[0].Resources.Requests.Cpu().IsZero() {
		t.Error("the container requests no CPU to measure its use by")
	}
}

// examples are the documents of every example, by file name.
func examples(t *testing.T) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examplesFolder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	found := map[string][][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			found[name] = append(found[name], document)
		}
	}
	return found
}

func kindOf(t *testing.T, document []byte) metav1.TypeMeta {
	t.Helper()
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	return kind
}

func mustDecode(t *testing.T, document []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		t.Fatal(err)
	}
}
