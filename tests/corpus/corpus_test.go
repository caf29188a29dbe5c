package corpus

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const published = `# A comment, and an object that is none of ours.
apiVersion: v1
kind: ConfigMap
---
apiVersion: flux-framework.org/v1alpha2
kind: MiniCluster
metadata: {name: lammps}
spec:
  size: 4
  flux: {topology: "kary:2"}
  containers: [{image: "example.org/lammps:1", command: lmp}]
`

func read(t *testing.T, files map[string]string) ([]Manifest, []string) {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	manifests, unread, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	return manifests, unread
}

func one(t *testing.T) Manifest {
	t.Helper()
	manifests, _ := read(t, map[string]string{"people/cluster.yaml": published})
	if len(manifests) != 1 {
		t.Fatalf("%d manifests, want one", len(manifests))
	}
	return manifests[0]
}

func TestReadFindsMiniClustersInEveryFolder(t *testing.T) {
	metricSet := strings.ReplaceAll(published, "MiniCluster", "MetricSet")
	foreign := strings.ReplaceAll(published, "flux-framework.org", "example.org")
	manifests, unread := read(t, map[string]string{
		"a/cluster.yaml":     published,
		"b/deep/cluster.yml": published + "---\n" + published,
		"b/README.md":        published,
		"c/metrics.yaml":     metricSet,
		"c/foreign.yaml":     foreign,
		"d/template.yaml":    "apiVersion: flux-framework.org/v1alpha2\nkind: MiniCluster\nspec:\n  size: {{ size }}\n  x: {% if a %}\n---\n" + published,
		"e/list.yaml":        "- a\n- b\n",
	})
	var files []string
	for _, m := range manifests {
		files = append(files, m.File)
	}
	if diff := cmp.Diff([]string{"a/cluster.yaml", "b/deep/cluster.yml", "b/deep/cluster.yml", "d/template.yaml"}, files); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"d/template.yaml"}, unread); diff != "" {
		t.Errorf("unread (-want +got):\n%s", diff)
	}
}

func TestComplaintsHaveNoNamesAndNumbers(t *testing.T) {
	m := one(t)
	spec := field.NewPath("spec")
	invalid := apierrors.NewInvalid(schema.GroupKind{Group: "flux-framework.org", Kind: "MiniCluster"}, "lammps", field.ErrorList{
		field.Required(spec.Child("containers").Index(0).Child("volumes").Key("shared-memory").Child("path"), ""),
		field.Required(spec.Child("containers").Index(3).Child("volumes").Child("data").Child("path"), ""),
		field.Invalid(spec.Child("pod").Child("labels").Child("app"), 7, "spec.pod.labels.app in body must be of type string"),
		field.Invalid(spec.Child("tasks"), 0, "spec.tasks in body should be greater than or equal to 1"),
		field.Invalid(spec.Child("flux"), "object", "flux.topology kary:2 is not supported: it must be kary:0"),
		field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid"),
		field.Invalid(spec.Child("containers").Index(1), "x", `spec.containers[1] in body should match '^[A-Z]*$'`),
	})
	want := []string{
		"spec.containers[].volumes[].path: Required value",
		"spec.containers[]: Invalid value: spec.containers[] in body should match '^[A-Z]*$'",
		"spec.flux: Invalid value: flux.topology … is not supported: it must be kary:N",
		"spec.pod.labels[]: Invalid value: spec.pod.labels.app in body must be of type string",
		"spec.tasks: Invalid value: spec.tasks in body should be greater than or equal to N",
		"unknown field spec.containers[].cores",
		"unknown field spec.containers[].volumes[].size",
	}
	got := m.Complaints(invalid, []string{
		`unknown field "spec.containers[0].cores"`, `unknown field "spec.containers[1].cores"`,
		`unknown field "spec.containers[0].volumes.data.size"`,
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
	got = m.Complaints(errors.New(`namespaces "flux" not found for lammps`), nil)
	if diff := cmp.Diff([]string{"namespaces … not found for …"}, got); diff != "" {
		t.Errorf("complaints of another error (-want +got):\n%s", diff)
	}
	if got := m.Complaints(nil, nil); len(got) != 0 {
		t.Errorf("complaints about nothing: %q", got)
	}
}

func TestCopiesCountOnceAsDifferentSpecs(t *testing.T) {
	m := one(t)
	other := m
	other.Object = m.Object.DeepCopy()
	other.Object.SetName("another") // the spec is the same
	bigger := m
	bigger.Object = m.Object.DeepCopy()
	bigger.Object.Object["spec"].(map[string]any)["size"] = int64(8)
	got := Count([]Verdict{
		{Manifest: m, Refused: true, Because: []string{"a"}},
		{Manifest: other, Refused: true, Because: []string{"a"}, Elsewhere: true},
		{Manifest: bigger},
	})
	want := map[string]Tally{"flux-framework.org/v1alpha2": {Manifests: 3, Refused: 2, Elsewhere: 1, Different: 2, DifferentRefused: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tallies (-want +got):\n%s", diff)
	}
	if share := got["flux-framework.org/v1alpha2"].Share(); share < 33 || share > 34 {
		t.Errorf("share %v, want a third", share)
	}
	if share := (Tally{}).Share(); share != 0 {
		t.Errorf("share %v of nothing", share)
	}
}

func TestReportListsTheMostFrequentComplaintsFirst(t *testing.T) {
	m := one(t)
	report := Report([]Verdict{
		{Manifest: m, Refused: true, Because: []string{"rare", "frequent"}},
		{Manifest: m, Refused: true, Because: []string{"frequent"}, Elsewhere: true},
		{Manifest: m},
	})
	want := []string{
		"flux-framework.org/v1alpha2: 3 manifests, 1 taken, 2 refused (66.7 %); 1 different specs, 1 refused (100.0 %)",
		"1 of the refused are refused by the other definition too; the others are 33.3 %",
		"manifests different   folders elsewhere  complaint, and an example",
		"        2         1         1         1  frequent",
		"                                         people/cluster.yaml",
		"        1         1         1         0  rare",
		"                                         people/cluster.yaml",
	}
	if diff := cmp.Diff(want, slices.Collect(strings.Lines(report)), cmp.Transformer("trim", func(s string) string { return strings.TrimSuffix(s, "\n") })); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}
