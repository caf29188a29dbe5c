package crds

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// TestBothVersionsAreOne: manifests of both kinds mean the same, and the API
// server converts between them by changing the apiVersion alone.
func TestBothVersionsAreOne(t *testing.T) {
	crd := definition(t)
	if c := crd.Spec.Conversion; c != nil && c.Strategy != apiextensionsv1.NoneConverter {
		t.Errorf("conversion by %s, want None", c.Strategy)
	}
	versions := crd.Spec.Versions
	if len(versions) != 2 {
		t.Fatalf("%d versions, want v1alpha2 and v1alpha1", len(versions))
	}
	newer, older := versions[0], versions[1]
	if newer.Name != "v1alpha2" || !newer.Served || !newer.Storage {
		t.Errorf("%s: served %v, stored %v; want v1alpha2 served and stored", newer.Name, newer.Served, newer.Storage)
	}
	if older.Name != "v1alpha1" || !older.Served || older.Storage {
		t.Errorf("%s: served %v, stored %v; want v1alpha1 served, not stored", older.Name, older.Served, older.Storage)
	}
	older.Name, older.Storage = newer.Name, newer.Storage
	if diff := cmp.Diff(newer, older); diff != "" {
		t.Errorf("the versions differ (-v1alpha2 +v1alpha1):\n%s", diff)
	}
}

func TestScaleSubresourceHasItsPaths(t *testing.T) {
	for _, version := range definition(t).Spec.Versions {
		scale := version.Subresources.Scale
		if scale == nil || scale.LabelSelectorPath == nil {
			t.Fatalf("%s: scale is %+v, want paths of size and selector", version.Name, scale)
		}
		got := []string{scale.SpecReplicasPath, scale.StatusReplicasPath, *scale.LabelSelectorPath}
		want := []string{".spec.size", ".status.size", ".status.selector"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: paths of scale (-want +got):\n%s", version.Name, diff)
		}
		if version.Subresources.Status == nil {
			t.Errorf("%s: no status subresource", version.Name)
		}
	}
}

// TestDefinitionFitsIntoAnAnnotation: "kubectl apply" keeps what it applied in an
// annotation, and all annotations together may have 256 KiB.
// Source: TotalAnnotationSizeLimitB in k8s.io/apimachinery/pkg/api/validation.
func TestDefinitionFitsIntoAnAnnotation(t *testing.T) {
	text, err := json.Marshal(definition(t))
	if err != nil {
		t.Fatal(err)
	}
	if limit := 250 << 10; len(text) > limit {
		t.Errorf("the definition has %d bytes, more than %d", len(text), limit)
	}
}
